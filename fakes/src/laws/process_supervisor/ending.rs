//! Laws of stopping and removing a process.

use super::{Broken, Law, Verdict, Workshop, ensure, identity, late_effect, law};
use std::sync::Arc;
use storex_core::{Code, ProcessStatus};

pub(super) fn laws() -> Vec<Law<Workshop>> {
    vec![
        law!("PS-14", "a stopped process has ended and stays listed as stopped", stops),
        law!("PS-15", "a stopped process can be started again", starts_again),
        law!("PS-16", "a removed process has ended and is not listed", removes),
        law!("PS-17", "stopping and removing what is absent succeeds and lists nothing", absent),
        law!("PS-18", "stopping twice and removing what is stopped succeed", twice),
        law!("PS-19", "after the deadline nothing is ended, and that is known", late_end),
    ]
}

async fn stops(workshop: Arc<Workshop>) -> Verdict {
    let facts = workshop.running().await?;
    workshop.stop(&facts.spec.store).await?;
    ensure(!workshop.lives(&facts)?, || "the process still lives".to_owned())?;
    let listed = workshop.listed(&facts.spec.store).await?.ok_or_else(|| Broken("it is not listed".to_owned()))?;
    ensure(listed.status == ProcessStatus::Stopped && listed.pid.is_none(), || format!("{listed:?}"))?;
    ensure(listed.spec == facts.spec, || "its specification was lost".to_owned())
}

async fn starts_again(workshop: Arc<Workshop>) -> Verdict {
    let facts = workshop.running().await?;
    workshop.stop(&facts.spec.store).await?;
    let again = workshop.start(&facts.spec).await?;
    ensure(identity(&again)? != identity(&facts)?, || "it has the identity of the ended process".to_owned())?;
    ensure(workshop.lives(&again)?, || "it does not live".to_owned())
}

async fn removes(workshop: Arc<Workshop>) -> Verdict {
    let facts = workshop.running().await?;
    workshop.remove(&facts.spec.store).await?;
    ensure(!workshop.lives(&facts)?, || "the process still lives".to_owned())?;
    ensure(workshop.listed(&facts.spec.store).await?.is_none(), || "it is still listed".to_owned())
}

async fn absent(workshop: Arc<Workshop>) -> Verdict {
    let store = workshop.fresh().store;
    workshop.stop(&store).await?;
    workshop.remove(&store).await?;
    ensure(workshop.listed(&store).await?.is_none(), || "what never was is listed".to_owned())
}

async fn twice(workshop: Arc<Workshop>) -> Verdict {
    let store = workshop.running().await?.spec.store;
    workshop.stop(&store).await?;
    workshop.stop(&store).await?;
    workshop.remove(&store).await?;
    workshop.remove(&store).await?;
    ensure(workshop.listed(&store).await?.is_none(), || "it is still listed".to_owned())
}

async fn late_end(workshop: Arc<Workshop>) -> Verdict {
    let facts = workshop.running().await?;
    let store = &facts.spec.store;
    let late = late_effect(store)?;
    for ended in [workshop.supervisor.stop(&late, store).await, workshop.supervisor.remove(&late, store).await] {
        let Err(error) = ended else {
            return ensure(false, || "a call after its deadline succeeded".to_owned());
        };
        ensure(error.code() == Code::Timeout && !error.is_unclear(), || format!("the error is {error:?}"))?;
    }
    ensure(workshop.lives(&facts)?, || "a call after its deadline ended the process".to_owned())
}
