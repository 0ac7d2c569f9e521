//! Laws about directories.

use super::{Code, Law, StoreFiles, Subject, Verdict, cx, ensure, law, nothing, package, package_of, refused};
use storex_core::StorePackage;

pub(super) fn laws() -> Vec<Law<dyn StoreFiles>> {
    vec![
        law!("SF-01", "of a store never heard of nothing lies there", unknown),
        law!("SF-02", "a directory that was made is found, intact and at an absolute path of its own", made),
        law!("SF-03", "making a directory again changes none of its facts", again),
        law!("SF-04", "the digest follows the package: other links, another digest, and back", digest_follows),
        law!("SF-05", "a link outside the closed list is refused and leaves nothing", closed_list),
        law!("SF-06", "a directory other than the store's own is refused and leaves nothing", own_directory),
        law!("SF-07", "a refused change leaves the directory as it was", refused_change),
        law!("SF-08", "a directory of another store is foreign: not changed, not removed, not found", foreign),
        law!("SF-09", "a removed directory is gone, removing it again succeeds, and it can be made anew", removed),
        law!("SF-10", "removing a directory touches no other store and no environment file", removed_alone),
    ]
}

async fn unknown(files: Subject) -> Verdict {
    let store = package()?.store_id;
    nothing(&files, &store).await?;
    files.remove_tree(&cx(&store)?, &store).await?;
    files.remove_environment(&cx(&store)?, &store).await?;
    nothing(&files, &store).await
}

async fn made(files: Subject) -> Verdict {
    let (one, two) = (package()?, package()?);
    let first = files.ensure_tree(&cx(&one.store_id)?, &one).await?;
    let second = files.ensure_tree(&cx(&two.store_id)?, &two).await?;
    ensure(first.intact && first.path.is_absolute() && !first.digest.is_empty(), || format!("{first:?}"))?;
    ensure(first.path != second.path && first.path.ends_with(one.store_id.username().as_str()), || {
        format!("{first:?} and {second:?}")
    })?;
    let found = files.find(&one.store_id).await?;
    ensure(found.tree.as_ref() == Some(&first), || format!("made {first:?}, found {found:?}"))?;
    ensure(found.environment.is_none(), || "a directory brought an environment file".to_owned())?;
    ensure(files.list().await?.contains(&one.store_id), || "it is not listed".to_owned())
}

async fn again(files: Subject) -> Verdict {
    let package = package()?;
    let first = files.ensure_tree(&cx(&package.store_id)?, &package).await?;
    let second = files.ensure_tree(&cx(&package.store_id)?, &package).await?;
    ensure(first == second, || format!("{first:?} became {second:?}"))?;
    ensure(files.find(&package.store_id).await?.tree == Some(second), || "found otherwise".to_owned())
}

async fn digest_follows(files: Subject) -> Verdict {
    let full = package()?;
    let mut fewer = full.clone();
    fewer.symlinks.static_assets.clear();
    let mut digests = Vec::new();
    for package in [&full, &fewer, &full] {
        let facts = files.ensure_tree(&cx(&package.store_id)?, package).await?;
        let found = files.find(&package.store_id).await?.tree;
        ensure(facts.intact && found.as_ref() == Some(&facts), || format!("made {facts:?}, found {found:?}"))?;
        digests.push(facts.digest);
    }
    let [first, second, third] = digests.as_slice() else {
        return Ok(());
    };
    ensure(first == third, || "equal packages have different digests".to_owned())?;
    ensure(first != second, || "different links have the same digest".to_owned())
}

async fn closed_list(files: Subject) -> Verdict {
    for bad in ["", ".", "..", "../models", "/etc", "models/..", "Models", "app.js", ".storex", "models\n", "node_modules"] {
        for static_asset in [false, true] {
            let mut package = package()?;
            let list = if static_asset { &mut package.symlinks.static_assets } else { &mut package.symlinks.core_components };
            list.push(bad.to_owned());
            refused(files.ensure_tree(&cx(&package.store_id)?, &package).await, Code::InvalidField)?;
            nothing(&files, &package.store_id).await?;
        }
    }
    Ok(())
}

async fn own_directory(files: Subject) -> Verdict {
    let neighbour = package()?;
    files.ensure_tree(&cx(&neighbour.store_id)?, &neighbour).await?;
    let name = package()?.store_id.username().to_string();
    let others = ["", "/", "/stores", "/stores/", "/stores/..", "/etc/passwd", "/stores/../etc"].map(str::to_owned);
    let close = [
        format!("/stores/{name}/"),
        format!("/stores/{name}/x"),
        format!("stores/{name}"),
        format!("/stores/./{name}"),
        neighbour.directory.clone(),
    ];
    for directory in others.into_iter().chain(close) {
        let package = StorePackage { directory, ..package_of(&format!("{name}-10001").parse()?) };
        refused(files.ensure_tree(&cx(&package.store_id)?, &package).await, Code::InvalidField)?;
        nothing(&files, &package.store_id).await?;
    }
    Ok(())
}

async fn refused_change(files: Subject) -> Verdict {
    let package = package()?;
    let before = files.ensure_tree(&cx(&package.store_id)?, &package).await?;
    let mut bad = package.clone();
    bad.symlinks.core_components = vec!["models".to_owned(), "../x".to_owned()];
    refused(files.ensure_tree(&cx(&package.store_id)?, &bad).await, Code::InvalidField)?;
    let found = files.find(&package.store_id).await?.tree;
    ensure(found.as_ref() == Some(&before), || format!("{before:?} became {found:?}"))
}

async fn foreign(files: Subject) -> Verdict {
    let owner = package()?;
    let before = files.ensure_tree(&cx(&owner.store_id)?, &owner).await?;
    let other = package_of(&format!("{}-10002", owner.store_id.username()).parse()?);
    refused(files.ensure_tree(&cx(&other.store_id)?, &other).await, Code::ForeignObject)?;
    refused(files.remove_tree(&cx(&other.store_id)?, &other.store_id).await, Code::ForeignObject)?;
    nothing(&files, &other.store_id).await?;
    let found = files.find(&owner.store_id).await?.tree;
    ensure(found.as_ref() == Some(&before), || format!("{before:?} became {found:?}"))
}

async fn removed(files: Subject) -> Verdict {
    let package = package()?;
    let before = files.ensure_tree(&cx(&package.store_id)?, &package).await?;
    for _ in 0..2 {
        files.remove_tree(&cx(&package.store_id)?, &package.store_id).await?;
        nothing(&files, &package.store_id).await?;
    }
    let anew = files.ensure_tree(&cx(&package.store_id)?, &package).await?;
    ensure(anew == before, || format!("{before:?} was made anew as {anew:?}"))
}

async fn removed_alone(files: Subject) -> Verdict {
    let (gone, stays) = (package()?, package()?);
    for package in [&gone, &stays] {
        files.ensure_tree(&cx(&package.store_id)?, package).await?;
        files.ensure_environment(&cx(&package.store_id)?, package).await?;
    }
    let (before, environment) = (files.find(&stays.store_id).await?, files.find(&gone.store_id).await?.environment);
    files.remove_tree(&cx(&gone.store_id)?, &gone.store_id).await?;
    let left = files.find(&gone.store_id).await?;
    ensure(left.tree.is_none() && left.environment == environment && environment.is_some(), || format!("left {left:?}"))?;
    ensure(files.find(&stays.store_id).await? == before, || "another store changed".to_owned())?;
    ensure(files.list().await?.contains(&gone.store_id), || "a store with an environment file is not listed".to_owned())
}
