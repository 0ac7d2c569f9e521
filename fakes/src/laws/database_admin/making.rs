//! Laws about making databases.

use super::{DatabaseSubject, Law, Owner, Store, Subject, Verdict, ensure, law};
use storex_core::STORE_COLLECTIONS;

pub(super) fn laws() -> Vec<Law<DatabaseSubject>> {
    vec![
        law!("DA-01", "of a database nobody made nothing is found", unknown),
        law!("DA-02", "a database that was made has the collections of a store, its effect's mark and no user", made),
        law!("DA-03", "making it again keeps its mark, its users and every document", again),
        law!("DA-04", "collections the store dropped are made again; with none left the database is still ours", dropped),
        law!("DA-05", "two databases are two: what is in one is not in the other", two),
    ]
}

async fn unknown(subject: Subject) -> Verdict {
    let store = Store::new()?;
    subject.nothing(&store).await?;
    let owned = subject.admin.list_owned(&store.prefix()?).await?;
    ensure(owned.is_empty(), || format!("{owned:?} are listed"))
}

async fn made(subject: Subject) -> Verdict {
    let store = Store::new()?;
    let cx = store.cx()?;
    let answered = subject.admin.ensure_database(&cx, &store.name).await?;
    let found = subject.found(&store).await?;
    ensure(found == answered, || format!("answered {answered:?}, found {found:?}"))?;
    ensure(found.name == store.name && found.collections == STORE_COLLECTIONS, || format!("{found:?}"))?;
    ensure(found.mark.as_ref() == Some(&cx.mark), || format!("made by {}, found {found:?}", cx.mark))?;
    ensure(found.users.is_empty() && found.snapshot.is_none(), || format!("{found:?}"))
}

async fn again(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    subject.login(&store).await?.write(&store.name, "orders", "1").await?;
    let (before, contents) = (subject.found(&store).await?, subject.world.contents(&store.name).await?);
    let cx = store.cx()?;
    for _ in 0..2 {
        let answered = subject.admin.ensure_database(&cx, &store.name).await?;
        ensure(answered == before, || format!("{before:?} became {answered:?}"))?;
    }
    let after = subject.world.contents(&store.name).await?;
    ensure(after == contents, || format!("{contents:?} became {after:?}"))
}

async fn dropped(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    let login = subject.login(&store).await?;
    login.write(&store.name, "extra", "1").await?;
    for collection in STORE_COLLECTIONS {
        login.drop_collection(&store.name, collection).await?;
    }
    let found = subject.found(&store).await?;
    ensure(found.collections == ["extra"], || format!("{found:?}"))?;
    login.drop_collection(&store.name, "extra").await?;
    let found = subject.found(&store).await?;
    let ours = found.mark.as_ref().is_some_and(|mark| mark.subject == Owner::Store(store.user.digits()));
    ensure(found.collections.is_empty() && ours, || format!("{found:?}"))?;
    subject.admin.ensure_database(&store.cx()?, &store.name).await?;
    let found = subject.found(&store).await?;
    ensure(found.collections == STORE_COLLECTIONS, || format!("{found:?}"))
}

async fn two(subject: Subject) -> Verdict {
    let (one, other) = (subject.store().await?, subject.store().await?);
    let before = subject.world.contents(&other.name).await?;
    subject.login(&one).await?.write(&one.name, "orders", "of-one").await?;
    let after = subject.world.contents(&other.name).await?;
    ensure(before == after, || format!("{before:?} became {after:?}"))?;
    let seen = subject.login(&other).await?.read(&other.name, "orders").await?;
    ensure(seen.is_empty(), || format!("{seen:?} came from elsewhere"))
}
