//! Laws of [`TunnelRoutes`]: tunnels by name, their one document, and the connectors that serve it.

mod refusals;
mod served;

pub use served::{SERVED, TunnelHand, WithHand};

use super::{Broken, Law, Verdict, ensure, fresh};
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use storex_core::{Code, EffectCx, Epoch, Error, Result, TunnelDocument, TunnelFacts, TunnelRoutes};

/// What a law judges.
type Subject = Arc<dyn TunnelRoutes>;

macro_rules! law {
    ($id:literal, $sentence:literal, $judge:path) => {
        Law { id: $id, sentence: $sentence, judge: |tunnels| Box::pin($judge(tunnels)) }
    };
}

/// Every law of the trait.
pub fn laws() -> Vec<Law<dyn TunnelRoutes>> {
    vec![
        law!("TR-01", "a tunnel nobody made is not found", nobody_made_it),
        law!("TR-02", "a tunnel that was made is found as it was answered", found_as_answered),
        law!("TR-03", "making a tunnel twice, also at once, answers the same tunnel", made_once),
        law!("TR-04", "tunnels of different names are different tunnels", different_tunnels),
        law!("TR-05", "a tunnel is found by its whole name only", whole_name),
        law!("TR-06", "a new tunnel has version 0 and an empty document", empty),
        law!("TR-07", "a stored document is loaded with the version that was answered, which is a new one", stored),
        law!("TR-08", "keys storex does not know are kept", unknown_keys),
        law!("TR-09", "a document stored on another version than the current is refused and changes nothing", stale),
        law!("TR-10", "storing what is there already answers the version that is loaded", no_change),
        law!("TR-11", "a document Cloudflare cannot route by is refused and changes nothing", unroutable),
        law!("TR-12", "a removed tunnel is not found and its document cannot be loaded or stored", removed),
        law!("TR-13", "removing a tunnel that is gone succeeds", removed_twice),
        law!("TR-14", "a tunnel made again after its removal is a new one with an empty document", made_again),
        law!("TR-15", "rules keep their order", order),
        law!("TR-16", "a tunnel has one run token, its own", refusals::token_of_its_own),
        law!("TR-17", "a removed tunnel has no run token", refusals::no_token_of_the_gone),
        law!("TR-18", "a document cloudflared cannot read is refused, saying what it cannot read", refusals::unreadable),
        law!("TR-19", "a new rule for the host name and path of an earlier one is refused and named", refusals::duplicates),
        law!("TR-20", "a new rule behind a wildcard that takes its requests is refused and named", refusals::unreachable),
        law!("TR-21", "a new rule for a name no browser asks for is refused and named", refusals::unusual_names),
        law!("TR-22", "the more specific of two rules is stored before the other", refusals::specific_first),
    ]
}

/// The context of an effect of the platform. The deadline lies far ahead in every clock.
fn cx() -> Result<EffectCx> {
    let mark = format!("storex/1 i=0a1b2c3d s=platform e={}", fresh("law.")).parse()?;
    Ok(EffectCx { mark, epoch: Epoch(1), deadline: Timestamp::constant(4_000_000_000, 0) })
}

async fn new_tunnel(tunnels: &Subject) -> Result<TunnelFacts> {
    tunnels.create(&cx()?, &fresh("law-tunnel-")).await
}

fn document(value: Value) -> Result<TunnelDocument, Broken> {
    serde_json::from_value(value).map_err(|error| Broken(format!("the law's own document: {error}")))
}

fn routes(port: u16) -> Result<TunnelDocument, Broken> {
    document(json!({"ingress": [
        {"hostname": "*.storex.com", "service": format!("http://127.0.0.1:{port}")},
        {"service": "http_status:404"},
    ]}))
}

/// Whether all that `asked` says is in `found`; a provider may add defaults of its own.
fn holds(found: &TunnelDocument, asked: &TunnelDocument) -> bool {
    found.ingress == asked.ingress && asked.rest.iter().all(|(key, value)| found.rest.get(key) == Some(value))
}

