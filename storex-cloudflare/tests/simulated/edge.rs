//! What edge policies cost in calls, and what they leave alone.

use crate::setup::{Bench, TOKEN, bench, bench_with, cx};
use serde_json::json;
use storex_cloudflare::hardened_policy;
use storex_core::policy::{PolicyPart, rule_changes};
use storex_core::{
    CertificateChange, Code, DomainProvider, EdgePlan, EdgePolicies, EdgeRule, EdgeSetting, PackKind, PackStatus, RuleChange,
    RulePhase, ZoneFacts,
};
use storex_fakes::cloudflare::{Limits, Plan, Simulator};

fn calls(bench: &Bench) -> Vec<String> {
    let calls = bench.simulator.calls();
    bench.simulator.clear_calls();
    calls.into_iter().map(|call| format!("{} {}", call.method, call.route.as_deref().unwrap_or("?"))).collect()
}

async fn zone(bench: &Bench, name: &str) -> ZoneFacts {
    let zone = bench.domains.create_zone(&cx(), &name.parse().unwrap()).await.unwrap();
    calls(bench);
    zone
}

#[tokio::test]
async fn every_change_is_one_call_and_certificates_are_three_reads() {
    let bench = bench().await;
    let (zone, edge) = (zone(&bench, "bluepeak-shop.com").await, bench.account.edge());
    edge.set(&cx(), &zone.id, EdgeSetting::Ssl, "full").await.unwrap();
    edge.set(&cx(), &zone.id, EdgeSetting::BotFightMode, "on").await.unwrap();
    assert_eq!(calls(&bench), ["PATCH /zones/{zone}/settings/{setting}", "PUT /zones/{zone}/bot_management"]);
    let policy = hardened_policy().unwrap();
    let begin = RuleChange::Begin { rules: policy.rules[&RulePhase::CustomFirewall].clone() };
    edge.change_rules(&cx(), &zone.id, RulePhase::CustomFirewall, &begin).await.unwrap();
    assert_eq!(calls(&bench), ["POST /zones/{zone}/rulesets"], "no entry point is ever replaced");
    edge.certificates(&zone.id).await.unwrap();
    assert_eq!(calls(&bench).len(), 3);
    let hosts: Vec<_> = (0..101).map(|number| format!("s{number}.bluepeak-shop.com").parse().unwrap()).collect();
    edge.purge(&cx(), &zone.id, &hosts).await.unwrap();
    assert_eq!(calls(&bench), ["POST /zones/{zone}/purge_cache"; 2], "a hundred hosts a call");
}

#[tokio::test]
async fn each_plan_takes_the_rules_it_is_said_to_take() {
    for (plan, named) in [
        (Plan::Free, EdgePlan::Free),
        (Plan::Pro, EdgePlan::Pro),
        (Plan::Business, EdgePlan::Business),
        (Plan::Enterprise, EdgePlan::Enterprise),
    ] {
        let bench = bench().await;
        let (zone, edge) = (zone(&bench, "bluepeak-shop.com").await, bench.account.edge());
        bench.simulator.set_plan(zone.id.as_str(), plan).unwrap();
        let limits = edge.limits(&zone.id).await.unwrap();
        assert_eq!(limits.plan, named);
        let mut refused = Vec::new();
        for part in hardened_policy().unwrap().parts() {
            let PolicyPart::Rules { phase, rules } = &part else { continue };
            let decided = rule_changes(rules, None, Some(&limits), *phase);
            refused.extend(decided.unsupported.into_iter().map(|(reference, _)| reference));
            for change in &decided.changes {
                edge.change_rules(&cx(), &zone.id, *phase, change).await.unwrap();
            }
            let seen = edge.rules(&zone.id, *phase).await.unwrap();
            let again = rule_changes(rules, seen.as_ref(), Some(&limits), *phase);
            assert_eq!(again.changes, [], "{phase}: applied once, nothing is left to do");
        }
        let managed: &[&str] = if plan == Plan::Free { &["storex-managed", "storex-owasp"] } else { &[] };
        assert_eq!(refused, managed, "{plan:?}");
        let bots = edge.setting(&zone.id, EdgeSetting::BotFightMode).await.unwrap();
        assert_eq!((bots.editable, limits.locked.is_empty()), (plan == Plan::Free, plan == Plan::Free));
    }
}

