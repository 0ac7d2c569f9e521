//! Laws of [`ProxyWriter`]: one table, its generation, and no state between two tables.
//!
//! A law begins from whatever table is in force and leaves its own. Whether requests follow the table only a router with requests can show;
//! these laws judge what the trait itself says.

use super::{Broken, Law, Verdict, ensure, fresh};
use futures::future::join_all;
use std::sync::Arc;
use storex_core::{Code, Committed, Error, Hostname, Port, ProxyWriter, Result, RouteTable};

type Subject = Arc<dyn ProxyWriter>;

macro_rules! law {
    ($id:literal, $sentence:literal, $judge:path) => {
        Law { id: $id, sentence: $sentence, judge: |proxy| Box::pin($judge(proxy)) }
    };
}

/// Every law of the trait.
pub fn laws() -> Vec<Law<dyn ProxyWriter>> {
    vec![
        law!("PW-01", "a table of generation 0 has no routes, and reading changes nothing", first_state),
        law!("PW-02", "what was committed is read back, with the generation the commit answered", read_back),
        law!("PW-03", "each commit rises the generation", rises),
        law!("PW-04", "a commit on a generation of the past is refused and changes nothing", past),
        law!("PW-05", "a commit on a generation that never was is refused and changes nothing", future),
        law!("PW-06", "a check answers without changing anything", check_changes_nothing),
        law!("PW-07", "a commit replaces the whole table", replaces),
        law!("PW-08", "an empty table can be committed", empties),
        law!("PW-09", "the same table can be committed again and is a new generation", again),
        law!("PW-10", "names of every legal shape are routed, none is left out", shapes),
        law!("PW-11", "of commits on the same generation exactly one wins, and its table is whole", race),
        law!("PW-12", "a name can change its port, and names can share one", ports),
        law!("PW-13", "a commit whose caller went away leaves the former table or the new one", abandoned),
    ]
}

fn port(number: u16) -> Result<Port> {
    number.try_into()
}

fn name() -> Result<Hostname> {
    format!("{}.storex.com", fresh("route")).parse()
}

/// A table of fresh names, one for each port from 4001 on.
fn table(rows: u16) -> Result<RouteTable> {
    Ok(RouteTable { routes: (0..rows).map(|n| Ok((name()?, port(4001 + n)?))).collect::<Result<_>>()? })
}

async fn generation(proxy: &Subject) -> Result<u64> {
    Ok(proxy.load().await?.0)
}

/// Commits on the generation in force.
async fn commit(proxy: &Subject, table: &RouteTable) -> Result<Committed> {
    proxy.commit(table, generation(proxy).await?).await
}

fn refused(outcome: Result<Committed>) -> Verdict {
    match outcome {
        Err(error) if error.code() == Code::VersionConflict && !error.is_unclear() => Ok(()),
        other => Err(Broken(format!("expected a clear version_conflict, got {other:?}"))),
    }
}

async fn first_state(proxy: Subject) -> Verdict {
    let (generation, table) = proxy.load().await?;
    ensure(generation > 0 || table.routes.is_empty(), || format!("generation 0 has {} routes", table.routes.len()))?;
    let again = proxy.load().await?;
    ensure(again == (generation, table), || "two reads differ".to_owned())
}

async fn read_back(proxy: Subject) -> Verdict {
    let table = table(3)?;
    let committed = commit(&proxy, &table).await?;
    ensure(committed.quarantined.is_empty(), || format!("left out {:?}", committed.quarantined))?;
    let found = proxy.load().await?;
    ensure(found == (committed.generation, table), || format!("committed as {} and read {found:?}", committed.generation))
}

async fn rises(proxy: Subject) -> Verdict {
    let mut last = generation(&proxy).await?;
    for _ in 0..3 {
        let committed = commit(&proxy, &table(1)?).await?;
        ensure(committed.generation > last, || format!("{} follows {last}", committed.generation))?;
        last = committed.generation;
    }
    Ok(())
}

async fn past(proxy: Subject) -> Verdict {
    let before = generation(&proxy).await?;
    let table = table(2)?;
    let committed = commit(&proxy, &table).await?;
    refused(proxy.commit(&self::table(1)?, before).await)?;
    ensure(proxy.load().await? == (committed.generation, table), || "the refused commit changed the table".to_owned())
}

async fn future(proxy: Subject) -> Verdict {
    let table = table(2)?;
    let committed = commit(&proxy, &table).await?;
    for expected in [committed.generation + 1, committed.generation + 1000, u64::MAX] {
        refused(proxy.commit(&self::table(1)?, expected).await)?;
    }
    ensure(proxy.load().await? == (committed.generation, table), || "the refused commit changed the table".to_owned())
}

