//! Laws of starting a process.

use super::{Law, Verdict, Workshop, ensure, identity, late_effect, law};
use futures::future::join_all;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use storex_core::{Code, ProcessSpec};

pub(super) fn laws() -> Vec<Law<Workshop>> {
    vec![
        law!("PS-01", "a started process runs, has a pid and start time, and answers its specification", starts),
        law!("PS-02", "a process that runs as specified is left alone", left_alone),
        law!("PS-03", "another digest of the environment file replaces the process", digest_replaces),
        law!("PS-04", "another port replaces the process", port_replaces),
        law!("PS-05", "starts of one store at the same time make one process", one_process),
        law!("PS-06", "a missing script, directory or environment file is unusable and starts nothing", missing_files),
        law!("PS-07", "after the deadline nothing is started, and that is known", late_start),
        law!("PS-08", "a replaced process has ended", replaced_has_ended),
    ]
}

async fn starts(workshop: Arc<Workshop>) -> Verdict {
    let spec = workshop.fresh();
    let facts = workshop.start(&spec).await?;
    let (pid, ticks) = identity(&facts)?;
    ensure(facts.spec == spec, || "the answer has another specification".to_owned())?;
    ensure(facts.restarts == 0, || format!("a new process has {} restarts", facts.restarts))?;
    ensure((workshop.is_alive)(pid, ticks), || format!("process {pid} does not live"))
}

async fn left_alone(workshop: Arc<Workshop>) -> Verdict {
    let facts = workshop.running().await?;
    let again = workshop.start(&facts.spec).await?;
    ensure(identity(&again)? == identity(&facts)?, || "an identical start replaced the process".to_owned())?;
    ensure(workshop.lives(&facts)?, || "an identical start ended the process".to_owned())
}

async fn digest_replaces(workshop: Arc<Workshop>) -> Verdict {
    let facts = workshop.running().await?;
    let mut spec = facts.spec.clone();
    spec.environment_digest.push('x');
    let next = workshop.start(&spec).await?;
    ensure(identity(&next)? != identity(&facts)?, || "the process was not replaced".to_owned())?;
    let listed = workshop.listed(&spec.store).await?;
    ensure(listed.is_some_and(|listed| listed.spec == spec), || "the list has another specification".to_owned())
}

async fn port_replaces(workshop: Arc<Workshop>) -> Verdict {
    let facts = workshop.running().await?;
    let mut spec = facts.spec.clone();
    spec.port = workshop.fresh().port;
    let next = workshop.start(&spec).await?;
    ensure(identity(&next)? != identity(&facts)?, || "the process was not replaced".to_owned())?;
    let listed = workshop.listed(&spec.store).await?;
    ensure(listed.is_some_and(|listed| listed.spec.port == spec.port), || "the list has another port".to_owned())
}

async fn one_process(workshop: Arc<Workshop>) -> Verdict {
    let spec = workshop.fresh();
    let starts = join_all((0..6).map(|_| workshop.start(&spec))).await;
    let mut identities = BTreeSet::new();
    for facts in starts {
        identities.insert(identity(&facts?)?);
    }
    ensure(identities.len() == 1, || format!("{} processes were started", identities.len()))?;
    ensure(workshop.listed(&spec.store).await?.is_some(), || "the process is not listed".to_owned())
}

async fn missing_files(workshop: Arc<Workshop>) -> Verdict {
    let files: [fn(&ProcessSpec) -> &Path; 3] = [|spec| &spec.script, |spec| &spec.directory, |spec| &spec.environment_file];
    for file in files {
        let spec = workshop.fresh();
        let path = file(&spec);
        (workshop.lose)(path);
        let Err(error) = workshop.start(&spec).await else {
            return ensure(false, || format!("a process started without {}", path.display()));
        };
        ensure(error.code() == Code::Unusable && !error.is_unclear(), || {
            format!("without {} the error is {error:?}", path.display())
        })?;
        ensure(workshop.listed(&spec.store).await?.is_none(), || "what could not be started is listed".to_owned())?;
    }
    Ok(())
}

async fn late_start(workshop: Arc<Workshop>) -> Verdict {
    let spec = workshop.fresh();
    let late = workshop.supervisor.start(&late_effect(&spec.store)?, &spec).await;
    let Err(error) = late else {
        return ensure(false, || "a process was started after the deadline".to_owned());
    };
    ensure(error.code() == Code::Timeout && !error.is_unclear(), || format!("the error is {error:?}"))?;
    ensure(workshop.listed(&spec.store).await?.is_none(), || "what was too late is listed".to_owned())
}

async fn replaced_has_ended(workshop: Arc<Workshop>) -> Verdict {
    let facts = workshop.running().await?;
    let mut spec = facts.spec.clone();
    "staging".clone_into(&mut spec.node_env);
    workshop.start(&spec).await?;
    ensure(!workshop.lives(&facts)?, || "the replaced process still lives".to_owned())
}
