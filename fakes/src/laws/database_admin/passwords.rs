//! Laws about passwords.

use super::{Code, DatabaseSubject, Law, Store, Subject, Verdict, ensure, law, refused};
use storex_core::Secret;

pub(super) fn laws() -> Vec<Law<DatabaseSubject>> {
    vec![
        law!("DA-17", "without the right password nobody logs in", wrong),
        law!("DA-18", "after a rotation the new password counts, the old one is refused, and nothing else has changed", rotated),
        law!("DA-19", "running connections go on through a rotation", connected),
        law!("DA-20", "a password for a user that is not there is refused and makes none", no_user),
        law!("DA-21", "a password that is empty, too long, or has spaces or other letters is refused; the old one stays", unfit),
        law!("DA-22", "a rotation changes the password of no other user", other_user),
        law!("DA-23", "no password is in facts or errors", silent),
    ]
}

async fn wrong(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    let wrong = Store { password: Secret::new("another-password".to_owned()), ..store.clone() };
    refused(subject.login(&wrong).await, Code::Unauthenticated)?;
    let nobody = Store { user: Store::new()?.user, ..store.clone() };
    refused(subject.login(&nobody).await, Code::Unauthenticated)?;
    let elsewhere = Store { name: subject.database().await?.name, ..store.clone() };
    refused(subject.login(&elsewhere).await, Code::Unauthenticated)?;
    subject.login(&store).await?;
    Ok(())
}

async fn rotated(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    subject.login(&store).await?.write(&store.name, "orders", "1").await?;
    let before = subject.found_user(&store).await?;
    let (cx, next) = (store.cx()?, Store::new()?.password);
    for _ in 0..2 {
        let answered = subject.admin.set_password(&cx, &store.name, &store.user, &next).await?;
        let found = subject.found_user(&store).await?;
        ensure(answered == found && found.password_mark.as_ref() == Some(&cx.mark), || format!("{answered:?}, found {found:?}"))?;
        ensure(found.mark == before.mark && found.grants == before.grants, || format!("{before:?} became {found:?}"))?;
    }
    refused(subject.login(&store).await, Code::Unauthenticated)?;
    let store = Store { password: next, ..store };
    let seen = subject.login(&store).await?.read(&store.name, "orders").await?;
    ensure(seen == ["1"], || format!("wrote 1, read {seen:?}"))
}

async fn connected(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    let login = subject.login(&store).await?;
    login.write(&store.name, "orders", "1").await?;
    subject.admin.set_password(&store.cx()?, &store.name, &store.user, &Store::new()?.password).await?;
    login.write(&store.name, "orders", "2").await?;
    let seen = login.read(&store.name, "orders").await?;
    ensure(seen == ["1", "2"], || format!("wrote 1 and 2, read {seen:?}"))
}

async fn no_user(subject: Subject) -> Verdict {
    let store = subject.database().await?;
    refused(subject.admin.set_password(&store.cx()?, &store.name, &store.user, &store.password).await, Code::NotFound)?;
    let found = subject.found(&store).await?;
    ensure(found.users.is_empty(), || format!("{found:?}"))?;
    refused(subject.login(&store).await, Code::Unauthenticated)
}

async fn unfit(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    let before = subject.found_user(&store).await?;
    let long = "x".repeat(129);
    for bad in ["", " ", "with space", "tab\t", "line\nline", "nul\0", "pass\u{e9}", "\u{7f}", &long] {
        let bad = Secret::new(bad.to_owned());
        refused(subject.admin.set_password(&store.cx()?, &store.name, &store.user, &bad).await, Code::InvalidField)?;
        refused(subject.admin.ensure_user(&store.cx()?, &store.name, &store.user, &bad).await, Code::InvalidField)?;
    }
    let after = subject.found_user(&store).await?;
    ensure(after == before, || format!("{before:?} became {after:?}"))?;
    subject.login(&store).await?;
    let longest = Store { password: Secret::new("\"'`$\\{}%&x".repeat(13).chars().take(128).collect()), ..store };
    subject.admin.set_password(&longest.cx()?, &longest.name, &longest.user, &longest.password).await?;
    subject.login(&longest).await?;
    Ok(())
}

async fn other_user(subject: Subject) -> Verdict {
    let (store, other) = (subject.store().await?, subject.store().await?);
    let before = subject.found_user(&other).await?;
    subject.admin.set_password(&store.cx()?, &store.name, &store.user, &Store::new()?.password).await?;
    let after = subject.found_user(&other).await?;
    ensure(after == before, || format!("{before:?} became {after:?}"))?;
    subject.login(&other).await?;
    Ok(())
}

async fn silent(subject: Subject) -> Verdict {
    let store = subject.database().await?;
    let Store { name, user, password } = &store;
    let mut shown = vec![format!("{:?}", subject.admin.ensure_user(&store.cx()?, name, user, password).await?)];
    shown.push(format!("{:?}", subject.admin.set_password(&store.cx()?, name, user, password).await?));
    shown.push(format!("{:?}", subject.found(&store).await?));
    let nowhere = Store::new()?;
    for outcome in [
        subject.admin.ensure_user(&store.cx()?, &nowhere.name, user, password).await,
        subject.admin.set_password(&store.cx()?, name, &nowhere.user, password).await,
    ] {
        match outcome {
            Err(error) => shown.push(format!("{error} {error:?}")),
            Ok(_) => return Err(super::Broken("it should be refused".to_owned())),
        }
    }
    let bare = Secret::new(format!("{} canary", password.expose()));
    if let Err(error) = subject.admin.set_password(&store.cx()?, name, user, &bare).await {
        shown.push(format!("{error} {error:?}"));
    }
    ensure(!shown.concat().contains(password.expose().as_str()), || "a password is shown".to_owned())
}