async fn check_changes_nothing(proxy: Subject) -> Verdict {
    commit(&proxy, &table(2)?).await?;
    let before = proxy.load().await?;
    proxy.check(&table(5)?).await?;
    proxy.check(&RouteTable::default()).await?;
    ensure(proxy.load().await? == before, || "a check changed the table".to_owned())?;
    // What was checked must not stand in the way of what is committed.
    let next = table(1)?;
    let committed = proxy.commit(&next, before.0).await?;
    ensure(proxy.load().await? == (committed.generation, next), || "a commit after a check left another table".to_owned())
}

async fn replaces(proxy: Subject) -> Verdict {
    let first = table(3)?;
    commit(&proxy, &first).await?;
    let second = table(2)?;
    commit(&proxy, &second).await?;
    let (_, found) = proxy.load().await?;
    let left = found.routes.keys().find(|name| first.routes.contains_key(*name));
    ensure(left.is_none(), || format!("{left:?} of the former table is left"))?;
    ensure(found == second, || format!("expected {second:?}, found {found:?}"))
}

async fn empties(proxy: Subject) -> Verdict {
    commit(&proxy, &table(2)?).await?;
    let committed = commit(&proxy, &RouteTable::default()).await?;
    ensure(proxy.load().await? == (committed.generation, RouteTable::default()), || "the empty table is not in force".to_owned())
}

async fn again(proxy: Subject) -> Verdict {
    let table = table(2)?;
    let first = commit(&proxy, &table).await?;
    let second = commit(&proxy, &table).await?;
    ensure(second.generation > first.generation, || format!("{} follows {}", second.generation, first.generation))?;
    ensure(proxy.load().await?.1 == table, || "the repeated table changed".to_owned())
}

async fn shapes(proxy: Subject) -> Verdict {
    let long = |last: usize| format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(last));
    let names = [
        "a.bc",
        "0-0.storex.com",
        "xn--bcher-kva.de",
        "b\u{fc}cher.example.com",
        &long(61),
        &format!("{}.com", "c".repeat(63)),
        "1.2.3.4.storex.com",
    ];
    let mut wanted = RouteTable::default();
    for (index, name) in names.into_iter().enumerate() {
        wanted.routes.insert(name.parse()?, port(u16::try_from(index).unwrap_or_default() + 65_000)?);
    }
    wanted.routes.insert(name()?, port(1024)?);
    wanted.routes.insert(name()?, port(u16::MAX)?);
    wanted.routes.extend(table(300)?.routes);
    proxy.check(&wanted).await?;
    let committed = commit(&proxy, &wanted).await?;
    ensure(committed.quarantined.is_empty(), || format!("left out {:?}", committed.quarantined))?;
    ensure(proxy.load().await?.1 == wanted, || "the table in force is another one".to_owned())
}

async fn race(proxy: Subject) -> Verdict {
    let before = generation(&proxy).await?;
    let tables: Vec<RouteTable> = (0..4).map(|n| table(n + 1)).collect::<Result<_>>()?;
    let commits = tables.iter().map(|table| {
        let (proxy, table) = (Arc::clone(&proxy), table.clone());
        tokio::spawn(async move { proxy.commit(&table, before).await })
    });
    let mut winners = Vec::new();
    for (joined, table) in join_all(commits).await.into_iter().zip(&tables) {
        match joined.map_err(|error| Broken(format!("a commit broke down: {error}")))? {
            Ok(committed) => winners.push((committed.generation, table.clone())),
            lost => refused(lost)?,
        }
    }
    let found = proxy.load().await?;
    ensure(winners == [found], || format!("{} commits won, or another table is in force", winners.len()))
}

async fn ports(proxy: Subject) -> Verdict {
    let (one, two) = (name()?, name()?);
    let rows = |first, second| -> Result<RouteTable> {
        Ok(RouteTable { routes: [(one.clone(), port(first)?), (two.clone(), port(second)?)].into() })
    };
    for wanted in [rows(4001, 4002)?, rows(4002, 4001)?, rows(4003, 4003)?] {
        commit(&proxy, &wanted).await?;
        ensure(proxy.load().await?.1 == wanted, || "a name kept its former port".to_owned())?;
    }
    Ok(())
}

async fn abandoned(proxy: Subject) -> Verdict {
    for polls in 0..4 {
        let former = proxy.load().await?;
        let table = table(2)?;
        let mut commit = proxy.commit(&table, former.0);
        for _ in 0..polls {
            if futures::poll!(&mut commit).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(commit);
        settled(&proxy, &former, &table).await?;
    }
    Ok(())
}

/// The next commit must find a whole table and win on its generation; an abandoned one may still be finishing when it asks.
async fn settled(proxy: &Subject, former: &(u64, RouteTable), new: &RouteTable) -> Verdict {
    for _ in 0..1000 {
        let found = proxy.load().await?;
        ensure(found == *former || (found.0 > former.0 && found.1 == *new), || {
            format!("neither the former table nor the new one: {found:?}")
        })?;
        match proxy.commit(&found.1, found.0).await {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Code::VersionConflict => tokio::task::yield_now().await,
            Err(error) => return Err(Error::into(error)),
        }
    }
    Err(Broken("an abandoned commit keeps others from winning".to_owned()))
}
