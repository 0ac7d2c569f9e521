//! Laws about who may act now, and what is listed.

use super::{Broken, Code, DatabaseSubject, Law, OURS, Store, Subject, Verdict, ensure, law, refused};

pub(super) fn laws() -> Vec<Law<DatabaseSubject>> {
    vec![
        law!(
            "DA-38",
            "a call with a lower epoch than one seen is refused and changes nothing, whichever call it is",
            lower_epoch
        ),
        law!("DA-39", "calls with the same or a higher epoch go on, and an epoch counts for its own database only", same_epoch),
        law!("DA-40", "what an owner has is listed by what its marks begin with, in order, and nothing of others", listed),
    ]
}

async fn lower_epoch(subject: Subject) -> Verdict {
    let store = subject.store().await?;
    subject.admin.ensure_database(&store.cx_of(OURS, 7)?, &store.name).await?;
    let before = subject.world.contents(&store.name).await?;
    for (call, outcome) in subject.every_call(&store, || store.cx_of(OURS, 6)).await? {
        refused(outcome, Code::StaleEpoch).map_err(|how| Broken(format!("{call}: {how}")))?;
    }
    let after = subject.world.contents(&store.name).await?;
    ensure(after == before, || format!("{before:?} became {after:?}"))?;
    let found = subject.found(&store).await?;
    ensure(found.mark.is_some() && found.snapshot.is_none(), || format!("{found:?}"))
}

async fn same_epoch(subject: Subject) -> Verdict {
    let (store, other) = (subject.store().await?, subject.store().await?);
    subject.admin.ensure_database(&store.cx_of(OURS, 9)?, &store.name).await?;
    for epoch in [9, 9, 10, 11] {
        for (call, outcome) in subject.every_call(&store, || store.cx_of(OURS, epoch)).await? {
            outcome.map_err(|error| Broken(format!("{call} at epoch {epoch}: {error}")))?;
        }
    }
    for (call, outcome) in subject.every_call(&other, || other.cx_of(OURS, 1)).await? {
        outcome.map_err(|error| Broken(format!("{call} of another database: {error}")))?;
    }
    Ok(())
}

async fn listed(subject: Subject) -> Verdict {
    let owner = Store::new()?;
    let mut names = Vec::new();
    for _ in 0..3 {
        let name = Store::new()?.name;
        subject.admin.ensure_database(&owner.cx()?, &name).await?;
        names.insert(0, name);
    }
    subject.database().await?;
    let orphan = Store::new()?.name;
    subject.world.plant_user(&orphan, &owner.user, Some(&owner.cx()?.mark)).await?;
    names.push(orphan);
    names.sort();
    let owned = subject.admin.list_owned(&owner.prefix()?).await?;
    ensure(owned == names, || format!("{owned:?} instead of {names:?}"))?;
    let all = subject.admin.list_owned(&format!("storex/1 i={OURS} ")).await?;
    ensure(names.iter().all(|name| all.contains(name)) && all.len() > names.len(), || format!("{all:?}"))?;
    // Letters with a meaning in patterns are letters.
    let none = subject.admin.list_owned(&owner.prefix()?.replace("s=", "s.")).await?;
    ensure(none.is_empty(), || format!("{none:?} are listed"))
}