#[tokio::test]
async fn rules_of_others_are_byte_for_byte_as_they_were_while_ours_come_and_go() {
    let bench = bench().await;
    let (zone, edge) = (zone(&bench, "bluepeak-shop.com").await, bench.account.edge());
    let phase = RulePhase::CustomFirewall;
    let theirs = |reference: &str, path: &str| {
        let body = json!({"action": "block", "expression": format!("(http.request.uri.path eq \"{path}\")"), "from_next_year": {"a": [1, null]}});
        EdgeRule { reference: reference.to_owned(), from_plan: EdgePlan::Free, body: body.as_object().unwrap().clone() }
    };
    let begin = RuleChange::Begin { rules: vec![theirs("theirs", "/x"), theirs("others", "/y")] };
    edge.change_rules(&cx(), &zone.id, phase, &begin).await.unwrap();
    let stored = |bench: &Bench| {
        let state = bench.simulator.state();
        let rulesets = &state.zone(zone.id.as_str()).unwrap().rulesets;
        let rules = rulesets[0].rules.iter().filter(|rule| !rule.reference.starts_with("storex-"));
        serde_json::to_string(&rules.collect::<Vec<_>>()).unwrap()
    };
    let before = stored(&bench);
    let wanted = hardened_policy().unwrap().rules[&phase].clone();
    for wanted in [wanted.as_slice(), &[], wanted.as_slice()] {
        let seen = edge.rules(&zone.id, phase).await.unwrap();
        for change in &rule_changes(wanted, seen.as_ref(), None, phase).changes {
            edge.change_rules(&cx(), &zone.id, phase, change).await.unwrap();
        }
        assert_eq!(stored(&bench), before);
        let ours = edge.rules(&zone.id, phase).await.unwrap().unwrap().rules.len() - 2;
        assert_eq!(ours, wanted.len());
    }
    // The control: a change to one of theirs is seen.
    let list = edge.rules(&zone.id, phase).await.unwrap().unwrap();
    let careless = RuleChange::Change { list: list.id, id: list.rules[0].id.clone(), rule: theirs("theirs", "/z") };
    edge.change_rules(&cx(), &zone.id, phase, &careless).await.unwrap();
    assert_ne!(stored(&bench), before);
}

#[tokio::test]
async fn a_pack_that_timed_out_is_seen_and_started_anew() {
    let bench = bench_with(Simulator::builder().token(TOKEN), |client| client).await;
    let mut limits = Limits::default();
    limits.advanced_certificates = 1;
    bench.simulator.set_limits(limits);
    let (zone, edge) = (zone(&bench, "bluepeak-shop.com").await, bench.account.edge());
    bench.simulator.set_zone_status(zone.id.as_str(), storex_fakes::cloudflare::ZoneStatus::Active).unwrap();
    let facts = edge.certificates(&zone.id).await.unwrap();
    let universal = facts.packs.iter().find(|pack| pack.kind == PackKind::Universal).expect("an active zone gets one");
    assert!(facts.universal && universal.covers("www.bluepeak-shop.com"));
    let order = storex_core::PackOrder {
        hosts: vec![zone.name.to_string()],
        validation_method: "txt".to_owned(),
        validity_days: 90,
        authority: "google".to_owned(),
    };
    let ordered =
        edge.change_certificate(&cx(), &zone.id, &CertificateChange::Order(order.clone())).await.unwrap().expect("a pack");
    let error =
        edge.change_certificate(&cx(), &zone.id, &CertificateChange::Order(order)).await.expect_err("no more are included");
    assert!(!error.is_unclear() && error.code() != Code::NotFound, "{error}");
    bench.simulator.stall_certificates(zone.id.as_str(), Some("pending_validation")).unwrap();
    bench.simulator.advance(jiff::SignedDuration::from_hours(1)).unwrap();
    let status =
        |facts: storex_core::CertificateFacts| facts.packs.into_iter().find(|pack| pack.id == ordered).map(|pack| pack.status);
    let stopped = status(edge.certificates(&zone.id).await.unwrap());
    assert_eq!(stopped, Some(PackStatus::TimedOut("validation_timed_out".to_owned())));
    bench.simulator.stall_certificates(zone.id.as_str(), None).unwrap();
    edge.change_certificate(&cx(), &zone.id, &CertificateChange::Restart { pack: ordered.clone() }).await.unwrap();
    bench.simulator.advance(jiff::SignedDuration::from_hours(1)).unwrap();
    assert_eq!(status(edge.certificates(&zone.id).await.unwrap()), Some(PackStatus::Active));
}
