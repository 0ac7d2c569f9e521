//! Drift, plan and reconcile on a world in memory.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::time::Duration;
use storex_core::operation::OperationState;
use storex_core::resource::{DriftAction, DriftState};
use storex_core::{
    Clock, Code, Controller, CreateStoreRequest, DomainProvider, DriftQuery, EffectCx, Epoch, Fence, Hostname, Lease, Page, Part,
    Query, ReconcileOptions, ReconcileReport, StoreHost, StoreId, StorePackage, StoreRepo, Symlinks, Table,
};
use storex_fakes::{Allowance, Fault, FaultRule, MemoryClock, Parts, When, World};

const DAY: Duration = Duration::from_hours(24);

fn request(username: &str, domain: Option<&str>) -> CreateStoreRequest {
    let body = serde_json::json!({ "username": username, "domain": domain, "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" } });
    CreateStoreRequest::from_json(&body).unwrap()
}

async fn store(controller: &Controller, username: &str, domain: Option<&str>) -> StoreId {
    let (created, operation) = controller.create_store(&request(username, domain)).await.unwrap();
    assert_eq!(controller.wait_operation(&operation, DAY).await.unwrap().state, OperationState::Succeeded);
    created.store_id
}

fn all() -> ReconcileOptions {
    ReconcileOptions::of(DriftQuery::default())
}

async fn reconcile(controller: &Controller, options: &ReconcileOptions) -> ReconcileReport {
    let report = controller.reconcile(options).await.unwrap();
    for operation in &report.operations {
        let view = controller.wait_operation(operation, DAY).await.unwrap();
        assert_eq!(view.state, OperationState::Succeeded, "{view:#?}");
    }
    report
}

/// Calls to the edge so far.
fn edge_calls(world: &World) -> usize {
    let at_edge = |name: &str| ["domains.", "tunnel.", "edge."].iter().any(|provider| name.starts_with(provider));
    world.script.history().iter().filter(|call| at_edge(call.name)).count()
}

/// Removes the store's DNS records by hand.
async fn remove_records(world: &World, domain: &str) {
    let name: Hostname = domain.parse().unwrap();
    let zone = world.domains.find_zone(&name).await.unwrap().unwrap();
    world.domains.edit_records(&zone.id, Vec::clear);
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_by_hand_is_listed_and_mended_and_nothing_else_is_touched() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let id = store(&controller, "oceanbreeze", Some("oceanbreezestore.com")).await;
    let whole = store(&controller, "mountainpeak", None).await;
    assert_eq!(controller.drift(&DriftQuery::default()).await.unwrap().drift, [], "nothing has drifted");

    remove_records(&world, "oceanbreezestore.com").await;
    let row = world.stores.get(Table::DueTimes, &format!("{id}/domain")).await.unwrap().unwrap();
    world.stores.delete(Table::DueTimes, &row.id, row.version, Fence::NONE).await.unwrap();
    let from = world.script.history().len();
    let report = controller.reconcile(&all().dry_run(true)).await.unwrap();
    assert!(
        world.script.history()[from..]
            .iter()
            .all(|call| !["repo.put", "host.apply", "domains.ensure_records"].contains(&call.name))
    );
    let found: Vec<_> =
        report.drift.iter().map(|drift| (drift.store_id.clone().unwrap(), drift.resource.as_str(), drift.state)).collect();
    let wanted = [
        (id.clone(), "records/oceanbreezestore.com", DriftState::Missing),
        (id.clone(), "record/due_times/domain", DriftState::Missing),
    ];
    assert_eq!(found, wanted);

    let before = controller.get_store(&whole).await.unwrap();
    let report = reconcile(&controller, &all()).await;
    assert_eq!(report.operations.len(), 1, "one operation for the store that drifted");
    assert_eq!(controller.get_store(&whole).await.unwrap(), before);
    assert_eq!(controller.drift(&DriftQuery::default()).await.unwrap().drift, []);
    // The documents know the new records: deleting leaves nothing behind.
    let deletion = controller.delete_store(&id).await.unwrap();
    controller.wait_operation(&deletion, DAY).await.unwrap();
    assert!(
        world.store_traces().iter().all(|trace| trace.contains("mountainpeak")
            || trace.contains(&whole.digits().to_string())
            || trace.starts_with("document outbox")
            || trace.starts_with("claim port")),
        "{:?}",
        world.store_traces()
    );
}

