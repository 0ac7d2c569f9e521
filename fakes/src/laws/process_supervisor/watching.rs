//! Laws of what a supervisor says and does while nobody calls.

use super::{Broken, Law, Verdict, Workshop, ensure, identity, law};
use std::sync::Arc;
use storex_core::ProcessStatus;

pub(super) fn laws() -> Vec<Law<Workshop>> {
    vec![
        law!("PS-09", "a supervisor says what it is", info),
        law!("PS-10", "the list says of a started process what its start answered", listed_as_started),
        law!("PS-11", "a process that is killed comes back with another pid and one restart more", comes_back),
        law!("PS-12", "a start on request begins at no restarts", restarts_from_zero),
        law!("PS-13", "a store's calls do not touch another store's process", neighbours),
    ]
}

async fn info(workshop: Arc<Workshop>) -> Verdict {
    let info = workshop.supervisor.info().await?;
    ensure(!info.name.is_empty() && !info.version.is_empty(), || format!("{info:?}"))
}

async fn listed_as_started(workshop: Arc<Workshop>) -> Verdict {
    let spec = workshop.fresh();
    let started = workshop.start(&spec).await?;
    let listed = workshop.listed(&spec.store).await?;
    ensure(listed.as_ref() == Some(&started), || format!("started {started:?}, listed {listed:?}"))
}

async fn comes_back(workshop: Arc<Workshop>) -> Verdict {
    let facts = workshop.running().await?;
    let (pid, _) = identity(&facts)?;
    (workshop.kill)(pid);
    let back = workshop
        .until(&facts.spec.store, |now| now.status == ProcessStatus::Running && now.pid.is_some_and(|now| now != pid))
        .await?;
    ensure(back.restarts == facts.restarts + 1, || format!("{} restarts after one end", back.restarts))?;
    ensure(back.spec == facts.spec, || "it came back with another specification".to_owned())?;
    ensure(workshop.lives(&back)? && !workshop.lives(&facts)?, || "the wrong process lives".to_owned())
}

async fn restarts_from_zero(workshop: Arc<Workshop>) -> Verdict {
    let facts = workshop.running().await?;
    let (pid, _) = identity(&facts)?;
    (workshop.kill)(pid);
    let back = workshop.until(&facts.spec.store, |now| now.restarts == 1 && now.status == ProcessStatus::Running).await?;
    let mut spec = back.spec;
    spec.environment_digest.push('x');
    let started = workshop.start(&spec).await?;
    ensure(started.restarts == 0, || format!("{} restarts after a start on request", started.restarts))
}

async fn neighbours(workshop: Arc<Workshop>) -> Verdict {
    let (one, two, kept) = (workshop.running().await?, workshop.running().await?, workshop.running().await?);
    workshop.stop(&one.spec.store).await?;
    workshop.remove(&two.spec.store).await?;
    let now = workshop.listed(&kept.spec.store).await?.ok_or_else(|| Broken("the neighbour is gone".to_owned()))?;
    ensure(identity(&now)? == identity(&kept)? && workshop.lives(&kept)?, || "the neighbour was replaced".to_owned())
}
