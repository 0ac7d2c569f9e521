//! A zone's policy in operations: on the zone of a store, on the primary zone, and what it costs and leaves alone.

#![expect(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test ends where it cannot go on")]

use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;
use storex_core::operation::{OperationState, OperationView};
use storex_core::policy::{ZonePolicy, rule_changes};
use storex_core::{
    Code, Controller, CreateStoreRequest, DriftQuery, EdgePlan, EdgePolicies, EdgeRule, EdgeSetting, PackStatus,
    ReconcileOptions, RuleChange, RuleFacts, RuleList, RulePhase, StoreId, ZoneId,
};
use storex_fakes::{Fault, FaultRule, When, World};

const DAY: Duration = Duration::from_hours(24);

fn request(username: &str, domain: Option<&str>) -> CreateStoreRequest {
    let body = json!({ "username": username, "domain": domain, "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" } });
    CreateStoreRequest::from_json(&body).unwrap()
}

fn rule(reference: &str) -> EdgeRule {
    let body = json!({"expression": format!("(http.request.uri.path eq \"/{reference}\")"), "action": "block"});
    EdgeRule { reference: reference.to_owned(), from_plan: EdgePlan::Free, body: body.as_object().unwrap().clone() }
}

/// A controller with these policies, on a platform that stands.
async fn controller(world: &World, zone: ZonePolicy, primary: ZonePolicy) -> Controller {
    let mut parts = world.parts();
    parts.settings.zone_policy = zone;
    parts.settings.primary_policy = primary;
    world.void_leases();
    let controller = world.start(parts).await.unwrap().controller;
    controller.ensure_platform("http://localhost:3000").await.unwrap();
    controller
}

async fn created(controller: &Controller, domain: Option<&str>) -> (StoreId, OperationView) {
    let (answer, operation) = controller.create_store(&request("bluepeak", domain)).await.unwrap();
    (answer.store_id, controller.wait_operation(&operation, DAY).await.unwrap())
}

async fn setting(world: &World, zone: &ZoneId, setting: EdgeSetting) -> String {
    world.edge.setting(zone, setting).await.unwrap().value
}

fn zone(world: &World) -> ZoneId {
    world.domains.zones().into_iter().find(|zone| zone.name.as_str() == "bluepeak-shop.com").expect("the zone is there").id
}

#[tokio::test(start_paused = true)]
async fn the_zone_of_a_store_gets_the_standard_policy_in_one_write_for_each_setting_and_no_read() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (id, view) = created(&controller, Some("bluepeak-shop.com")).await;
    assert_eq!(view.state, OperationState::Succeeded, "{view:?}");
    for (name, value) in &ZonePolicy::standard().settings {
        assert_eq!(setting(&world, &zone(&world), *name).await, *value, "{name}");
    }
    assert_eq!(
        (world.script.count("edge.set"), world.script.count("edge.setting"), world.script.count("edge.limits")),
        (3, 0, 0)
    );
    let deletion = controller.delete_store(&id).await.unwrap();
    assert_eq!(controller.wait_operation(&deletion, DAY).await.unwrap().state, OperationState::Succeeded);
    assert_eq!(world.edge.writes(), 3, "the policy goes with its zone");
}

#[tokio::test(start_paused = true)]
async fn a_create_that_turns_back_writes_nothing_to_the_zone_it_takes_away() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    world.script.add(FaultRule::next("host.apply", "process", When::Before, Fault::Refuse(Code::HostRefused)).forever());
    let operation = match controller.create_store(&request("bluepeak", Some("bluepeak-shop.com"))).await {
        Ok((_, operation)) => operation,
        Err(error) => {
            error.context().find(|(key, _)| *key == "operation").map(|(_, id)| controller.handle(&id.parse().unwrap())).unwrap()
        }
    };
    let view = controller.wait_operation(&operation, DAY).await.unwrap();
    assert_eq!(view.state, OperationState::RolledBack, "{view:?}");
    assert_eq!(world.store_traces(), Vec::<String>::new());
    assert!(world.edge.writes() <= 3 && world.script.count("edge.setting") == 0, "{}", world.edge.writes());
}

