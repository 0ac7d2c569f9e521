//! What runs by itself: `storex up` takes up what its end interrupted, and the sweep mends what somebody changed, with nobody asking.

use super::drift::{create, hand, statuses};
use super::judge::{breaches, is_half_made};
use super::rounds::create_body;
use super::world::{Role, World, millis, now, until};
use std::sync::Arc;
use std::time::Duration;
use storex_agent::AgentClient;
use storex_cloudflare::{CloudflareAccount, CloudflareClient};
use storex_core::{Clock, Controller, Hostname, Secret, Settings, SingleHost, SystemClock};
use storex_fakes::MemoryNotifier;
use storex_redb::RedbStores;

#[test]
fn storex_up_killed_in_the_middle_of_a_create_finishes_it_after_its_start() {
    let mut world = World::start();
    world.run_as(&[Role::Whole]);
    // Its twelfth write of the journal: some of the store is made and some is not.
    world.cloud.hold_repo("repo.put", "operations", 12, "before");
    let asking = world.api_later("POST", "/api/stores".to_owned(), Some(create_body("survivor")));
    until("the operation stands still", || world.cloud.repo_holds().then_some(()));
    world.kill(Role::Whole);
    assert!(is_half_made(&world, "survivor"), "the kill came in the middle");
    drop(asking.join().unwrap());
    let began = world.spawn(Role::Whole);
    world.await_ready(Role::Whole);
    until("the store serves", || (statuses(&world, "survivor") == [200, 200]).then_some(()));
    println!("storex up, killed in the middle of a create, serves the store {} ms after its next start", millis(began, now()));
    world.run_as(&[Role::Simulator, Role::Agent, Role::Controller]);
    until("it is at rest", || {
        let (_, _, body) = world.api("GET", "/api/stores", None).unwrap();
        (body["stores"][0]["state"] == "active").then_some(())
    });
    assert_eq!(breaches(&world, &["survivor".to_owned()].into()), Vec::<String>::new());
    assert_eq!(world.stop(), Vec::<u32>::new());
}

/// A controller of this test's own on the world's file, simulator and agent, that sweeps every second. The world's controller must be gone.
async fn sweeping(world: &World) -> Controller {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let client = CloudflareClient::builder()
        .base_url(format!("http://127.0.0.1:{}/client/v4", world.cloud.port))
        .token(Secret::new(world.cloud.token.clone()))
        .loopback_only(true)
        .build()
        .unwrap();
    let primary: Hostname = "storex.com".parse().unwrap();
    let account = CloudflareAccount::discover(&client, &primary).await.unwrap();
    let token = std::fs::read_to_string(world.data.join("agent.token")).unwrap();
    let token = Secret::new(token.trim().to_owned());
    let agent = (std::net::Ipv4Addr::LOCALHOST, world.agent).into();
    let mut settings = Settings::new(primary);
    settings.reconcile_interval = Duration::from_secs(1);
    Controller::builder()
        .repo(Arc::new(RedbStores::open(&world.data.join("storex.redb"), Arc::clone(&clock)).unwrap()))
        .domains(Arc::new(account.domains()))
        .tunnel(Arc::new(account.tunnels()))
        .hosts(Arc::new(SingleHost(Arc::new(AgentClient::new(agent, token, clock).unwrap()))))
        .notifier(Arc::new(MemoryNotifier::default()))
        .build(settings)
        .await
        .unwrap()
}

#[test]
fn the_sweep_mends_drift_of_a_real_store_with_nobody_asking() {
    let mut world = World::start();
    world.spawn(Role::Controller);
    world.await_ready(Role::Controller);
    let store = create(&world, "neglected");
    world.kill(Role::Controller);
    world.runtime.block_on(hand(&world).stop_process(&store.id)).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(statuses(&world, "neglected"), [502, 502], "the control: without a sweep nobody mends it");
    let (began, controller) = (now(), world.runtime.block_on(sweeping(&world)));
    let sweep = world.runtime.spawn({
        let controller = controller.clone();
        async move { controller.run_reconciler().await }
    });
    until("the sweep has mended it", || (statuses(&world, "neglected") == [200, 200]).then_some(()));
    println!("sweep: a stopped process served again after {} ms, the pause between sweeps being 1 s", millis(began, now()));
    sweep.abort();
    world.runtime.block_on(controller.stop());
    drop(controller);
    world.spawn(Role::Controller);
    world.await_ready(Role::Controller);
    assert_eq!(breaches(&world, &["neglected".to_owned()].into()), Vec::<String>::new());
    assert_eq!(world.stop(), Vec::<u32>::new());
}
