//! Starting, taking over, crashing, stopping.

use super::world::{Place, Shop, commit, free_address, signal, table, until};
use rustix::process::Signal;
use std::fs;
use std::net::TcpListener;
use storex_agent::nginx::{NginxProxy, NginxSettings};
use storex_core::{Code, ProxyWriter, RouteTable};

/// A router with one route, and the shop behind it.
async fn serving() -> (Place, NginxProxy, Shop) {
    let (place, proxy) = Place::started().await;
    let shop = Shop::open("shop").await;
    commit(&proxy, &table(&[("shop.storex.com", shop.port)])).await;
    (place, proxy, shop)
}

async fn assert_serves(place: &Place) {
    assert_eq!(place.get("shop.storex.com", "/").await.status, 200);
    assert_eq!(place.get("other.storex.com", "/").await.status, 421);
}

#[tokio::test]
async fn a_second_start_takes_over_the_living_master() {
    let (place, first, _shop) = serving().await;
    let master = place.master();
    drop(first);
    let second = place.start().await;
    assert_eq!(place.master(), master);
    assert_eq!(second.load().await.expect("the routes").0, 1);
    assert_serves(&place).await;
    assert_eq!(commit(&second, &RouteTable::default()).await, 2);
    assert_eq!(place.get("shop.storex.com", "/").await.status, 421);
}

#[tokio::test]
async fn a_take_over_brings_the_router_to_new_settings() {
    let (mut place, first, _shop) = serving().await;
    let master = place.master();
    drop(first);
    let old = place.settings.listen;
    place.settings = NginxSettings { listen: free_address(), workers: 3, ..place.settings.clone() };
    place.start().await;
    assert_eq!(place.master(), master);
    assert_serves(&place).await;
    assert!(TcpListener::bind(old).is_ok(), "the former port is free");
    let workers = place.processes().iter().filter(|(_, title)| title == "nginx: worker process").count();
    assert_eq!(workers, 3);
}

#[tokio::test]
async fn workers_left_by_a_killed_master_are_ended_and_the_routes_are_back() {
    let (place, first, _shop) = serving().await;
    drop(first);
    let (master, before) = (place.master(), place.processes());
    signal(master, Signal::KILL);
    until("the end of the master", || place.processes().iter().all(|(pid, _)| *pid != master)).await;
    assert_serves(&place).await;
    let orphans = place.processes();
    assert_eq!(orphans.len(), 2, "the workers serve on without a master: {before:?}");
    let proxy = place.start().await;
    assert_serves(&place).await;
    assert_eq!(proxy.load().await.expect("the routes").0, 1);
    for (pid, _) in &orphans {
        assert!(
            place.processes().iter().all(|(living, title)| living != pid || title.contains("shutting down")),
            "{pid} still accepts"
        );
    }
    assert_eq!(commit(&proxy, &RouteTable::default()).await, 2);
}

#[tokio::test]
async fn orphans_that_do_not_react_are_killed() {
    let (place, first, _shop) = serving().await;
    drop(first);
    let master = place.master();
    signal(master, Signal::KILL);
    until("the end of the master", || place.processes().iter().all(|(pid, _)| *pid != master)).await;
    let orphans: Vec<u32> = place.processes().into_iter().map(|(pid, _)| pid).collect();
    for pid in &orphans {
        signal(*pid, Signal::STOP);
    }
    place.start().await;
    assert_serves(&place).await;
    assert!(place.processes().iter().all(|(pid, _)| !orphans.contains(pid)));
}

#[tokio::test]
async fn a_commit_starts_a_router_whose_master_died_and_so_does_revive() {
    let (place, proxy, shop) = serving().await;
    assert!(!proxy.revive().await.expect("it lives"));
    for round in 0..2 {
        let master = place.master();
        signal(master, Signal::KILL);
        until("the end of the master", || place.processes().iter().all(|(pid, _)| *pid != master)).await;
        if round == 0 {
            assert!(proxy.revive().await.expect("started again"));
        } else {
            commit(&proxy, &table(&[("shop.storex.com", shop.port), ("more.storex.com", shop.port)])).await;
            assert_eq!(place.get("more.storex.com", "/").await.status, 200);
        }
        assert_serves(&place).await;
        assert_ne!(place.master(), master);
    }
}

