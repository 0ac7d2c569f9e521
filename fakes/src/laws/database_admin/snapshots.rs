//! Laws about snapshots.

use super::{Broken, Code, DatabaseSubject, Law, Store, Subject, Verdict, ensure, law, refused};

pub(super) fn laws() -> Vec<Law<DatabaseSubject>> {
    vec![
        law!("DA-33", "a snapshot holds every document, says how many they are, and changes nothing", whole),
        law!("DA-34", "a finished snapshot that is asked for again is answered and stays as it was", repeated),
        law!("DA-35", "another effect takes another snapshot, and the first one stays", another),
        law!("DA-36", "a snapshot outlives its database", outlives),
        law!("DA-37", "of a database that was not made there is no snapshot", no_database),
    ]
}

/// A store with documents in two collections.
async fn filled(subject: &Subject) -> Result<Store, Broken> {
    let store = subject.store().await?;
    let login = subject.login(&store).await?;
    for number in 0..250 {
        login.write(&store.name, "orders", &format!("{number:03}")).await?;
    }
    login.write(&store.name, "extra", "one").await?;
    Ok(store)
}

fn documents(contents: &[String]) -> Vec<&String> {
    contents.iter().filter(|line| line.starts_with("orders/") || line.starts_with("extra/")).collect()
}

async fn whole(subject: Subject) -> Verdict {
    let store = filled(&subject).await?;
    let before = subject.world.contents(&store.name).await?;
    let cx = store.cx()?;
    let taken = subject.admin.snapshot(&cx, &store.name).await?;
    ensure(taken.mark == cx.mark && taken.documents == 251 && taken.bytes > 251 && !taken.place.is_empty(), || {
        format!("{taken:?}")
    })?;
    let kept = subject.world.snapshot_contents(&taken).await?;
    ensure(documents(&kept) == documents(&before), || format!("{} of {} lines", kept.len(), before.len()))?;
    let found = subject.found(&store).await?;
    ensure(found.snapshot.as_ref() == Some(&taken), || format!("{found:?}"))?;
    let after = subject.world.contents(&store.name).await?;
    ensure(after == before, || "a snapshot changed the database".to_owned())
}

async fn repeated(subject: Subject) -> Verdict {
    let store = filled(&subject).await?;
    let cx = store.cx()?;
    let taken = subject.admin.snapshot(&cx, &store.name).await?;
    let login = subject.login(&store).await?;
    for collection in ["orders", "extra"] {
        login.drop_collection(&store.name, collection).await?;
    }
    let again = subject.admin.snapshot(&cx, &store.name).await?;
    ensure(again == taken, || format!("{taken:?} became {again:?}"))?;
    let kept = subject.world.snapshot_contents(&again).await?;
    ensure(documents(&kept).len() == 251, || format!("{} documents are left of 251", documents(&kept).len()))
}

async fn another(subject: Subject) -> Verdict {
    let store = filled(&subject).await?;
    let first = subject.admin.snapshot(&store.cx()?, &store.name).await?;
    subject.login(&store).await?.write(&store.name, "orders", "one-more").await?;
    let second = subject.admin.snapshot(&store.cx()?, &store.name).await?;
    ensure(first.place != second.place && second.documents == 252, || format!("{first:?}, then {second:?}"))?;
    for taken in [first, second] {
        let kept = subject.world.snapshot_contents(&taken).await?;
        ensure(documents(&kept).len() as u64 == taken.documents, || format!("{taken:?} holds {}", documents(&kept).len()))?;
    }
    Ok(())
}

async fn outlives(subject: Subject) -> Verdict {
    let store = filled(&subject).await?;
    subject.admin.remove_user(&store.cx()?, &store.name, &store.user).await?;
    let taken = subject.admin.snapshot(&store.cx()?, &store.name).await?;
    subject.admin.remove_database(&store.cx()?, &store.name).await?;
    subject.nothing(&store).await?;
    let kept = subject.world.snapshot_contents(&taken).await?;
    ensure(documents(&kept).len() == 251, || format!("{} documents are left of 251", documents(&kept).len()))
}

async fn no_database(subject: Subject) -> Verdict {
    let store = Store::new()?;
    refused(subject.admin.snapshot(&store.cx()?, &store.name).await, Code::NotFound)?;
    subject.nothing(&store).await
}
