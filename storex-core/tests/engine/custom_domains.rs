//! Custom domains by both strategies on a world in memory: what create answers, what the domain's own life does, what reconcile and delete leave.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;
use storex_core::operation::{OperationState, OperationView};
use storex_core::record::{CertificateRecord, DomainRecord, StoreRecord};
use storex_core::{
    CertificateStatus, Code, ConfigurationStatus, Controller, CreateStoreRequest, DomainStrategy, DriftQuery, Hostname, Lookup,
    OperationId, OriginStatus, RoutingStatus, Settings, StoreId, Table,
};
use storex_fakes::{Allowance, Fault, FaultRule, Parts, When, World};

const NAME: &str = "www.oceanbreezestore.com";

fn request(domain: &str) -> CreateStoreRequest {
    let details = serde_json::json!({ "owner": "John Smith", "email": "john@example-mail.com" });
    let body = serde_json::json!({ "username": "oceanbreeze", "domain": domain, "storeDetails": details });
    CreateStoreRequest::from_json(&body).unwrap()
}

fn by_hostname(domain: &str) -> CreateStoreRequest {
    request(domain).with_strategy(DomainStrategy::CustomHostname)
}

fn name() -> Hostname {
    NAME.parse().unwrap()
}

async fn ready(world: &World, change: impl FnOnce(&mut Settings)) -> Controller {
    let mut settings = world.settings();
    settings.custom_hostnames = true;
    change(&mut settings);
    let controller = world.start(Parts { settings, ..world.parts() }).await.unwrap().controller;
    controller.ensure_platform("http://localhost:3000").await.unwrap();
    controller
}

async fn rest(controller: &Controller, id: &OperationId) -> OperationView {
    let view = controller.wait_operation(id, Duration::from_hours(48)).await.unwrap();
    assert!(view.done, "{view:#?}");
    view
}

fn domain(world: &World) -> DomainRecord {
    world.stores.row(Table::Domains, NAME).unwrap().body.read().unwrap()
}

/// Lets time pass and looks after the domains, until this holds of the domain's document.
async fn until(world: &World, controller: &Controller, what: &str, holds: impl Fn(&DomainRecord) -> bool) -> DomainRecord {
    for _ in 0..400 {
        let record = domain(world);
        if holds(&record) {
            return record;
        }
        world.clock().sleep(Duration::from_mins(5)).await;
        controller.check_domains().await.unwrap();
    }
    unreachable!("{what}: {:#?}", domain(world));
}

fn waits_on(who: &'static str) -> impl Fn(&DomainRecord) -> bool {
    move |record| record.waits_on.as_ref().is_some_and(|waits| waits.who == who)
}

/// A store whose owner has proved the name, with its custom hostname made.
async fn proved(world: &World, controller: &Controller) -> StoreId {
    let (created, operation) = controller.create_store(&by_hostname(NAME)).await.unwrap();
    assert_eq!(rest(controller, &operation).await.state, OperationState::Succeeded);
    let proof = domain(world).proof.unwrap();
    world.dns.set(&proof.name, Lookup::Txt, &["other", &proof.value]);
    until(world, controller, "made", |record| record.hostname.is_some()).await;
    created.store_id
}

/// A second store with a custom hostname.
async fn another(world: &World, controller: &Controller) {
    let details = serde_json::json!({ "owner": "Ann Lee", "email": "ann@example-mail.com" });
    let body = serde_json::json!({ "username": "seabreeze", "domain": "www.seabreezestore.com", "storeDetails": details });
    let request = CreateStoreRequest::from_json(&body).unwrap().with_strategy(DomainStrategy::CustomHostname);
    let (_, operation) = controller.create_store(&request).await.unwrap();
    rest(controller, &operation).await;
    let row = || world.stores.row(Table::Domains, "www.seabreezestore.com").unwrap().body.read::<DomainRecord>().unwrap();
    let proof = row().proof.unwrap();
    world.dns.set(&proof.name, Lookup::Txt, &[&proof.value]);
    while row().hostname.is_none() {
        world.clock().sleep(Duration::from_mins(5)).await;
        controller.check_domains().await.unwrap();
    }
}

fn calls(world: &World, name: &str) -> usize {
    world.script.history().iter().filter(|call| call.name == name).count()
}