fn refused<T>(outcome: Result<T>, code: Code) -> Result<Error, Broken> {
    let Err(error) = outcome else {
        return Err(Broken(format!("it should be refused with {}", code.as_str())));
    };
    ensure(error.code() == code && !error.is_unclear(), || {
        format!("it should be refused with {}, not: {error:?}", code.as_str())
    })?;
    Ok(error)
}

async fn nobody_made_it(tunnels: Subject) -> Verdict {
    let found = tunnels.find(&fresh("law-tunnel-")).await?;
    ensure(found.is_none(), || format!("found {found:?}"))
}

async fn found_as_answered(tunnels: Subject) -> Verdict {
    let name = fresh("law-tunnel-");
    let made = tunnels.create(&cx()?, &name).await?;
    let found = tunnels.find(&name).await?;
    ensure(made.name == name && found.as_ref() == Some(&made), || format!("answered {made:?}, found {found:?}"))
}

async fn made_once(tunnels: Subject) -> Verdict {
    let (name, context) = (fresh("law-tunnel-"), cx()?);
    let made: Vec<_> =
        join_all((0..4).map(|_| tunnels.create(&context, &name))).await.into_iter().filter_map(Result::ok).collect();
    refused(tunnels.create(&cx()?, &name).await, Code::ForeignObject)?;
    let found = tunnels.find(&name).await?;
    ensure(made.len() == 1 && found.as_ref() == made.first(), || format!("one name, made {made:?}, found {found:?}"))
}

async fn different_tunnels(tunnels: Subject) -> Verdict {
    let (one, other) = (new_tunnel(&tunnels).await?, new_tunnel(&tunnels).await?);
    ensure(one.id != other.id, || format!("{one:?} and {other:?}"))
}

async fn whole_name(tunnels: Subject) -> Verdict {
    let name = fresh("law-tunnel-");
    tunnels.create(&cx()?, &format!("{name}-more")).await?;
    let found = tunnels.find(&name).await?;
    ensure(found.is_none(), || format!("{name}-more was found as {name}"))
}

async fn empty(tunnels: Subject) -> Verdict {
    let tunnel = new_tunnel(&tunnels).await?;
    let (version, found) = tunnels.load(&tunnel.id).await?;
    ensure(version == 0 && found == TunnelDocument::default(), || format!("version {version}, {found:?}"))
}

async fn stored(tunnels: Subject) -> Verdict {
    let tunnel = new_tunnel(&tunnels).await?;
    let mut version = 0;
    for port in [3000, 3001] {
        let asked = routes(port)?;
        let answered = tunnels.store(&cx()?, &tunnel.id, &asked, version).await?;
        let (loaded, found) = tunnels.load(&tunnel.id).await?;
        ensure(answered > version && loaded == answered, || format!("from {version}: answered {answered}, loaded {loaded}"))?;
        ensure(holds(&found, &asked), || format!("asked {asked:?}, found {found:?}"))?;
        version = answered;
    }
    Ok(())
}

async fn unknown_keys(tunnels: Subject) -> Verdict {
    let tunnel = new_tunnel(&tunnels).await?;
    let asked = document(json!({
        "from-next-year": {"a": [1, null, "x"]},
        "originRequest": {"connectTimeout": 5},
        "ingress": [{"hostname": "a.storex.com", "path": "/x", "service": "http://127.0.0.1:3000", "note": "kept"}, {"service": "http_status:404"}],
    }))?;
    tunnels.store(&cx()?, &tunnel.id, &asked, 0).await?;
    let (_, found) = tunnels.load(&tunnel.id).await?;
    ensure(holds(&found, &asked), || format!("asked {asked:?}, found {found:?}"))
}

async fn stale(tunnels: Subject) -> Verdict {
    let tunnel = new_tunnel(&tunnels).await?;
    let version = tunnels.store(&cx()?, &tunnel.id, &routes(3000)?, 0).await?;
    for other in [0, version + 1] {
        refused(tunnels.store(&cx()?, &tunnel.id, &routes(3001)?, other).await, Code::VersionConflict)?;
        // Also when nothing would change: whose version it is decides, not the content.
        refused(tunnels.store(&cx()?, &tunnel.id, &routes(3000)?, other).await, Code::VersionConflict)?;
    }
    let (loaded, found) = tunnels.load(&tunnel.id).await?;
    ensure(loaded == version && holds(&found, &routes(3000)?), || format!("version {loaded}, {found:?}"))
}

