//! Direct routing: a store's rules come and go with it, drift is found and mended, and what cannot be is said.

use serde_json::{Value, json};
use std::time::Duration;
use storex_core::operation::{OperationState, OperationView};
use storex_core::record::Routing;
use storex_core::resource::DriftState;
use storex_core::{
    Code, Controller, CreateStoreRequest, Drift, DriftQuery, IngressRule, ReconcileOptions, Settings, StoreId, Table, TunnelId,
    TunnelLimits, TunnelRoutes,
};
use storex_fakes::{Allowance, Parts, World};

const NAME: &str = "storex-main-tunnel";
const LONG: Duration = Duration::from_hours(1);

/// A world whose platform routes like this.
async fn routed(world: &World, routing: Routing) -> storex_core::Result<Controller> {
    set(world, |settings| settings.routing = routing).await
}

/// A world whose platform stands with these settings.
async fn set(world: &World, change: impl FnOnce(&mut Settings)) -> storex_core::Result<Controller> {
    let mut settings = world.settings();
    change(&mut settings);
    let controller = world.start(Parts { settings, ..world.parts() }).await?.controller;
    controller.ensure_platform("http://localhost:3000").await.map(|()| controller)
}

fn request(name: &str) -> CreateStoreRequest {
    let details = json!({"owner": "A", "email": "a@example.com"});
    let request = json!({"username": name, "domain": format!("{name}-store.com"), "storeDetails": details});
    CreateStoreRequest::from_json(&request).unwrap()
}

async fn create(controller: &Controller, name: &str) -> (StoreId, OperationView) {
    let (created, operation) = controller.create_store(&request(name)).await.unwrap();
    (created.store_id, controller.wait_operation(&operation, LONG).await.unwrap())
}

fn rules(world: &World) -> Vec<(String, String)> {
    let document = world.tunnels.document(NAME).unwrap();
    document.ingress.into_iter().map(|rule| (rule.hostname.unwrap_or_default(), rule.service)).collect()
}

fn tunnel(world: &World) -> TunnelId {
    world.tunnels.tunnels()[0].id.clone()
}

/// Somebody changes the rules by hand.
fn by_hand(world: &World, change: impl FnOnce(&mut Vec<IngressRule>)) {
    let mut document = world.tunnels.document(NAME).unwrap();
    change(&mut document.ingress);
    world.tunnels.overwrite(&tunnel(world), document).unwrap();
}

fn rule(value: Value) -> IngressRule {
    serde_json::from_value(value).unwrap()
}

async fn drift(controller: &Controller, store: &StoreId) -> Vec<Drift> {
    controller.drift(&DriftQuery::of_store(store.clone())).await.unwrap().drift
}

/// What somebody does to the rules.
type Hand = fn(&mut Vec<IngressRule>);