#[tokio::test(start_paused = true)]
async fn a_foreign_record_is_reported_and_never_touched() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let id = store(&controller, "oceanbreeze", Some("oceanbreezestore.com")).await;
    let zone = world.domains.find_zone(&"oceanbreezestore.com".parse().unwrap()).await.unwrap().unwrap();
    world.domains.edit_records(&zone.id, |records| {
        for record in records.iter_mut() {
            record.comment = Some("moved by hand".to_owned());
            record.content = "elsewhere.example.net".to_owned();
        }
    });
    let before = world.domains.records(&zone.id);
    let report = reconcile(&controller, &all()).await;
    assert_eq!((report.drift.len(), report.operations.len()), (1, 0), "{report:#?}");
    assert_eq!((report.drift[0].state, report.drift[0].action), (DriftState::Foreign, DriftAction::Report));
    assert_eq!(report.drift[0].store_id.as_ref(), Some(&id));
    assert_eq!(world.domains.records(&zone.id), before);
}

/// A controller whose platform is ready for custom hostnames.
async fn with_hostnames(world: &World) -> Controller {
    let mut settings = world.settings();
    settings.custom_hostnames = true;
    let controller = world.start(Parts { settings, ..world.parts() }).await.unwrap().controller;
    controller.ensure_platform("http://localhost:3000").await.unwrap();
    controller
}