async fn no_change(tunnels: Subject) -> Verdict {
    let tunnel = new_tunnel(&tunnels).await?;
    let version = tunnels.store(&cx()?, &tunnel.id, &routes(3000)?, 0).await?;
    let again = tunnels.store(&cx()?, &tunnel.id, &routes(3000)?, version).await?;
    let (loaded, found) = tunnels.load(&tunnel.id).await?;
    ensure(again == loaded && holds(&found, &routes(3000)?), || format!("answered {again}, loaded {loaded}"))
}

async fn unroutable(tunnels: Subject) -> Verdict {
    let tunnel = new_tunnel(&tunnels).await?;
    let version = tunnels.store(&cx()?, &tunnel.id, &routes(3000)?, 0).await?;
    for rules in [
        json!([]),
        json!([{"hostname": "a.storex.com", "service": "http://127.0.0.1:3000"}]),
        json!([{"service": "http://127.0.0.1:3000"}, {"service": "http_status:404"}]),
    ] {
        let asked = document(json!({"ingress": rules}))?;
        refused(tunnels.store(&cx()?, &tunnel.id, &asked, version).await, Code::CloudflareRefused)?;
    }
    let (loaded, found) = tunnels.load(&tunnel.id).await?;
    ensure(loaded == version && holds(&found, &routes(3000)?), || format!("version {loaded}, {found:?}"))
}

async fn removed(tunnels: Subject) -> Verdict {
    let (tunnel, other) = (new_tunnel(&tunnels).await?, new_tunnel(&tunnels).await?);
    tunnels.remove(&cx()?, &tunnel.id).await?;
    let found = tunnels.find(&tunnel.name).await?;
    ensure(found.is_none(), || format!("found {found:?}"))?;
    refused(tunnels.load(&tunnel.id).await, Code::NotFound)?;
    refused(tunnels.store(&cx()?, &tunnel.id, &routes(3000)?, 0).await, Code::NotFound)?;
    let found = tunnels.find(&other.name).await?;
    ensure(found.as_ref() == Some(&other), || format!("another tunnel went with it: {found:?}"))
}

async fn removed_twice(tunnels: Subject) -> Verdict {
    let tunnel = new_tunnel(&tunnels).await?;
    tunnels.remove(&cx()?, &tunnel.id).await?;
    tunnels.remove(&cx()?, &tunnel.id).await?;
    Ok(())
}

async fn made_again(tunnels: Subject) -> Verdict {
    let tunnel = new_tunnel(&tunnels).await?;
    tunnels.store(&cx()?, &tunnel.id, &routes(3000)?, 0).await?;
    tunnels.remove(&cx()?, &tunnel.id).await?;
    let again = tunnels.create(&cx()?, &tunnel.name).await?;
    let (version, found) = tunnels.load(&again.id).await?;
    let fresh = again.id != tunnel.id && version == 0 && found == TunnelDocument::default();
    ensure(fresh, || format!("was {tunnel:?}, now {again:?} with version {version}, {found:?}"))
}

async fn order(tunnels: Subject) -> Verdict {
    let tunnel = new_tunnel(&tunnels).await?;
    let rule = |name: &str| json!({"hostname": name, "service": "http://127.0.0.1:3000"});
    let asked = document(
        json!({"ingress": [rule("z.storex.com"), rule("a.storex.com"), rule("*.storex.com"), {"service": "http_status:404"}]}),
    )?;
    tunnels.store(&cx()?, &tunnel.id, &asked, 0).await?;
    let (_, found) = tunnels.load(&tunnel.id).await?;
    ensure(found.ingress == asked.ingress, || format!("asked {asked:?}, found {found:?}"))
}
