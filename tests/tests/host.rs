//! The laws of a store host on the real one: `storex serve agent` over real PM2, real Nginx and real files, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storex_agent::AgentClient;
use storex_core::{Secret, StoreHost, SystemClock};
use storex_fakes::laws::broken_laws;
use storex_fakes::laws::store_host::{DRIFT, LAWS, WithHand};
use storex_server::up::{Ports, RoleName, UpOptions, serve};
use storex_tests::hand::RealHand;
use storex_tests::installation::free_port;
use storex_tests::process;
use tokio::sync::oneshot;

fn options(dir: &Path, ports: Ports, first: u16) -> UpOptions {
    UpOptions {
        data_dir: dir.join("data"),
        ports,
        store_ports: format!("{first}-{}", first + 99).parse().unwrap(),
        core: PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/store-core"),
        primary_domain: "storex.com".parse().unwrap(),
        routing: storex_core::record::Routing::Router,
        domains: storex_server::up::DomainOptions::default(),
        edge: storex_server::up::EdgeOptions::default(),
        cloudflare_token: None,
        mongodb: None,
        databases: storex_server::up::DatabaseOptions::default(),
        tool_prefixes: process::tool_prefixes(),
        make_tokens: true,
        start_limit: Duration::from_secs(20),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_host_keeps_every_law_and_stops_without_a_trace() {
    let dir = tempfile::Builder::new().prefix("storex-host.").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let [controller, agent, router, simulator] = [(); 4].map(|()| free_port().unwrap());
    let ports = Ports { controller, agent, router, simulator };
    let options = options(dir.path(), ports, 25_100);
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, is_ready) = oneshot::channel::<()>();
    let role = std::thread::spawn(move || {
        let stop = async move {
            let _ = stopped.await;
        };
        let ready = move |_: &str| {
            let _ = ready.send(());
        };
        tokio::runtime::Runtime::new().unwrap().block_on(serve(RoleName::Agent, options, stop, ready))
    });
    is_ready.await.map_err(|_| format!("{:?}", role.is_finished())).unwrap();
    let token = std::fs::read_to_string(dir.path().join("data/agent.token")).unwrap();
    let client =
        AgentClient::new((Ipv4Addr::LOCALHOST, ports.agent).into(), Secret::new(token.trim().to_owned()), Arc::new(SystemClock))
            .unwrap();
    let host: Arc<dyn StoreHost> = Arc::new(client);
    assert_eq!(broken_laws(LAWS, &host).await, []);
    let hand = Arc::new(RealHand { host: dir.path().join("data/host"), router: ports.router });
    assert_eq!(broken_laws(DRIFT, &Arc::new(WithHand { host, hand })).await, []);
    stop.send(()).unwrap();
    role.join().unwrap().unwrap();
    assert_eq!(process::living_in(dir.path()), Vec::<u32>::new());
}