#[tokio::test(start_paused = true)]
async fn a_fallback_origin_that_was_removed_or_changed_by_hand_is_listed_and_mended() {
    let world = World::new().unwrap();
    let controller = with_hostnames(&world).await;
    let zone = world.domains.zones()[0].id.clone();
    let origin = || world.domains.fallback_origin(&zone).map(|(origin, _)| origin.to_string());
    assert_eq!(controller.drift(&DriftQuery::default()).await.unwrap().drift, [], "nothing has drifted");
    let elsewhere: Hostname = "shops.storex.com".parse().unwrap();
    for (hand, state) in [(None, DriftState::Missing), (Some(&elsewhere), DriftState::Differs)] {
        world.domains.put_fallback_origin(&zone, hand);
        let records = world.domains.records(&zone);
        let report = reconcile(&controller, &all()).await;
        let found: Vec<_> = report
            .drift
            .iter()
            .map(|drift| (drift.store_id.clone(), drift.resource.as_str(), drift.state, drift.action))
            .collect();
        assert_eq!(found, [(None, "fallback_origin/fallback.storex.com", state, DriftAction::Repair)]);
        assert_eq!(origin().as_deref(), Some("fallback.storex.com"));
        assert_eq!(world.domains.records(&zone), records, "only where the custom hostnames go is changed");
        assert_eq!(controller.drift(&DriftQuery::default()).await.unwrap().drift, []);
    }
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_fallback_origin_comes_back_after_the_record_it_needs() {
    let world = World::new().unwrap();
    let controller = with_hostnames(&world).await;
    let zone = world.domains.zones()[0].id.clone();
    world.domains.put_fallback_origin(&zone, None);
    world.domains.edit_records(&zone, |records| records.retain(|record| record.name == "*.storex.com"));
    let report = reconcile(&controller, &all()).await;
    assert_eq!((report.drift.len(), report.operations.len()), (2, 1), "{report:#?}");
    assert_eq!(controller.drift(&DriftQuery::default()).await.unwrap().drift, []);
    // A platform that never had one has nothing to miss.
    let plain = World::new().unwrap();
    let controller = plain.ready_controller().await.unwrap();
    assert_eq!(controller.drift(&DriftQuery::default()).await.unwrap().drift, []);
    assert_eq!(plain.script.count("domains.fallback_origin"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_unknown_and_nothing_is_done_about_it() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    store(&controller, "oceanbreeze", Some("oceanbreezestore.com")).await;
    world.script.add(FaultRule::next("domains.list_records", "", When::Before, Fault::Unavailable).forever());
    let report = controller.reconcile(&all()).await.unwrap();
    assert!(!report.drift.is_empty() && report.operations.is_empty(), "{report:#?}");
    assert!(report.drift.iter().all(|drift| drift.state == DriftState::Unknown && drift.action == DriftAction::Report));
}

#[tokio::test(start_paused = true)]
async fn a_repair_that_cannot_succeed_delays_no_other_and_lets_the_store_be_deleted() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let stuck = store(&controller, "oceanbreeze", Some("oceanbreezestore.com")).await;
    store(&controller, "mountainpeak", Some("mountainpeakstore.com")).await;
    remove_records(&world, "oceanbreezestore.com").await;
    remove_records(&world, "mountainpeakstore.com").await;
    let zone = world.domains.find_zone(&"oceanbreezestore.com".parse().unwrap()).await.unwrap().unwrap();
    world
        .script
        .add(FaultRule::next("domains.ensure_records", zone.id.as_str(), When::Before, Fault::Refuse(Code::Corrupt)).forever());
    let report = controller.reconcile(&all()).await.unwrap();
    let mut states = Vec::new();
    for operation in &report.operations {
        states.push(controller.wait_operation(operation, DAY).await.unwrap().state);
    }
    states.sort_by_key(|state| *state == OperationState::Poisoned);
    assert_eq!(states, [OperationState::Succeeded, OperationState::Poisoned]);
    world.script.clear();
    let deletion = controller.delete_store(&stuck).await.unwrap();
    assert_eq!(controller.wait_operation(&deletion, DAY).await.unwrap().state, OperationState::Succeeded);
}

/// Forgets a store's document and leaves everything else, as a lost document would.
async fn orphan(world: &World, id: &StoreId) {
    let row = world.stores.get(Table::Stores, &id.to_string()).await.unwrap().unwrap();
    world.stores.delete(Table::Stores, &row.id, row.version, Fence::NONE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn orphans_are_removed_only_when_they_were_seen_twice_and_are_few() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(store(&controller, &format!("store{number}"), None).await);
    }
    for id in &ids[..4] {
        orphan(&world, id).await;
    }
    for _ in 0..3 {
        let report = reconcile(&controller, &all()).await;
        assert_eq!(report.drift.iter().filter(|drift| drift.state == DriftState::Orphan).count(), 4);
        assert!(report.operations.is_empty() && !report.held_back.is_empty(), "four of six are too many: {report:#?}");
        tokio::time::sleep(Duration::from_mins(2)).await;
    }
    // One comes back, three are few enough.
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(store(&controller, &format!("store{number}"), None).await);
    }
    for id in &ids[..3] {
        orphan(&world, id).await;
    }
    let first = reconcile(&controller, &all()).await;
    assert!(first.operations.is_empty(), "seen once: {first:#?}");
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(reconcile(&controller, &all()).await.operations.len(), 3);
    let mut left: Vec<StoreId> = world.host.stores();
    left.sort();
    let mut wanted = ids[3..].to_vec();
    wanted.sort();
    assert_eq!(left, wanted);
}

#[tokio::test(start_paused = true)]
async fn documents_older_than_the_world_stop_repairs_until_an_operator_accepts_them() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    store(&controller, "oceanbreeze", None).await;
    let backup = world.stores.dump();
    for _ in 0..20 {
        let holder = format!("holder{}", world.script.history().len());
        let lease = Lease { name: holder.clone(), holder, duration: Duration::from_secs(1) };
        world.stores.acquire(&lease).await.unwrap();
    }
    store(&controller, "mountainpeak", None).await;
    controller.stop().await;

    // The same world with documents restored from the backup: the count of epochs has fallen back.
    let mut restored = World::new().unwrap();
    restored.host = world.host.clone();
    restored.domains = world.domains.clone();
    restored.tunnels = world.tunnels.clone();
    for ((table, id), row) in backup {
        let write = storex_core::RowWrite { table, id, body: row.body, indexes: row.indexes };
        restored
            .stores
            .put(&write, storex_core::Expected::Absent, &storex_core::Nonce(String::new()), Fence::NONE)
            .await
            .unwrap();
    }
    let controller = restored.ready_controller().await.unwrap();
    let report = controller.drift(&DriftQuery::default()).await.unwrap();
    assert!(report.safe_mode.is_some(), "{report:#?}");
    assert!(report.drift.iter().all(|drift| drift.action == DriftAction::Report));
    assert_eq!(controller.reconcile(&all()).await.unwrap_err().code(), Code::SafeMode);
    let accepted = controller.reconcile(&all().accept_restore(true)).await.unwrap();
    assert!(accepted.operations.is_empty(), "the store the backup does not know is an orphan, seen once");
    assert!(controller.reconcile(&all()).await.is_ok(), "the count of epochs has caught up");
}

