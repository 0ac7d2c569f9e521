//! Laws about the users of databases.

use super::{Code, DatabaseSubject, Law, Store, Subject, Verdict, ensure, law, refused};

pub(super) fn laws() -> Vec<Law<DatabaseSubject>> {
    vec![
        law!("DA-11", "a user that was made has its effect's mark and the right to its own database, and works there", made),
        law!("DA-12", "a user reaches no other database: it can neither read nor write nor drop there", confined),
        law!("DA-13", "a user with more rights than its own database is seen, and ensuring brings it back", widened),
        law!("DA-14", "a user of a database that was not made is refused and leaves nothing", no_database),
        law!("DA-15", "ensuring a user again keeps its mark, and the last password counts", again),
        law!("DA-16", "running connections go on when the user is ensured again", ensured_while_connected),
    ]
}

async fn made(subject: Subject) -> Verdict {
    let store = subject.database().await?;
    let cx = store.cx()?;
    let answered = subject.admin.ensure_user(&cx, &store.name, &store.user, &store.password).await?;
    let found = subject.found_user(&store).await?;
    ensure(found == answered && found.name == store.user.as_str(), || format!("answered {answered:?}, found {found:?}"))?;
    ensure(found.mark.as_ref() == Some(&cx.mark) && found.password_mark.as_ref() == Some(&cx.mark), || format!("{found:?}"))?;
    ensure(found.is_confined_to(&store.name), || format!("{found:?}"))?;
    let login = subject.login(&store).await?;
    login.write(&store.name, "orders", "1").await?;
    let seen = login.read(&store.name, "orders").await?;
    ensure(seen == ["1"], || format!("wrote 1, read {seen:?}"))
}

async fn confined(subject: Subject) -> Verdict {
    let (store, other) = (subject.store().await?, subject.store().await?);
    subject.login(&other).await?.write(&other.name, "orders", "1").await?;
    let before = subject.world.contents(&other.name).await?;
    let login = subject.login(&store).await?;
    refused(login.read(&other.name, "orders").await, Code::Denied)?;
    refused(login.write(&other.name, "orders", "2").await, Code::Denied)?;
    refused(login.drop_collection(&other.name, "orders").await, Code::Denied)?;
    let after = subject.world.contents(&other.name).await?;
    ensure(after == before, || format!("{before:?} became {after:?}"))
}

async fn widened(subject: Subject) -> Verdict {
    let (store, other) = (subject.store().await?, subject.store().await?);
    subject.world.widen(&store.name, &store.user, &other.name).await?;
    let found = subject.found_user(&store).await?;
    ensure(!found.is_confined_to(&store.name) && found.grants.len() == 2, || format!("{found:?}"))?;
    subject.admin.ensure_user(&store.cx()?, &store.name, &store.user, &store.password).await?;
    let found = subject.found_user(&store).await?;
    ensure(found.is_confined_to(&store.name), || format!("{found:?}"))?;
    refused(subject.login(&store).await?.read(&other.name, "orders").await, Code::Denied)
}

async fn no_database(subject: Subject) -> Verdict {
    let store = Store::new()?;
    let Store { name, user, password } = &store;
    refused(subject.admin.ensure_user(&store.cx()?, name, user, password).await, Code::NotFound)?;
    refused(subject.admin.set_password(&store.cx()?, name, user, password).await, Code::NotFound)?;
    subject.nothing(&store).await
}

async fn again(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    let before = subject.found_user(&store).await?;
    let (cx, next) = (store.cx()?, Store::new()?.password);
    for _ in 0..2 {
        subject.admin.ensure_user(&cx, &store.name, &store.user, &next).await?;
    }
    let after = subject.found_user(&store).await?;
    ensure(after.mark == before.mark, || format!("{before:?} became {after:?}"))?;
    ensure(after.password_mark.as_ref() == Some(&cx.mark), || format!("{after:?}"))?;
    refused(subject.login(&store).await, Code::Unauthenticated)?;
    let store = Store { password: next, ..store };
    subject.login(&store).await?.write(&store.name, "orders", "1").await?;
    Ok(())
}

async fn ensured_while_connected(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    let login = subject.login(&store).await?;
    login.write(&store.name, "orders", "1").await?;
    subject.admin.ensure_user(&store.cx()?, &store.name, &store.user, &Store::new()?.password).await?;
    login.write(&store.name, "orders", "2").await?;
    let seen = login.read(&store.name, "orders").await?;
    ensure(seen == ["1", "2"], || format!("wrote 1 and 2, read {seen:?}"))
}