#[tokio::test]
async fn a_stopped_router_leaves_no_process_and_comes_back_with_its_routes() {
    let (place, proxy, _shop) = serving().await;
    proxy.shutdown().await.expect("stopped");
    assert_eq!(place.processes(), []);
    assert!(TcpListener::bind(place.settings.listen).is_ok(), "its port is free");
    proxy.shutdown().await.expect("stopping twice is no error");
    let again = place.start().await;
    assert_serves(&place).await;
    assert_eq!(again.load().await.expect("the routes").0, 1);
}

#[tokio::test]
async fn a_router_that_does_not_stop_by_itself_is_stopped() {
    let (place, proxy, _shop) = serving().await;
    for (pid, _) in place.processes() {
        signal(pid, Signal::STOP);
    }
    proxy.shutdown().await.expect("stopped");
    assert_eq!(place.processes(), []);
}

#[tokio::test]
async fn a_table_on_disk_that_was_never_announced_is_in_force_after_the_next_start() {
    let (place, first, shop) = serving().await;
    drop(first);
    // What a crash between the move of the file and the signal leaves.
    let routes = place.prefix().join("conf/routes.conf");
    let text = fs::read_to_string(&routes).expect("the routes");
    fs::write(&routes, text.replace("shop.storex.com", "moved.storex.com").replace("default \"1\"", "default \"2\""))
        .expect("written");
    let proxy = place.start().await;
    assert_eq!(proxy.load().await.expect("the routes"), (2, table(&[("moved.storex.com", shop.port)])));
    assert_eq!(place.get("moved.storex.com", "/").await.status, 200);
    assert_eq!(place.get("shop.storex.com", "/").await.status, 421);
}

#[tokio::test]
async fn a_file_of_routes_nobody_can_read_any_more_starts_without_routes() {
    let (place, proxy, _shop) = serving().await;
    let routes = place.prefix().join("conf/routes.conf");
    fs::write(&routes, "include /etc/passwd;\n").expect("written");
    assert_eq!(proxy.load().await.expect_err("not ours").code(), Code::Corrupt);
    let again = place.start().await;
    assert_eq!(again.load().await.expect("the routes"), (0, RouteTable::default()));
    assert_eq!(place.get("shop.storex.com", "/").await.status, 421);
}

#[tokio::test]
async fn a_busy_port_is_named() {
    let place = Place::new();
    let _holder = TcpListener::bind(place.settings.listen).expect("the port");
    let error = NginxProxy::start(place.settings.clone()).await.expect_err("no port");
    assert_eq!(error.code(), Code::PortBusy);
    assert!(error.to_string().contains(&place.settings.listen.port().to_string()), "{error}");
    assert_eq!(place.processes(), []);
}

#[tokio::test]
async fn a_missing_program_names_the_script_that_brings_it() {
    let place = Place::new();
    let settings = NginxSettings { binary: "/nonexistent/nginx".into(), ..place.settings.clone() };
    let error = NginxProxy::start(settings).await.expect_err("no nginx");
    assert_eq!(error.code(), Code::Unusable);
    assert!(error.message().contains("scripts/install-host.sh"), "{error}");
}

#[tokio::test]
async fn a_prefix_the_workers_cannot_reach_is_unusable_before_anything_starts() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    if place.settings.user.is_none() {
        return;
    }
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o700)).expect("the mode");
    let error = NginxProxy::start(place.settings.clone()).await.expect_err("no way in");
    assert_eq!(error.code(), Code::Unusable);
    assert!(error.message().contains("Permission denied"), "{error}");
    assert_eq!(place.processes(), []);
}