#[tokio::test(start_paused = true)]
async fn a_plan_writes_nothing_and_predicts_the_calls_to_the_edge() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let wanted = request("oceanbreeze", Some("oceanbreezestore.com"));
    let documents = world.stores.dump();
    let plan = controller.plan_create(&wanted).await.unwrap();
    assert_eq!(world.stores.dump(), documents);
    assert_eq!(world.store_traces(), Vec::<String>::new());
    let before = edge_calls(&world);
    let id = store(&controller, "oceanbreeze", Some("oceanbreezestore.com")).await;
    assert_eq!(edge_calls(&world) - before, plan.cloudflare_calls as usize, "{plan:#?}");
    let rows = world.stores.list(Table::Operations, &Query::All, &Page::first(10)).await.unwrap().rows;
    let doc = rows.iter().find(|row| row.body.value()["flow"] == "create_store").unwrap().body.value();
    assert_eq!(plan.steps.len(), doc["steps"].as_array().unwrap().len());
    assert_eq!(controller.plan_create(&wanted).await.unwrap_err().code(), Code::UsernameTaken);

    let plan = controller.plan_delete(&id).await.unwrap();
    let before = edge_calls(&world);
    let deletion = controller.delete_store(&id).await.unwrap();
    controller.wait_operation(&deletion, DAY).await.unwrap();
    assert_eq!(edge_calls(&world) - before, plan.cloudflare_calls as usize, "{plan:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_sweep_mends_by_itself() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    store(&controller, "oceanbreeze", Some("oceanbreezestore.com")).await;
    let sweeping = tokio::spawn({
        let controller = controller.clone();
        async move { controller.run_reconciler().await }
    });
    remove_records(&world, "oceanbreezestore.com").await;
    tokio::time::sleep(controller.settings().reconcile_interval * 2).await;
    assert_eq!(controller.drift(&DriftQuery::default()).await.unwrap().drift, []);
    sweeping.abort();
}

#[tokio::test(start_paused = true)]
async fn a_record_a_link_and_a_process_changed_by_hand_are_exactly_what_is_listed_and_mended() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let id = store(&controller, "oceanbreeze", Some("oceanbreezestore.com")).await;
    let zone = world.domains.find_zone(&"oceanbreezestore.com".parse().unwrap()).await.unwrap().unwrap();
    world.domains.edit_records(&zone.id, |records| {
        for record in records.iter_mut() {
            record.content = "elsewhere.example.net".to_owned();
        }
    });
    world.host.damage(&id, Part::Files, "a link is missing");
    world.host.damage(&id, Part::Process, "the process does not run");
    let before = world.host.history().len();
    let report = reconcile(&controller, &all()).await;
    let mut found: Vec<_> = report.drift.iter().map(|drift| (drift.resource.as_str(), drift.state, drift.action)).collect();
    found.sort_unstable_by_key(|(resource, ..)| *resource);
    let differs = |resource| (resource, DriftState::Differs, DriftAction::Repair);
    assert_eq!(
        found,
        [differs("host_part/files@local"), differs("host_part/process@local"), differs("records/oceanbreezestore.com")]
    );
    assert_eq!(world.host.history()[before..], [format!("apply {id} files"), format!("apply {id} process")]);
    assert_eq!(controller.drift(&DriftQuery::default()).await.unwrap().drift, []);
}

#[tokio::test(start_paused = true)]
async fn what_another_installation_runs_on_the_host_is_no_orphan() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let package = StorePackage {
        store_id: "stranger-54321".parse().unwrap(),
        directory: "/stores/stranger".to_owned(),
        environment: BTreeMap::new(),
        symlinks: Symlinks::default(),
    };
    let deadline = MemoryClock::new().now() + DAY;
    let cx = |instance: &str| EffectCx {
        mark: format!("storex/1 i={instance} s=54321 e=theirs.0f").parse().unwrap(),
        epoch: Epoch(0),
        deadline,
    };
    world.host.apply(&cx("ffffffff"), &package, Part::Files).await.unwrap();
    for _ in 0..3 {
        let report = reconcile(&controller, &all()).await;
        assert_eq!((report.drift.len(), report.operations.len()), (0, 0), "{report:#?}");
        tokio::time::sleep(Duration::from_mins(2)).await;
    }
    assert_eq!(world.host.stores(), [package.store_id]);
}