#[tokio::test(start_paused = true)]
async fn the_platform_is_made_ready_for_custom_hostnames_once_and_only_when_it_is_told_to() {
    let world = World::new().unwrap();
    let plain = world.ready_controller().await.unwrap();
    let primary = world.domains.zones().remove(0).id;
    assert_eq!((world.domains.records(&primary).len(), world.domains.fallback_origin(&primary)), (1, None));
    let error = plain.create_store(&by_hostname(NAME)).await.unwrap_err();
    assert_eq!((error.code(), error.pointer_str()), (Code::Unsupported, Some("/domain_strategy")));
    drop(plain);

    // Enabled later: what stands is kept, what is missing is made.
    let controller = ready(&world, |_| {}).await;
    let origin = "fallback.storex.com".parse().unwrap();
    assert_eq!(world.domains.fallback_origin(&primary), Some((origin, OriginStatus::Active)));
    let names: Vec<String> = world.domains.records(&primary).into_iter().map(|record| record.name).collect();
    assert_eq!(names, ["*.storex.com", "fallback.storex.com", "shops.storex.com"]);
    let before = calls(&world, "domains.ensure_fallback_origin");
    controller.ensure_platform("http://localhost:3001").await.unwrap();
    assert_eq!(calls(&world, "domains.ensure_fallback_origin"), before, "it stands already");
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn where_custom_hostnames_go_already_is_left_and_the_platform_turns_back() {
    let world = World::new().unwrap();
    let rule = FaultRule::next("domains.ensure_fallback_origin", "", When::Before, Fault::Refuse(Code::ForeignObject));
    world.script.add(rule);
    let mut settings = world.settings();
    settings.custom_hostnames = true;
    let controller = world.start(Parts { settings, ..world.parts() }).await.unwrap().controller;
    let error = controller.ensure_platform("http://localhost:3000").await.unwrap_err();
    assert_eq!(error.code(), Code::ForeignObject);
    let primary = world.domains.zones().remove(0).id;
    assert_eq!((world.domains.records(&primary), world.tunnels.tunnels()), (vec![], vec![]), "all of it is gone again");
}

#[tokio::test(start_paused = true)]
async fn a_store_never_waits_for_its_custom_hostname_and_the_answer_says_what_its_owner_does() {
    let world = World::new().unwrap();
    let controller = ready(&world, |_| {}).await;
    let edge = |world: &World| world.script.history().iter().filter(|call| call.name.starts_with("domains.")).count();
    let before = edge(&world);
    let (created, operation) = controller.create_store(&by_hostname(NAME)).await.unwrap();
    assert_eq!(rest(&controller, &operation).await.state, OperationState::Succeeded);
    assert_eq!(edge(&world), before, "create calls nothing at the edge");
    let proof = domain(&world).proof.unwrap();
    assert_eq!(created.configuration.nameservers, Vec::<String>::new());
    assert_eq!(created.configuration.status, ConfigurationStatus::Configuring);
    let steps = [
        format!("Add the TXT record _storex-challenge.{NAME} with the value {}", proof.value),
        format!("Add the CNAME record {NAME} that points to shops.storex.com"),
        "Wait for DNS propagation".to_owned(),
        "Verify domain ownership".to_owned(),
    ];
    assert_eq!(created.configuration.next_steps, steps);
    let shown = controller.get_store(&created.store_id).await.unwrap();
    assert_eq!(shown.created, created);
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn no_hostname_is_made_before_the_owner_has_proved_the_name() {
    let world = World::new().unwrap();
    let controller = ready(&world, |_| {}).await;
    let (_, operation) = controller.create_store(&by_hostname(NAME)).await.unwrap();
    rest(&controller, &operation).await;
    let proof = domain(&world).proof.unwrap();
    world.dns.set(&proof.name, Lookup::Txt, &["storex-domain-verification=of-somebody-else"]);
    for _ in 0..50 {
        world.clock().sleep(Duration::from_hours(1)).await;
        controller.check_domains().await.unwrap();
    }
    assert_eq!((world.domains.hostnames(), calls(&world, "domains.create_hostname")), (vec![], 0));
    assert!(waits_on("owner")(&domain(&world)));
    // Control: with the text the same looks make it.
    world.dns.set(&proof.name, Lookup::Txt, &[&proof.value]);
    until(&world, &controller, "made", |record| record.hostname.is_some()).await;
    assert_eq!(calls(&world, "domains.create_hostname"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_custom_hostname_is_active_when_both_its_states_are_and_goes_with_its_store() {
    let world = World::new().unwrap();
    world.plant_sentinels("nothing").await.unwrap();
    let controller = ready(&world, |_| {}).await;
    let store = proved(&world, &controller).await;
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
    world.domains.edit_hostname(&name(), |facts| facts.routing = RoutingStatus::Active);
    let record = until(&world, &controller, "certificate", waits_on("cloudflare")).await;
    assert!(record.waits_on.unwrap().what.contains("certificate"));
    world.domains.edit_hostname(&name(), |facts| facts.certificate = Some(CertificateStatus::Active));
    until(&world, &controller, "active", |record| record.waits_on.is_none()).await;
    let view = controller.get_store(&store).await.unwrap();
    assert_eq!(view.created.configuration.status, ConfigurationStatus::Active);
    assert_eq!(view.created.configuration.next_steps, Vec::<String>::new());
    let certificate: CertificateRecord = world.stores.row(Table::Certificates, NAME).unwrap().body.read().unwrap();
    assert_eq!((certificate.provider.as_str(), certificate.waits_on), ("custom_hostname", None));
    // A day later it has moved away; asked to look, Cloudflare finds it back.
    world.domains.edit_hostname(&name(), |facts| facts.routing = RoutingStatus::Moved);
    until(&world, &controller, "moved", waits_on("owner")).await;
    assert!(calls(&world, "domains.recheck") > 0);
    world.domains.edit_hostname(&name(), |facts| facts.routing = RoutingStatus::Active);
    until(&world, &controller, "back", |record| record.waits_on.is_none()).await;

    let operation = controller.delete_store(&store).await.unwrap();
    assert_eq!(rest(&controller, &operation).await.state, OperationState::Succeeded);
    assert_eq!(world.domains.hostnames().len(), 1, "the sentinel's");
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_hostname_somebody_else_has_is_left_and_the_store_stays() {
    let world = World::new().unwrap();
    let controller = ready(&world, |_| {}).await;
    let primary = world.domains.zones().remove(0).id;
    let foreign = world.domains.insert_foreign_hostname(&primary, &name()).unwrap();
    let (created, operation) = controller.create_store(&by_hostname(NAME)).await.unwrap();
    rest(&controller, &operation).await;
    let proof = domain(&world).proof.unwrap();
    world.dns.set(&proof.name, Lookup::Txt, &[&proof.value]);
    let record = until(&world, &controller, "refused", waits_on("operator")).await;
    assert!(record.waits_on.unwrap().what.contains("could not be made"));
    assert_eq!(world.domains.hostnames(), std::slice::from_ref(&foreign));
    let store: StoreRecord = world.stores.row(Table::Stores, &created.store_id.to_string()).unwrap().body.read().unwrap();
    assert!(store.operation == *operation.id(), "the store is as it was");
    // Once it is out of the way it is tried again, by itself.
    world.domains.take_hostname(&primary, &foreign);
    until(&world, &controller, "made", |record| record.hostname.is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_makes_one_hostname_and_a_late_one_is_not_left_behind() {
    for fault in [Fault::Unclear, Fault::Late(45)] {
        let mut world = World::new().unwrap();
        world.domains = world.domains.with_late_effect_window(Duration::from_mins(1));
        let controller = ready(&world, |_| {}).await;
        world.script.add(FaultRule::next("domains.create_hostname", "", When::After, fault));
        let store = proved(&world, &controller).await;
        assert_eq!(world.domains.hostnames().len(), 1);
        assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new(), "{fault:?}");
        controller.deliver_due().await.unwrap();
        let operation = controller.delete_store(&store).await.unwrap();
        rest(&controller, &operation).await;
        assert_eq!(world.store_traces(), Vec::<String>::new(), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hostname_that_was_removed_by_hand_is_reported_and_made_again_by_its_own_proof() {
    let world = World::new().unwrap();
    let controller = ready(&world, |_| {}).await;
    let store = proved(&world, &controller).await;
    let primary = world.domains.zones().remove(0).id;
    let first = world.domains.hostnames().remove(0);
    world.domains.take_hostname(&primary, &first);
    let report = controller.drift(&DriftQuery::of_store(store.clone())).await.unwrap();
    let found: Vec<String> =
        report.drift.iter().map(|drift| format!("{} {:?} {:?}", drift.resource, drift.state, drift.action)).collect();
    assert_eq!(found, [format!("hostname/{NAME} Missing Report")]);
    until(&world, &controller, "again", |record| record.hostname.as_ref().is_some_and(|id| *id != first.id)).await;
    let report = controller.drift(&DriftQuery::of_store(store)).await.unwrap();
    assert_eq!(report.drift, []);
}

#[tokio::test(start_paused = true)]
async fn reissuing_the_certificate_of_a_custom_hostname_has_it_validated_again() {
    let world = World::new().unwrap();
    let controller = ready(&world, |_| {}).await;
    let (created, operation) = controller.create_store(&by_hostname(NAME)).await.unwrap();
    rest(&controller, &operation).await;
    let early = controller.reissue_certificate(&created.store_id, true).await.unwrap();
    assert!(early.detail.contains("is not made yet") && early.operation.is_none(), "{early:?}");
    assert_eq!(calls(&world, "domains.recheck"), 0);

    let proof = domain(&world).proof.unwrap();
    world.dns.set(&proof.name, Lookup::Txt, &[&proof.value]);
    until(&world, &controller, "made", |record| record.hostname.is_some()).await;
    let before = calls(&world, "domains.recheck");
    let view = controller.reissue_certificate(&created.store_id, false).await.unwrap();
    assert!(view.detail.contains("validated again") && view.operation.is_none(), "{view:?}");
    assert_eq!(calls(&world, "domains.recheck"), before + 1);
    world.script.add(FaultRule::next("domains.recheck", "", When::Before, Fault::Refuse(Code::RateLimited)));
    let error = controller.reissue_certificate(&created.store_id, false).await.unwrap_err();
    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
}

/// What a page of drift found.
async fn paged(controller: &Controller) -> Vec<String> {
    let report = controller.drift(&DriftQuery::page(None, 50)).await.unwrap();
    report.drift.iter().map(|drift| format!("{} {:?} {:?}", drift.resource, drift.state, drift.action)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_look_at_many_stores_lists_custom_hostnames_once_and_misses_nothing_the_list_does_not_show() {
    let world = World::new().unwrap();
    let controller = ready(&world, |_| {}).await;
    let store = proved(&world, &controller).await;
    let looks = || (calls(&world, "domains.list_hostnames"), calls(&world, "domains.find_hostname"));
    let counted = |(lists, finds): (usize, usize)| (looks().0 - lists, looks().1 - finds);

    let before = looks();
    assert_eq!(paged(&controller).await, Vec::<String>::new());
    assert_eq!(counted(before), (1, 0), "the list shows it");
    // A page that follows uses the same list, here that of one store each; one store by itself is looked at afresh.
    another(&world, &controller).await;
    let before = looks();
    let first = controller.drift(&DriftQuery::page(None, 1)).await.unwrap();
    let second = controller.drift(&DriftQuery::page(first.next_page_token, 1)).await.unwrap();
    assert_eq!((first.checked, second.checked, second.drift), (1, 1, vec![]));
    assert_eq!(counted(before), (1, 0));
    let before = looks();
    controller.drift(&DriftQuery::of_store(store)).await.unwrap();
    assert_eq!(counted(before), (0, 1));

    // A list that cannot be read is no finding: each is looked at by itself.
    let before = looks();
    let refusal = Fault::Refuse(Code::Unavailable);
    world.script.add(FaultRule::next("domains.list_hostnames", "", When::Before, refusal));
    assert_eq!(paged(&controller).await, Vec::<String>::new());
    assert_eq!(counted(before), (1, 2));

    let primary = world.domains.zones().remove(0).id;
    let first = world.domains.hostnames().remove(0);
    world.domains.take_hostname(&primary, &first);
    let before = looks();
    assert_eq!(paged(&controller).await, [format!("hostname/{NAME} Missing Report")]);
    assert_eq!(counted(before), (1, 1), "what the list does not show is looked at");
    // Another of the same name is not ours, whatever the list says.
    world.domains.insert_foreign_hostname(&primary, &name()).unwrap();
    assert_eq!(paged(&controller).await, [format!("hostname/{NAME} Foreign Report")]);
}

#[tokio::test(start_paused = true)]
async fn an_apex_is_refused_unless_its_dns_flattens_or_the_plan_has_addresses() {
    let world = World::new().unwrap();
    let controller = ready(&world, |_| {}).await;
    let apex = by_hostname("oceanbreezestore.com");
    let error = controller.create_store(&apex).await.unwrap_err();
    assert_eq!((error.code(), error.pointer_str()), (Code::InvalidDomain, Some("/domain")));
    assert!(error.message().contains("www.oceanbreezestore.com"), "{error}");
    assert!(controller.plan_create(&apex).await.is_err());
    let mut flattened = apex.clone();
    flattened.apex_flattening = true;
    controller.plan_create(&flattened).await.unwrap();
    let enterprise = ready(&world, |settings| settings.apex_proxying = true).await;
    enterprise.plan_create(&apex).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_plan_shows_the_later_step_with_its_calls_and_what_it_waits_for() {
    let world = World::new().unwrap();
    let controller = ready(&world, |settings| settings.domain_strategy = DomainStrategy::CustomHostname).await;
    let plan = controller.plan_create(&request(NAME)).await.unwrap();
    let last = plan.steps.last().unwrap();
    assert_eq!((last.resource.as_str(), last.cloudflare_calls), ("hostname/www.oceanbreezestore.com", 2));
    assert!(last.once.as_ref().is_some_and(|once| once.contains("TXT")));
    assert_eq!(plan.cloudflare_calls, 2, "{plan:#?}");
    let zone = controller.plan_create(&request("oceanbreezestore.com").with_strategy(DomainStrategy::Zone)).await.unwrap();
    assert!(zone.steps.iter().any(|step| step.resource == "zone/oceanbreezestore.com") && zone.cloudflare_calls > 2);
}

#[tokio::test(start_paused = true)]
async fn a_zone_is_active_once_its_registrar_names_its_servers_and_costs_nothing_before() {
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let (created, operation) = controller.create_store(&request("oceanbreezestore.com")).await.unwrap();
    rest(&controller, &operation).await;
    let look = |world: &World| -> DomainRecord {
        world.stores.row(Table::Domains, "oceanbreezestore.com").unwrap().body.read().unwrap()
    };
    let edge = |world: &World| world.script.history().iter().filter(|call| call.name.starts_with("domains.")).count();
    let before = edge(&world);
    for _ in 0..48 {
        world.clock().sleep(Duration::from_hours(1)).await;
        controller.check_domains().await.unwrap();
    }
    assert_eq!(edge(&world), before, "a zone nobody delegated costs no call");
    let zone = look(&world);
    world.dns.set("oceanbreezestore.com", Lookup::Ns, &[&format!("{}.", zone.name_servers.first().unwrap().to_uppercase())]);
    for _ in 0..12 {
        world.clock().sleep(Duration::from_mins(10)).await;
        controller.check_domains().await.unwrap();
    }
    let asked = calls(&world, "domains.recheck");
    assert!((1..=2).contains(&asked), "once an hour at most: {asked} in two hours");
    world.domains.activate(&zone.zone.unwrap()).unwrap();
    for _ in 0..12 {
        world.clock().sleep(Duration::from_mins(10)).await;
        controller.check_domains().await.unwrap();
    }
    assert_eq!(look(&world).waits_on, None);
    let certificate: CertificateRecord =
        world.stores.row(Table::Certificates, "oceanbreezestore.com").unwrap().body.read().unwrap();
    assert_eq!((certificate.provider.as_str(), certificate.waits_on), ("universal", None));
    let view = controller.get_store(&created.store_id).await.unwrap();
    assert_eq!(view.created.configuration.status, ConfigurationStatus::Active);
    assert_eq!(view.created.configuration.nameservers.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_zone_the_account_has_is_used_when_the_operator_says_so_and_never_removed() {
    let world = World::new().unwrap();
    let zone = world.domains.insert_foreign_zone(&"oceanbreezestore.com".parse().unwrap());
    let refusing = world.ready_controller().await.unwrap();
    assert_eq!(refusing.plan_create(&request("oceanbreezestore.com")).await.unwrap_err().code(), Code::ZoneExists);
    drop(refusing);
    let controller = ready(&world, |settings| settings.adopt_zones = true).await;
    let (created, operation) = controller.create_store(&request("oceanbreezestore.com")).await.unwrap();
    assert_eq!(rest(&controller, &operation).await.state, OperationState::Succeeded);
    assert_eq!(created.configuration.nameservers, zone.name_servers);
    assert_eq!(world.domains.records(&zone.id).len(), 1);
    let operation = controller.delete_store(&created.store_id).await.unwrap();
    assert_eq!(rest(&controller, &operation).await.state, OperationState::Succeeded);
    assert!(world.domains.has_zone(&zone) && world.domains.records(&zone.id).is_empty());
}
