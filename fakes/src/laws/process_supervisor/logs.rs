//! Laws of a process's log.

use super::{Broken, Law, PATIENCE, Verdict, Workshop, ensure, first_lines, law};
use std::sync::Arc;
use std::time::Duration;
use storex_core::{ProcessSpec, Result};

pub(super) fn laws() -> Vec<Law<Workshop>> {
    vec![
        law!("PS-20", "the log holds what the process wrote to its output and its error output", both_streams),
        law!("PS-21", "the tail is the last lines, oldest first, and no more than asked for", tail),
        law!("PS-22", "a store without a process has no log, and a removed one none any more", no_log),
    ]
}

/// The log once both first lines of the process are in it.
async fn written(workshop: &Workshop, spec: &ProcessSpec) -> Result<Vec<String>, Broken> {
    let wanted = first_lines(spec.port);
    let watch = async {
        loop {
            let log = workshop.supervisor.log_tail(&spec.store, 100).await?;
            if wanted.iter().all(|line| log.contains(line)) {
                return Ok(log);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, watch).await;
    seen.unwrap_or_else(|_| Err(Broken("the process's first lines are not in its log".to_owned())))
}

async fn both_streams(workshop: Arc<Workshop>) -> Verdict {
    let spec = workshop.running().await?.spec;
    written(&workshop, &spec).await.map(drop)
}

async fn tail(workshop: Arc<Workshop>) -> Verdict {
    let facts = workshop.running().await?;
    let first = written(&workshop, &facts.spec).await?;
    let mut spec = facts.spec;
    spec.port = workshop.fresh().port;
    workshop.start(&spec).await?;
    let all = written(&workshop, &spec).await?;
    ensure(all.starts_with(&first), || format!("{first:?} does not come first in {all:?}"))?;
    let (store, last) = (&spec.store, all.len() - 1);
    let last = all.iter().skip(last).cloned().collect::<Vec<_>>();
    let one = workshop.supervisor.log_tail(store, 1).await?;
    ensure(one == last, || format!("the last line is {last:?}, the tail {one:?}"))?;
    let none = workshop.supervisor.log_tail(store, 0).await?;
    ensure(none.is_empty(), || format!("no lines were asked for, {none:?} came"))
}

async fn no_log(workshop: Arc<Workshop>) -> Verdict {
    let spec = workshop.fresh();
    let before = workshop.supervisor.log_tail(&spec.store, 10).await?;
    ensure(before.is_empty(), || format!("a store without a process has the log {before:?}"))?;
    workshop.start(&spec).await?;
    written(&workshop, &spec).await?;
    workshop.remove(&spec.store).await?;
    let after = workshop.supervisor.log_tail(&spec.store, 10).await?;
    ensure(after.is_empty(), || format!("a removed store has the log {after:?}"))
}