#[tokio::test(start_paused = true)]
async fn rules_the_plan_does_not_have_are_not_attempted_and_the_store_is_made() {
    let world = World::new().unwrap();
    let policy = ZonePolicy::minimal()
        .with_rules(RulePhase::ManagedFirewall, vec![EdgeRule { from_plan: EdgePlan::Pro, ..rule("storex-managed") }])
        .unwrap()
        .with_rules(RulePhase::CustomFirewall, vec![rule("storex-a"), rule("storex-b")])
        .unwrap();
    let controller = controller(&world, policy, ZonePolicy::none()).await;
    let (id, view) = created(&controller, Some("bluepeak-shop.com")).await;
    assert_eq!(view.state, OperationState::Succeeded, "{view:?}");
    let gaps = controller.get_store(&id).await.unwrap().unsupported_on_plan;
    assert!(gaps.len() == 1 && gaps[0].reason.contains("the plan free"), "who looks at the store is told: {gaps:?}");
    let listed = controller.list_stores(0, None).await.unwrap().stores;
    assert_eq!(listed[0].unsupported_on_plan, gaps);
    let custom = world.edge.rules(&zone(&world), RulePhase::CustomFirewall).await.unwrap().expect("a list");
    assert_eq!(custom.rules.iter().map(|rule| rule.reference.as_str()).collect::<Vec<_>>(), ["storex-a", "storex-b"]);
    assert_eq!(world.edge.rules(&zone(&world), RulePhase::ManagedFirewall).await.unwrap(), None);
    assert_eq!((world.script.count("edge.limits"), world.script.count("edge.change_rules")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_primary_zone_is_changed_only_where_it_is_told_and_keeps_what_stood_before() {
    let world = World::new().unwrap();
    let primary = world.domains.zones()[0].id.clone();
    world.ready_controller().await.unwrap();
    assert_eq!(world.edge.writes(), 0, "by default nothing of the operator's zone is changed");
    let https = ZonePolicy::none().with(EdgeSetting::AlwaysUseHttps, "on").unwrap();
    let told = controller(&world, ZonePolicy::none(), https.clone()).await;
    assert_eq!((setting(&world, &primary, EdgeSetting::AlwaysUseHttps).await.as_str(), world.edge.writes()), ("on", 1));
    let record =
        serde_json::to_value(world.stores.dump().into_iter().find(|((_, id), _)| id == "platform").unwrap().1.body.value())
            .unwrap();
    assert_eq!(record["policy"][0]["before"], "off", "the pre-image is kept: {record}");
    // A start that finds it applied costs nothing, and a change behind storex's back is found and mended.
    let before = world.script.count("edge.setting");
    told.ensure_platform("http://localhost:3000").await.unwrap();
    assert_eq!((world.edge.writes(), world.script.count("edge.setting")), (1, before));
    world.edge.edit_setting(&primary, EdgeSetting::AlwaysUseHttps, "off");
    let query = DriftQuery::page(None, 50);
    let report = told.reconcile(&ReconcileOptions::of(query)).await.unwrap();
    for operation in &report.operations {
        told.wait_operation(operation, DAY).await.unwrap();
    }
    assert_eq!(setting(&world, &primary, EdgeSetting::AlwaysUseHttps).await, "on", "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_turns_back_puts_the_settings_of_the_primary_zone_back() {
    let world = World::new().unwrap();
    let primary = world.domains.zones()[0].id.clone();
    let mut parts = world.parts();
    parts.settings.primary_policy = ZonePolicy::none().with(EdgeSetting::AlwaysUseHttps, "on").unwrap();
    let controller = world.start(parts).await.unwrap().controller;
    world.script.add(FaultRule::next("repo.put", "platform/platform", When::Before, Fault::Refuse(Code::Corrupt)).forever());
    controller.ensure_platform("http://localhost:3000").await.expect_err("the document cannot be written");
    assert_eq!(setting(&world, &primary, EdgeSetting::AlwaysUseHttps).await, "off");
    assert_eq!(world.edge.writes(), 2, "there and back");
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_drifted_is_the_only_one_that_is_written() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (id, _) = created(&controller, Some("bluepeak-shop.com")).await;
    let options = || ReconcileOptions::of(DriftQuery::of_store(id.clone()));
    assert_eq!(controller.reconcile(&options()).await.unwrap().drift, [], "in sync");
    assert_eq!(world.edge.writes(), 3, "and nothing is written");
    world.edge.edit_setting(&zone(&world), EdgeSetting::Ssl, "flexible");
    let report = controller.reconcile(&options()).await.unwrap();
    assert!(report.drift.iter().any(|drift| drift.detail.contains("ssl is flexible, not full")), "{report:?}");
    for operation in &report.operations {
        controller.wait_operation(operation, DAY).await.unwrap();
    }
    assert_eq!((setting(&world, &zone(&world), EdgeSetting::Ssl).await.as_str(), world.edge.writes()), ("full", 4));
}

#[tokio::test(start_paused = true)]
async fn a_purge_names_the_store_s_hosts_and_no_other() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (id, _) = created(&controller, Some("bluepeak-shop.com")).await;
    let view = controller.purge_cache(&id).await.unwrap();
    assert_eq!(view.purged, world.edge.purged());
    let mut names: Vec<String> = view.purged.iter().map(ToString::to_string).collect();
    names.sort();
    assert_eq!(names, ["bluepeak-shop.com", "bluepeak.storex.com"]);
    let nobody = controller.purge_cache(&"seaside-12345".parse().unwrap()).await.expect_err("no such store");
    assert_eq!(nobody.code(), Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn an_ordered_certificate_is_replaced_before_the_old_one_goes() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (id, _) = created(&controller, Some("bluepeak-shop.com")).await;
    let zone = zone(&world);
    let nothing = controller.reissue_certificate(&id, true).await.unwrap();
    assert!(nothing.operation.is_none() && nothing.detail.contains("once the zone is active"), "{nothing:?}");
    let order = storex_core::PackOrder {
        hosts: vec!["bluepeak-shop.com".to_owned()],
        validation_method: "txt".to_owned(),
        validity_days: 90,
        authority: "google".to_owned(),
    };
    let mark = "storex/1 i=0a1b2c3d s=12345 e=a.0f".parse().unwrap();
    let cx = storex_core::EffectCx { mark, epoch: storex_core::Epoch(1), deadline: jiff::Timestamp::MAX };
    let ordered = storex_core::CertificateChange::Order(order);
    let old = world.edge.change_certificate(&cx, &zone, &ordered).await.unwrap().expect("a pack");
    world.edge.edit_packs(&zone, &PackStatus::Active);
    let view = controller.reissue_certificate(&id, false).await.unwrap();
    let operation = view.operation.expect("something is done");
    let view = controller.wait_operation(&operation, DAY).await.unwrap();
    assert_eq!(view.state, OperationState::Succeeded, "{view:?}");
    let packs = world.edge.certificates(&zone).await.unwrap().packs;
    assert!(packs.len() == 1 && packs[0].id != old && packs[0].status == PackStatus::Active, "{packs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_universal_certificate_in_place_is_touched_only_with_force() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (id, _) = created(&controller, Some("bluepeak-shop.com")).await;
    world.domains.activate(&zone(&world)).unwrap();
    let before = world.edge.writes();
    let error = controller.reissue_certificate(&id, false).await.expect_err("it is dangerous");
    assert_eq!((error.code(), world.edge.writes()), (Code::ForceRequired, before));
    let operation = controller.reissue_certificate(&id, true).await.unwrap().operation.expect("something is done");
    assert_eq!(controller.wait_operation(&operation, DAY).await.unwrap().state, OperationState::Succeeded);
    assert_eq!(world.edge.writes(), before + 2, "off and on");
    assert!(world.edge.certificates(&zone(&world)).await.unwrap().universal);
}

#[tokio::test(start_paused = true)]
async fn a_switched_off_certificate_is_switched_on_again_by_the_next_controller() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (id, _) = created(&controller, Some("bluepeak-shop.com")).await;
    world.domains.activate(&zone(&world)).unwrap();
    world.script.add(FaultRule { nth: 2, ..FaultRule::next("edge.change_certificate", "", When::Before, Fault::Hold) });
    let operation = controller.reissue_certificate(&id, true).await.unwrap().operation.expect("something is done");
    while world.script.count("edge.change_certificate") < 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    controller.stop().await;
    assert!(!world.edge.certificates(&zone(&world)).await.unwrap().universal, "the control: it was off");
    world.script.clear();
    let next = world.controller().await.unwrap();
    next.adopt_platform().await.unwrap();
    next.resume().await.unwrap();
    assert_eq!(next.wait_operation(&operation, DAY).await.unwrap().state, OperationState::Succeeded);
    assert!(world.edge.certificates(&zone(&world)).await.unwrap().universal);
}

/// What a person's rule can be.
fn theirs() -> impl Strategy<Value = Vec<(String, i64)>> {
    proptest::collection::vec(("[a-z]{1,6}", any::<i64>()), 0..4)
}

fn wanted() -> impl Strategy<Value = Vec<(u8, u8)>> {
    proptest::collection::vec((0_u8..4, 0_u8..3), 0..4)
}

fn ours(wanted: &[(u8, u8)]) -> Vec<EdgeRule> {
    let mut rules: Vec<EdgeRule> = Vec::new();
    for (name, body) in wanted {
        let reference = format!("storex-{name}");
        if rules.iter().all(|rule| rule.reference != reference) {
            rules.push(EdgeRule { reference, ..rule(&format!("path{body}")) });
        }
    }
    rules
}

/// The list after the changes, as a provider makes them.
fn changed(list: Option<RuleList>, changes: &[RuleChange], next: &mut u32) -> Option<RuleList> {
    let mut made = |rule: &EdgeRule| {
        *next += 1;
        RuleFacts { id: format!("rule{next}").parse().unwrap(), reference: rule.reference.clone(), body: rule.body.clone() }
    };
    let mut list = list;
    for change in changes {
        match (change, &mut list) {
            (RuleChange::Begin { rules }, none @ None) => {
                *none = Some(RuleList { id: "list".parse().unwrap(), rules: rules.iter().map(&mut made).collect() });
            }
            (RuleChange::Add { rule, .. }, Some(list)) => list.rules.push(made(rule)),
            (RuleChange::Change { id, rule, .. }, Some(list)) => {
                list.rules.iter_mut().filter(|facts| facts.id == *id).for_each(|facts| facts.body.extend(rule.body.clone()));
            }
            (RuleChange::Remove { id, .. }, Some(list)) => list.rules.retain(|rule| rule.id != *id),
            other => panic!("a change that does not fit: {other:?}"),
        }
    }
    list
}

fn foreign(list: Option<&RuleList>) -> String {
    let rules = list.map(|list| list.rules.as_slice()).unwrap_or_default().iter();
    serde_json::to_string(&rules.filter(|rule| !rule.reference.starts_with("storex-")).collect::<Vec<_>>()).unwrap()
}

proptest! {
    #[test]
    fn others_rules_stay_byte_for_byte_and_what_was_applied_leaves_nothing_to_do(
        theirs in theirs(), steps in proptest::collection::vec(wanted(), 1..6), most in 0_usize..8, listed in any::<bool>(),
    ) {
        let mut next = 0;
        let foreign_rules = theirs.iter().enumerate().map(|(number, (word, value))| RuleFacts {
            id: format!("their{number}").parse().unwrap(),
            reference: format!("{number}{word}"),
            body: json!({"action": "block", "odd": {word.clone(): [value, null]}}).as_object().unwrap().clone(),
        }).collect::<Vec<_>>();
        let there = listed || !foreign_rules.is_empty();
        let mut list = there.then(|| RuleList { id: "list".parse().unwrap(), rules: foreign_rules });
        let limits = storex_core::EdgeLimits {
            plan: EdgePlan::Free,
            rules: [(RulePhase::CustomFirewall, most)].into_iter().collect(),
            locked: Vec::new(),
        };
        let before = foreign(list.as_ref());
        for step in &steps {
            let wanted = ours(step);
            let plan = rule_changes(&wanted, list.as_ref(), Some(&limits), RulePhase::CustomFirewall);
            list = changed(list, &plan.changes, &mut next);
            prop_assert_eq!(foreign(list.as_ref()), before.clone());
            let stands = list.as_ref().map_or(0, |list| list.rules.len());
            prop_assert!(stands <= most.max(theirs.len()), "{} stand of {}", stands, most);
            let again = rule_changes(&wanted, list.as_ref(), Some(&limits), RulePhase::CustomFirewall);
            prop_assert_eq!(again.changes, Vec::new());
            prop_assert_eq!(again.unsupported, plan.unsupported.clone());
            let ours = list.iter().flat_map(|list| &list.rules).filter(|rule| rule.reference.starts_with("storex-")).count();
            prop_assert_eq!(ours + plan.unsupported.len(), wanted.len());
        }
    }
}

#[test]
fn a_second_apply_writes_when_something_differs() {
    let list = RuleList { id: "list".parse().unwrap(), rules: Vec::new() };
    let mut next = 0;
    let wanted = [rule("storex-a")];
    let first = rule_changes(&wanted, Some(&list), None, RulePhase::Cache);
    let mut list = changed(Some(list), &first.changes, &mut next).unwrap();
    assert_eq!((first.changes.len(), rule_changes(&wanted, Some(&list), None, RulePhase::Cache).changes.len()), (1, 0));
    // The control: one word of ours is another, and a second apply writes it.
    list.rules[0].body.insert("action".to_owned(), json!("log"));
    assert_eq!(rule_changes(&wanted, Some(&list), None, RulePhase::Cache).changes.len(), 1);
}
