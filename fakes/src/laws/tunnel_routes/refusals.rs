//! The promises about documents that are refused before they do harm, and about the run token, TR-16 to TR-22.

use super::{Subject, cx, document, holds, new_tunnel, refused, routes};
use crate::laws::{Broken, Verdict, ensure};
use serde_json::{Value, json};
use storex_core::Code;

/// A document of these rules and a last one.
fn rules(rules: &[Value]) -> Value {
    let mut all = rules.to_vec();
    all.push(json!({"service": "http_status:404"}));
    json!({ "ingress": all })
}

fn rule(hostname: &str) -> Value {
    json!({"hostname": hostname, "service": "http://127.0.0.1:4001"})
}

/// Each of these is refused with a reason that holds the text beside it, and changes nothing.
async fn each_refused(tunnels: &Subject, cases: Vec<(Value, &str)>) -> Verdict {
    let tunnel = new_tunnel(tunnels).await?;
    let version = tunnels.store(&cx()?, &tunnel.id, &routes(3000)?, 0).await?;
    for (case, said) in cases {
        let error = refused(tunnels.store(&cx()?, &tunnel.id, &document(case.clone())?, version).await, Code::CloudflareRefused)?;
        ensure(error.message().contains(said), || format!("{case} is refused without naming {said:?}: {}", error.message()))?;
    }
    let (loaded, found) = tunnels.load(&tunnel.id).await?;
    ensure(loaded == version && holds(&found, &routes(3000)?), || format!("version {loaded}, {found:?}"))
}

pub(super) async fn token_of_its_own(tunnels: Subject) -> Verdict {
    let (one, other) = (new_tunnel(&tunnels).await?, new_tunnel(&tunnels).await?);
    let first = tunnels.run_token(&one.id).await?;
    let again = tunnels.run_token(&one.id).await?;
    let another = tunnels.run_token(&other.id).await?;
    ensure(!first.expose().is_empty() && first.expose() == again.expose(), || "the token is not the same again".to_owned())?;
    ensure(first.expose() != another.expose(), || "two tunnels have one token".to_owned())
}

pub(super) async fn no_token_of_the_gone(tunnels: Subject) -> Verdict {
    let tunnel = new_tunnel(&tunnels).await?;
    tunnels.remove(&cx()?, &tunnel.id).await?;
    match tunnels.run_token(&tunnel.id).await {
        Err(error) if error.code() == Code::NotFound => Ok(()),
        Err(error) => Err(Broken(format!("refused with {error:?}"))),
        Ok(_) => Err(Broken("a removed tunnel has a token".to_owned())),
    }
}

pub(super) async fn unreadable(tunnels: Subject) -> Verdict {
    let service = |service: &str| rules(&[json!({"hostname": "a.storex.com", "service": service})]);
    let path = json!({"hostname": "a.storex.com", "path": "(", "service": "http://127.0.0.1:4001"});
    let cases = vec![
        (service("http://127.0.0.1:4001/shop"), "http://127.0.0.1:4001/shop"),
        (service("127.0.0.1"), "127.0.0.1"),
        (service("http_status:1000"), "1000"),
        (rules(&[rule("a.*.storex.com")]), "wildcard"),
        (rules(&[rule("a.storex.com:80")]), "port"),
        (rules(&[rule("b.storex.com"), path]), "#2"),
    ];
    each_refused(&tunnels, cases).await
}

pub(super) async fn duplicates(tunnels: Subject) -> Verdict {
    let with_path = |path: &str| json!({"hostname": "a.storex.com", "path": path, "service": "http://127.0.0.1:4001"});
    let cases = vec![
        (rules(&[rule("a.storex.com"), rule("b.storex.com"), rule("a.storex.com")]), "#3"),
        (rules(&[with_path("/x"), with_path("/x")]), "#2"),
        (rules(&[rule("a.storex.com"), with_path("/x")]), "#2"),
    ];
    each_refused(&tunnels, cases).await
}

pub(super) async fn unreachable(tunnels: Subject) -> Verdict {
    let cases = vec![
        (rules(&[rule("*.shop.com"), rule("a.shop.com")]), "#2"),
        (rules(&[rule("*.shop.com"), rule("*.eu.shop.com")]), "#2"),
    ];
    each_refused(&tunnels, cases).await
}

pub(super) async fn unusual_names(tunnels: Subject) -> Verdict {
    let cases = vec![
        (rules(&[rule("b.shop.com"), rule("A.shop.com")]), "#2"),
        (rules(&[rule("*.Shop.com")]), "#1"),
        (rules(&[rule("münchen.de")]), "#1"),
        (rules(&[rule("shop.com.")]), "#1"),
    ];
    each_refused(&tunnels, cases).await
}

pub(super) async fn specific_first(tunnels: Subject) -> Verdict {
    let tunnel = new_tunnel(&tunnels).await?;
    let with_path = |path: &str| json!({"hostname": "a.shop.com", "path": path, "service": "http://127.0.0.1:4001"});
    let asked = document(rules(&[
        with_path("^/x"),
        with_path("^/y"),
        rule("a.shop.com"),
        rule("*.eu.shop.com"),
        rule("*.shop.com"),
        rule("shop.com"),
    ]))?;
    tunnels.store(&cx()?, &tunnel.id, &asked, 0).await?;
    let (_, found) = tunnels.load(&tunnel.id).await?;
    ensure(holds(&found, &asked), || format!("asked {asked:?}, found {found:?}"))
}
