//! Laws about removal, and its proof.

use super::{Code, DatabaseSubject, Law, Store, Subject, Verdict, ensure, law, refused};
use storex_core::STORE_COLLECTIONS;

pub(super) fn laws() -> Vec<Law<DatabaseSubject>> {
    vec![
        law!("DA-24", "a removed user is gone and cannot log in; its documents stay", user_gone),
        law!("DA-25", "running connections of a removed user can do nothing any more", connections_cut),
        law!("DA-26", "removing a user touches no other user", user_alone),
        law!("DA-27", "a database is not removed while a user of it stands", user_stands),
        law!("DA-28", "a removed database is gone with all that was in it", database_gone),
        law!("DA-29", "removing what is absent succeeds and makes nothing", absent),
        law!("DA-30", "removing a database touches no other database", database_alone),
        law!("DA-31", "the name of a removed database can be used anew, and nothing comes back", anew),
        law!("DA-32", "a user that is left without a database is found, listed and can be removed", left_over),
    ]
}

async fn user_gone(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    subject.login(&store).await?.write(&store.name, "orders", "1").await?;
    for _ in 0..2 {
        subject.admin.remove_user(&store.cx()?, &store.name, &store.user).await?;
        let found = subject.found(&store).await?;
        ensure(found.users.is_empty() && found.collections == STORE_COLLECTIONS, || format!("{found:?}"))?;
        refused(subject.login(&store).await, Code::Unauthenticated)?;
    }
    let contents = subject.world.contents(&store.name).await?;
    ensure(contents.iter().any(|line| line.contains("orders/1")), || format!("{contents:?}"))
}

async fn connections_cut(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    let login = subject.login(&store).await?;
    login.write(&store.name, "orders", "1").await?;
    subject.admin.remove_user(&store.cx()?, &store.name, &store.user).await?;
    let before = subject.world.contents(&store.name).await?;
    refused(login.write(&store.name, "orders", "2").await, Code::Denied)?;
    refused(login.read(&store.name, "orders").await, Code::Denied)?;
    let after = subject.world.contents(&store.name).await?;
    ensure(after == before, || format!("{before:?} became {after:?}"))?;
    // A user of the same name made anew does not bring the old connection to life.
    subject.admin.ensure_user(&store.cx()?, &store.name, &store.user, &Store::new()?.password).await?;
    refused(login.write(&store.name, "orders", "3").await, Code::Denied)
}

async fn user_alone(subject: Subject) -> Verdict {
    let (store, other) = (subject.store().await?, subject.store().await?);
    let before = subject.found_user(&other).await?;
    subject.admin.remove_user(&store.cx()?, &store.name, &store.user).await?;
    subject.admin.remove_user(&store.cx()?, &store.name, &other.user).await?;
    let after = subject.found_user(&other).await?;
    ensure(after == before, || format!("{before:?} became {after:?}"))?;
    subject.login(&other).await?;
    Ok(())
}

async fn user_stands(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    subject.login(&store).await?.write(&store.name, "orders", "1").await?;
    let before = subject.world.contents(&store.name).await?;
    refused(subject.admin.remove_database(&store.cx()?, &store.name).await, Code::VersionConflict)?;
    let after = subject.world.contents(&store.name).await?;
    ensure(after == before, || format!("{before:?} became {after:?}"))?;
    let found = subject.found(&store).await?;
    ensure(found.mark.is_some(), || format!("{found:?}"))
}

async fn database_gone(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    let login = subject.login(&store).await?;
    login.write(&store.name, "orders", "1").await?;
    login.write(&store.name, "extra", "1").await?;
    subject.admin.remove_user(&store.cx()?, &store.name, &store.user).await?;
    for _ in 0..2 {
        subject.admin.remove_database(&store.cx()?, &store.name).await?;
        subject.nothing(&store).await?;
    }
    let owned = subject.admin.list_owned(&store.prefix()?).await?;
    ensure(owned.is_empty(), || format!("{owned:?} are listed"))
}

async fn absent(subject: Subject) -> Verdict {
    let store = Store::new()?;
    subject.admin.remove_user(&store.cx()?, &store.name, &store.user).await?;
    subject.admin.remove_database(&store.cx()?, &store.name).await?;
    subject.nothing(&store).await
}

async fn database_alone(subject: Subject) -> Verdict {
    let (store, other) = (subject.database().await?, subject.store().await?);
    subject.login(&other).await?.write(&other.name, "orders", "1").await?;
    let (before, contents) = (subject.found(&other).await?, subject.world.contents(&other.name).await?);
    subject.admin.remove_database(&store.cx()?, &store.name).await?;
    let (after, left) = (subject.found(&other).await?, subject.world.contents(&other.name).await?);
    ensure(after == before && left == contents, || format!("{before:?} became {after:?}: {left:?}"))
}

async fn anew(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    let login = subject.login(&store).await?;
    login.write(&store.name, "orders", "1").await?;
    subject.admin.remove_user(&store.cx()?, &store.name, &store.user).await?;
    subject.admin.remove_database(&store.cx()?, &store.name).await?;
    // Another store of the same name.
    let next = Store { name: store.name.clone(), ..Store::new()? };
    let cx = next.cx()?;
    let made = subject.admin.ensure_database(&cx, &next.name).await?;
    ensure(made.mark.as_ref() == Some(&cx.mark) && made.users.is_empty() && made.snapshot.is_none(), || format!("{made:?}"))?;
    subject.admin.ensure_user(&next.cx()?, &next.name, &next.user, &next.password).await?;
    let seen = subject.login(&next).await?.read(&next.name, "orders").await?;
    ensure(seen.is_empty(), || format!("{seen:?} came back"))?;
    refused(subject.login(&store).await, Code::Unauthenticated)?;
    refused(login.read(&store.name, "orders").await, Code::Denied)
}

async fn left_over(subject: Subject) -> Verdict {
    let store = Store::new()?;
    subject.world.plant_user(&store.name, &store.user, Some(&store.cx()?.mark)).await?;
    let found = subject.found(&store).await?;
    ensure(found.mark.is_none() && found.user(&store.user).is_some(), || format!("{found:?}"))?;
    let owned = subject.admin.list_owned(&store.prefix()?).await?;
    ensure(owned == [store.name.clone()], || format!("{owned:?} are listed"))?;
    subject.admin.remove_user(&store.cx()?, &store.name, &store.user).await?;
    subject.nothing(&store).await
}