fn pair(name: &str, service: &str) -> (String, String) {
    (name.to_owned(), service.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_store_has_a_rule_for_each_of_its_names_before_the_wildcard_and_none_when_it_is_gone() {
    let world = World::new().unwrap();
    let controller = routed(&world, Routing::Direct).await.unwrap();
    let platform = [pair("*.storex.com", "http://localhost:3000"), pair("", "http_status:404")];
    assert_eq!(rules(&world), platform);
    let (first, view) = create(&controller, "oceanbreeze").await;
    assert_eq!(view.state, OperationState::Succeeded);
    create(&controller, "bluepeak").await;
    let stores = [
        pair("bluepeak-store.com", "http://localhost:4002"),
        pair("bluepeak.storex.com", "http://localhost:4002"),
        pair("oceanbreeze-store.com", "http://localhost:4001"),
        pair("oceanbreeze.storex.com", "http://localhost:4001"),
    ];
    assert_eq!(rules(&world), [&stores[..], &platform[..]].concat());
    assert_eq!(drift(&controller, &first).await, []);
    let deletion = controller.delete_store(&first).await.unwrap();
    assert_eq!(controller.wait_operation(&deletion, LONG).await.unwrap().state, OperationState::Succeeded);
    assert_eq!(rules(&world), [&stores[..2], &platform[..]].concat());
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn in_router_mode_no_store_changes_the_document() {
    let world = World::new().unwrap();
    let controller = routed(&world, Routing::Router).await.unwrap();
    let (before, _) = world.tunnels.load(&tunnel(&world)).await.unwrap();
    create(&controller, "oceanbreeze").await;
    let (after, _) = world.tunnels.load(&tunnel(&world)).await.unwrap();
    assert_eq!(before, after);
    assert_eq!(rules(&world), [pair("*.storex.com", "http://localhost:3000"), pair("", "http://localhost:3000")]);
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_was_removed_changed_or_shadowed_by_hand_is_drift_and_comes_back() {
    let world = World::new().unwrap();
    let controller = routed(&world, Routing::Direct).await.unwrap();
    let (store, _) = create(&controller, "oceanbreeze").await;
    let whole = rules(&world);
    let wildcard = rule(json!({"hostname": "*.storex.com", "service": "http://10.0.0.1:80"}));
    let hands: [(Hand, DriftState); 2] = [
        (|rules| drop(rules.remove(0)), DriftState::Missing),
        (|rules| rules[1].service = "http://localhost:4999".to_owned(), DriftState::Differs),
    ];
    for (hand, state) in hands {
        by_hand(&world, hand);
        let found = drift(&controller, &store).await;
        assert_eq!((found[0].resource.as_str(), found[0].state), ("tunnel_route/oceanbreeze", state));
        let mended = controller.reconcile(&ReconcileOptions::of(DriftQuery::of_store(store.clone()))).await.unwrap();
        let view = controller.wait_operation(&mended.operations[0], LONG).await.unwrap();
        assert_eq!(view.state, OperationState::Succeeded, "{view:?}");
        assert_eq!((rules(&world), drift(&controller, &store).await), (whole.clone(), vec![]));
    }
    by_hand(&world, |rules| rules.insert(0, wildcard.clone()));
    assert_eq!(drift(&controller, &store).await[0].detail, "oceanbreeze.storex.com is led to http://10.0.0.1:80");
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_somebody_else_is_in_the_way_and_the_store_leaves_nothing() {
    let world = World::new().unwrap();
    let controller = routed(&world, Routing::Direct).await.unwrap();
    by_hand(&world, |rules| {
        rules.insert(0, rule(json!({"hostname": "oceanbreeze.storex.com", "service": "http://10.0.0.1:80"})));
    });
    let before = rules(&world);
    let error = controller.create_store(&request("oceanbreeze")).await.unwrap_err();
    assert!(error.code() == Code::ForeignObject && error.message().contains("oceanbreeze.storex.com"), "{error}");
    let (_, operation) = error.context().find(|(key, _)| *key == "operation").unwrap();
    let view = controller.wait_operation(&operation.parse().unwrap(), LONG).await.unwrap();
    assert_eq!(view.state, OperationState::RolledBack);
    let (_, other) = create(&controller, "bluepeak").await;
    assert_eq!(other.state, OperationState::Succeeded, "it keeps no other store from its rules");
    assert_eq!(world.stores.rows(Table::TunnelRoutes).len(), 1, "the one that was refused asks for none any more");
    let left: Vec<_> = rules(&world).into_iter().filter(|(name, _)| !name.starts_with("bluepeak")).collect();
    assert_eq!(left, before);
}

#[tokio::test(start_paused = true)]
async fn a_store_waits_for_a_connector_that_serves_its_rules_and_says_so() {
    let world = World::new().unwrap();
    let controller = routed(&world, Routing::Direct).await.unwrap();
    create(&controller, "first").await;
    let seen = controller.tunnel().await.unwrap();
    assert!(!seen.serving && seen.connectors.is_empty(), "accepted, and no connector runs: {seen:?}");
    let stuck = world.tunnels.attach_connector(&tunnel(&world)).unwrap();
    assert!(controller.tunnel().await.unwrap().serving);
    world.tunnels.stick_connector(&tunnel(&world), &stuck, true).unwrap();
    let (_, operation) = controller.create_store(&request("second")).await.unwrap();
    let view = controller.wait_operation(&operation, Duration::from_mins(1)).await.unwrap();
    assert!(!view.done, "{view:?}");
    assert!(serde_json::to_string(&view).unwrap().contains("no connector of the tunnel serves version"), "{view:?}");
    world.tunnels.stick_connector(&tunnel(&world), &stuck, false).unwrap();
    assert_eq!(controller.wait_operation(&operation, LONG).await.unwrap().state, OperationState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn one_connector_is_reset_and_the_last_that_serves_only_by_force() {
    let world = World::new().unwrap();
    let controller = routed(&world, Routing::Router).await.unwrap();
    let (one, other) =
        (world.tunnels.attach_connector(&tunnel(&world)).unwrap(), world.tunnels.attach_connector(&tunnel(&world)).unwrap());
    let before = controller.tunnel().await.unwrap();
    let after = controller.reset_connector(&one, false).await.unwrap();
    let since = |view: &storex_core::TunnelView, place: usize| view.connectors[place].opened_at;
    assert!(since(&after, 0) > since(&before, 0) && since(&after, 1) == since(&before, 1), "{before:?} {after:?}");
    world.tunnels.limit_connections(&tunnel(&world), &other, 0).unwrap();
    assert_eq!(controller.reset_connector(&one, false).await.unwrap_err().code(), Code::Denied);
    assert!(controller.reset_connector(&one, true).await.unwrap().serving);
    let nobody = "99999999-9999-4999-9999-999999999999".parse().unwrap();
    assert_eq!(controller.reset_connector(&nobody, true).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(start_paused = true)]
async fn direct_routing_serves_one_host_and_takes_over_no_stores_of_the_router() {
    let world = World::new().unwrap();
    let controller = routed(&world, Routing::Router).await.unwrap();
    create(&controller, "oceanbreeze").await;
    controller.stop().await;
    world.void_leases();
    let error = routed(&world, Routing::Direct).await.unwrap_err();
    assert!(error.code() == Code::Unusable && error.message().contains("through the router"), "{error}");

    let world = World::new().unwrap();
    routed(&world, Routing::Direct).await.unwrap().stop().await;
    world.void_leases();
    let mut settings = world.settings();
    (settings.routing, settings.host) = (Routing::Direct, "second".parse().unwrap());
    let moved = world.start(Parts { settings, ..world.parts() }).await.unwrap().controller;
    let error = moved.ensure_platform("http://localhost:3000").await.unwrap_err();
    assert!(error.code() == Code::Unusable && error.message().contains("one host only"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_plan_of_the_platform_says_its_calls_and_changes_nothing() {
    let world = World::new().unwrap();
    let controller = world.controller().await.unwrap();
    let plan = controller.plan_platform("http://localhost:3000").await.unwrap();
    let tasks: Vec<&str> = plan.steps.iter().map(|step| step.task.as_str()).collect();
    assert!(tasks.contains(&"Create tunnel") && tasks.contains(&"Configure tunnel ingress"), "{tasks:?}");
    assert!(plan.cloudflare_calls >= 6, "{plan:?}");
    assert_eq!((world.tunnels.tunnels().len(), world.stores.dump().len()), (0, 1), "only the installation's identity");
}

/// How the creation of a store that was begun ends, whether it failed before its answer or after.
async fn outcome(controller: &Controller, name: &str) -> (OperationState, Option<Code>) {
    let operation = match controller.create_store(&request(name)).await {
        Ok((_, operation)) => operation.id().clone(),
        Err(error) => error.context().find(|(key, _)| *key == "operation").unwrap().1.parse().unwrap(),
    };
    let view = controller.wait_operation(&operation, LONG).await.unwrap();
    (view.state, view.error.map(|error| error.code))
}

/// A world whose tunnel holds so many rules at most.
async fn limited(world: &World, rules: usize) -> Controller {
    let limits = TunnelLimits { rules, ..TunnelLimits::default() };
    set(world, |settings| (settings.routing, settings.tunnel_limits) = (Routing::Direct, limits)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_store_the_full_document_has_no_room_for_is_refused_before_anything_is_written() {
    let world = World::new().unwrap();
    // The platform's two rules and two stores with two names each.
    let controller = limited(&world, 6).await;
    let (first, _) = create(&controller, "oceanbreeze").await;
    assert_eq!(create(&controller, "bluepeak").await.1.state, OperationState::Succeeded);
    let (documents, written) = (world.stores.dump(), world.script.count("tunnel.store"));
    let planned = controller.plan_create(&request("seabreeze")).await.unwrap_err();
    let asked = controller.create_store(&request("seabreeze")).await.unwrap_err();
    for error in [planned, asked] {
        assert_eq!(error.code(), Code::TunnelFull, "{error}");
        for told in ["8 rules", "limit is 6", "--routing router"] {
            assert!(error.message().contains(told), "{error}");
        }
    }
    assert_eq!((world.stores.dump() == documents, world.script.count("tunnel.store")), (true, written));
    assert_eq!(world.script.count("domains.create_zone"), 2, "no zone is made for what cannot be");

    let deletion = controller.delete_store(&first).await.unwrap();
    assert_eq!(controller.wait_operation(&deletion, LONG).await.unwrap().state, OperationState::Succeeded);
    assert_eq!(create(&controller, "seabreeze").await.1.state, OperationState::Succeeded, "there is room again");
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn of_two_stores_at_once_that_fit_alone_one_is_made_and_the_other_leaves_nothing() {
    let world = World::new().unwrap();
    let controller = limited(&world, 4).await;
    let (one, other) = tokio::join!(outcome(&controller, "oceanbreeze"), outcome(&controller, "bluepeak"));
    let mut ended = vec![one, other];
    ended.sort_by_key(|(state, _)| *state != OperationState::Succeeded);
    assert_eq!(ended, [(OperationState::Succeeded, None), (OperationState::RolledBack, Some(Code::TunnelFull))]);
    assert_eq!(rules(&world).len(), 4);
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn rules_of_others_count_and_a_store_keeps_its_own_when_they_fill_the_document() {
    let world = World::new().unwrap();
    let controller = limited(&world, 6).await;
    let (store, _) = create(&controller, "oceanbreeze").await;
    by_hand(&world, |rules| {
        for number in 0..4 {
            rules.insert(0, rule(json!({"hostname": format!("theirs{number}.com"), "service": "http://10.0.0.1:80"})));
        }
        rules.retain(|rule| rule.hostname.as_deref() != Some("oceanbreeze.storex.com"));
    });
    // Their rules were not seen yet when it is asked for; the round that would write its own sees them.
    let ended = outcome(&controller, "bluepeak").await;
    assert_eq!(ended, (OperationState::RolledBack, Some(Code::TunnelFull)));
    let mended = controller.reconcile(&ReconcileOptions::of(DriftQuery::of_store(store.clone()))).await.unwrap();
    for operation in &mended.operations {
        assert_eq!(controller.wait_operation(operation, LONG).await.unwrap().state, OperationState::Succeeded);
    }
    assert_eq!(drift(&controller, &store).await, []);
    let deletion = controller.delete_store(&store).await.unwrap();
    assert_eq!(controller.wait_operation(&deletion, LONG).await.unwrap().state, OperationState::Succeeded);
    assert_eq!(rules(&world).len(), 6, "theirs and the platform's");
}
