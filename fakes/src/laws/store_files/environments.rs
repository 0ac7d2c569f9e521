//! Laws about environment files.

use super::{Broken, Code, Law, StoreFiles, Subject, Verdict, cx, ensure, law, nothing, package, refused, with};
use serde_json::{Value, json};

pub(super) fn laws() -> Vec<Law<dyn StoreFiles>> {
    vec![
        law!("SF-11", "an environment file that was written is found, at an absolute path of its own", written),
        law!("SF-12", "its digest follows the variables and nothing else", digest_follows),
        law!("SF-13", "reserved and malformed keys are refused by name and leave the file as it was", keys),
        law!("SF-14", "values the file cannot hold exactly are refused by their key and leave the file as it was", values),
        law!("SF-15", "values of every kind the file can hold are taken, however odd", odd_values),
        law!("SF-16", "a refusal does not repeat the value", silent),
        law!("SF-17", "a removed file is gone, removing it again succeeds, and the directory stays", removed),
        law!("SF-18", "each store is listed once, whatever of it lies there", listed_once),
    ]
}

async fn written(files: Subject) -> Verdict {
    let (one, two) = (package()?, package()?);
    let first = files.ensure_environment(&cx(&one.store_id)?, &one).await?;
    let second = files.ensure_environment(&cx(&two.store_id)?, &two).await?;
    ensure(first.path.is_absolute() && first.path != second.path && !first.digest.is_empty(), || {
        format!("{first:?} and {second:?}")
    })?;
    let found = files.find(&one.store_id).await?;
    ensure(found.environment.as_ref() == Some(&first) && found.tree.is_none(), || format!("wrote {first:?}, found {found:?}"))
}

async fn digest_follows(files: Subject) -> Verdict {
    let package = package()?;
    let changed = with(&package, "FORCE_HTTPS", json!(false));
    let longer = with(&package, "DB_NAME", json!("store_x"));
    let mut digests = Vec::new();
    for package in [&package, &changed, &longer, &package] {
        let facts = files.ensure_environment(&cx(&package.store_id)?, package).await?;
        let found = files.find(&package.store_id).await?.environment;
        ensure(found.as_ref() == Some(&facts), || format!("wrote {facts:?}, found {found:?}"))?;
        digests.push(facts.digest);
    }
    let [first, second, third, fourth] = digests.as_slice() else {
        return Ok(());
    };
    ensure(first == fourth, || "equal variables have different digests".to_owned())?;
    ensure(first != second && first != third && second != third, || "different variables have the same digest".to_owned())
}

/// Tries to write one more variable; it must be refused by its key and leave what was there.
async fn refuses(files: &Subject, key: &str, value: Value) -> Verdict {
    let package = package()?;
    let before = files.ensure_environment(&cx(&package.store_id)?, &package).await?;
    let outcome = files.ensure_environment(&cx(&package.store_id)?, &with(&package, key, value)).await;
    let error = refused(outcome, Code::InvalidField).map_err(|Broken(how)| Broken(format!("{key:?}: {how}")))?;
    let named = error.pointer_str().is_some_and(|pointer| pointer.starts_with("/environment/") && pointer.contains(key));
    ensure(named || key.contains(['/', '~']), || format!("the refusal of {key:?} points at {:?}", error.pointer_str()))?;
    let found = files.find(&package.store_id).await?.environment;
    ensure(found.as_ref() == Some(&before), || format!("after the refusal of {key:?}, {before:?} became {found:?}"))
}

async fn keys(files: Subject) -> Verdict {
    let long = "A".repeat(65);
    let malformed =
        ["", "port", "_A", "1A", "A-B", "A B", "A=B", "A\nB", "uid", "pm_out_log_path", "__proto__", "constructor", &long];
    let reserved = ["NODE_OPTIONS", "NODE_PATH", "PM2_HOME", "PROCESS_TITLE", "LD_PRELOAD", "PATH", "HOME", "SHELL"];
    for key in malformed.into_iter().chain(reserved) {
        refuses(&files, key, json!("x")).await?;
    }
    Ok(())
}

async fn values(files: Subject) -> Verdict {
    let texts = ["a\0b", "a\rb", "'`\"#", "'`\"\n", "'`\\n#", " '`\""].map(|text| json!(text));
    for value in texts.into_iter().chain([json!(null), json!(1.5), json!([1]), json!({ "a": 1 })]) {
        refuses(&files, "VALUE", value).await?;
    }
    Ok(())
}

async fn odd_values(files: Subject) -> Verdict {
    let texts = [
        "",
        " ",
        "a b",
        "#",
        "=",
        "$HOME",
        "\\",
        "\\n",
        "'",
        "\"",
        "`",
        "it's",
        "two\nlines",
        "é漢😀\u{2028}",
        "'`",
        "x'`\"",
        "x'`\"\\n",
    ];
    let kinds = [json!(0), json!(-1), json!(u64::MAX), json!(i64::MIN), json!(true), json!(false)];
    for value in texts.map(|text| json!(text)).into_iter().chain(kinds) {
        let package = with(&package()?, "VALUE", value.clone());
        let facts = files
            .ensure_environment(&cx(&package.store_id)?, &package)
            .await
            .map_err(|error| Broken(format!("{value} was refused: {error}")))?;
        ensure(files.find(&package.store_id).await?.environment == Some(facts), || format!("{value} is found otherwise"))?;
    }
    for key in ["A", "TZ", "DB_PASSWORD", "HOMEPAGE", &"A".repeat(64)] {
        let package = with(&package()?, key, json!("x"));
        files
            .ensure_environment(&cx(&package.store_id)?, &package)
            .await
            .map_err(|error| Broken(format!("{key} was refused: {error}")))?;
    }
    Ok(())
}

async fn silent(files: Subject) -> Verdict {
    const SECRET: &str = "hunter2\0'`\"";
    let package = with(&package()?, "DB_PASSWORD", json!(SECRET));
    let error = refused(files.ensure_environment(&cx(&package.store_id)?, &package).await, Code::InvalidField)?;
    ensure(!format!("{error:?} {error}").contains("hunter2"), || "the refusal repeats the value".to_owned())
}

async fn removed(files: Subject) -> Verdict {
    let package = package()?;
    let tree = files.ensure_tree(&cx(&package.store_id)?, &package).await?;
    files.ensure_environment(&cx(&package.store_id)?, &package).await?;
    for _ in 0..2 {
        files.remove_environment(&cx(&package.store_id)?, &package.store_id).await?;
        let found = files.find(&package.store_id).await?;
        ensure(found.environment.is_none() && found.tree.as_ref() == Some(&tree), || format!("{found:?} is left"))?;
    }
    files.remove_tree(&cx(&package.store_id)?, &package.store_id).await?;
    nothing(&files, &package.store_id).await
}

async fn listed_once(files: Subject) -> Verdict {
    let (tree, environment, both) = (package()?, package()?, package()?);
    for package in [&tree, &both] {
        files.ensure_tree(&cx(&package.store_id)?, package).await?;
    }
    for package in [&environment, &both] {
        files.ensure_environment(&cx(&package.store_id)?, package).await?;
    }
    let listed = files.list().await?;
    for package in [&tree, &environment, &both] {
        let times = listed.iter().filter(|store| **store == package.store_id).count();
        ensure(times == 1, || format!("{} is listed {times} times", package.store_id))?;
    }
    Ok(())
}
