//! Laws about what is not ours.

use super::{Code, DatabaseSubject, Law, Store, Subject, THEIRS, Verdict, ensure, law, refused};
use storex_core::Result;

pub(super) fn laws() -> Vec<Law<DatabaseSubject>> {
    vec![
        law!("DA-06", "somebody else's database is found without a mark; no call changes a byte of it", foreign_database),
        law!("DA-07", "a database of another store or another installation is foreign to every call", other_owner),
        law!("DA-08", "where somebody else's user stands no database is made", foreign_user_first),
        law!(
            "DA-09",
            "somebody else's user of the same name is neither changed nor removed, and keeps the database",
            foreign_user
        ),
        law!("DA-10", "what storex makes and removes beside a foreign database leaves it as it was", neighbour),
    ]
}

/// Every call is foreign, and changes nothing.
async fn untouched(subject: &Subject, store: &Store, calls: Vec<(&'static str, Result<()>)>, before: &[String]) -> Verdict {
    for (call, outcome) in calls {
        refused(outcome, Code::ForeignObject).map_err(|how| super::Broken(format!("{call}: {how}")))?;
    }
    let after = subject.world.contents(&store.name).await?;
    ensure(after == before, || format!("{before:?} became {after:?}"))
}

async fn foreign_database(subject: Subject) -> Verdict {
    let store = Store::new()?;
    subject.world.plant_database(&store.name).await?;
    let before = subject.world.contents(&store.name).await?;
    ensure(!before.is_empty(), || "the planted database is empty: nothing would be judged".to_owned())?;
    let found = subject.found(&store).await?;
    ensure(found.mark.is_none() && !found.collections.is_empty() && found.users.is_empty(), || format!("{found:?}"))?;
    // A user of it that is not there is absent: nothing to remove.
    let calls = subject.every_call(&store, || store.cx()).await?.into_iter().filter(|(call, _)| *call != "remove_user");
    untouched(&subject, &store, calls.collect(), &before).await?;
    let owned = subject.admin.list_owned("storex/1 ").await?;
    ensure(!owned.contains(&store.name), || "it is listed as owned".to_owned())
}

async fn other_owner(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    let before = subject.world.contents(&store.name).await?;
    let calls = subject.every_call(&store, || store.cx_of(THEIRS, 1)).await?;
    untouched(&subject, &store, calls, &before).await?;
    let stranger = Store { name: store.name.clone(), ..Store::new()? };
    let calls = subject.every_call(&stranger, || stranger.cx()).await?.into_iter().filter(|(call, _)| *call != "remove_user");
    untouched(&subject, &store, calls.collect(), &before).await
}

async fn foreign_user_first(subject: Subject) -> Verdict {
    let store = Store::new()?;
    subject.world.plant_user(&store.name, &store.user, None).await?;
    let before = subject.world.contents(&store.name).await?;
    refused(subject.admin.ensure_database(&store.cx()?, &store.name).await, Code::ForeignObject)?;
    let found = subject.found(&store).await?;
    ensure(found.mark.is_none() && found.collections.is_empty(), || format!("{found:?}"))?;
    let after = subject.world.contents(&store.name).await?;
    ensure(after == before, || format!("{before:?} became {after:?}"))
}

async fn foreign_user(subject: Subject) -> Verdict {
    let store = subject.database().await?;
    subject.world.plant_user(&store.name, &store.user, None).await?;
    let user = subject.found_user(&store).await?;
    ensure(user.mark.is_none() && user.password_mark.is_none(), || format!("{user:?}"))?;
    let before = subject.world.contents(&store.name).await?;
    let of_user = ["ensure_user", "set_password", "remove_user", "remove_database"];
    let calls = subject.every_call(&store, || store.cx()).await?.into_iter().filter(|(call, _)| of_user.contains(call));
    untouched(&subject, &store, calls.collect(), &before).await
}

async fn neighbour(subject: Subject) -> Verdict {
    let foreign = Store::new()?;
    subject.world.plant_database(&foreign.name).await?;
    subject.world.plant_user(&foreign.name, &foreign.user, None).await?;
    let before = subject.world.contents(&foreign.name).await?;
    let store = subject.store().await?;
    subject.admin.remove_user(&store.cx()?, &store.name, &store.user).await?;
    subject.admin.snapshot(&store.cx()?, &store.name).await?;
    subject.admin.remove_database(&store.cx()?, &store.name).await?;
    let after = subject.world.contents(&foreign.name).await?;
    ensure(after == before, || format!("{before:?} became {after:?}"))
}
