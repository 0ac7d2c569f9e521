//! A router on a free port below a temporary prefix, shops that answer who they are, and visitors that send bytes as they like.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use storex_agent::nginx::{NginxProxy, NginxSettings};
use storex_agent::proc::{self, User};
use storex_core::{Port, ProxyWriter, RouteTable};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything takes on a loaded machine; nothing waits this long unless the test fails.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// A place for a router. Whatever nginx runs there when it is dropped is ended.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) settings: NginxSettings,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The workers' user must be able to pass through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).expect("the mode of an own folder");
        let root = rustix::process::geteuid().is_root();
        let settings = NginxSettings {
            binary: nginx(),
            prefix: folder.path().join("a router, {with} $odd; name"),
            listen: free_address(),
            user: root.then(|| User::named("storex-apps").expect("the stores' user")),
            workers: 2,
            patience: LONG,
        };
        Self { folder, settings }
    }

    /// The same place with a router started on it.
    pub(crate) async fn started() -> (Self, NginxProxy) {
        let place = Self::new();
        let proxy = place.start().await;
        (place, proxy)
    }

    pub(crate) async fn start(&self) -> NginxProxy {
        NginxProxy::start(self.settings.clone()).await.expect("the router starts")
    }

    pub(crate) fn prefix(&self) -> &Path {
        &self.settings.prefix
    }

    /// Every nginx process that holds the log of this place, with its title.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let Ok(log) = fs::canonicalize(self.prefix().join("logs")).map(|logs| logs.join("error.log")) else {
            return Vec::new();
        };
        let holds = |pid: u32| {
            let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            descriptors.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|link| link == log)
        };
        let nginx = |pid: &u32| proc::arguments(*pid).first().is_some_and(|title| title.starts_with("nginx: "));
        proc::pids()
            .into_iter()
            .filter(nginx)
            .filter(|pid| holds(*pid))
            .map(|pid| (pid, proc::arguments(pid).join(" ")))
            .collect()
    }

    /// The one master of this place.
    pub(crate) fn master(&self) -> u32 {
        let masters: Vec<u32> =
            self.processes().into_iter().filter(|(_, title)| title.starts_with("nginx: master")).map(|(pid, _)| pid).collect();
        assert_eq!(masters.len(), 1, "{:?}", self.processes());
        masters[0]
    }

    /// Sends bytes to the router and answers everything that comes back until it closes.
    pub(crate) async fn send(&self, request: &str) -> Answer {
        send(self.settings.listen, request).await.expect("the router answers")
    }

    /// `GET path` under a Host name.
    pub(crate) async fn get(&self, host: &str, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The master first: it would replace a worker that ends.
        for master in [true, false] {
            for (pid, _) in self.processes().into_iter().filter(|(_, title)| title.starts_with("nginx: master") == master) {
                signal(pid, Signal::KILL);
            }
        }
    }
}

fn nginx() -> PathBuf {
    let own = std::env::home_dir().map(|home| home.join(".local/share/storex/bin/nginx"));
    let places = [Some(PathBuf::from("/opt/storex/bin/nginx")), own, Some("/usr/sbin/nginx".into())];
    places.into_iter().flatten().find(|path| path.is_file()).expect("no nginx; run scripts/install-host.sh")
}

/// An address nothing listens on, outside the range from which the kernel takes ports by itself.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let start = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap_or_default();
        let address = SocketAddr::from(([127, 0, 0, 1], start + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Signals a process the test started.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended meanwhile.
        let _ = kill_process(pid, signal);
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap_or_else(|_| panic!("{what} did not happen"));
}

/// A table of these rows.
pub(crate) fn table(rows: &[(&str, Port)]) -> RouteTable {
    RouteTable { routes: rows.iter().map(|(name, port)| (name.parse().expect("a host name"), *port)).collect() }
}

/// Commits on the generation in force and answers the new one.
pub(crate) async fn commit(proxy: &NginxProxy, table: &RouteTable) -> u64 {
    let (generation, _) = proxy.load().await.expect("the routes");
    proxy.commit(table, generation).await.expect("the commit").generation
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Sends bytes and answers everything that comes back until the other side closes.
pub(crate) async fn send(to: SocketAddr, request: &str) -> std::io::Result<Answer> {
    let exchange = async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
    };
    tokio::time::timeout(LONG, exchange).await?
}

/// A shop: answers its name in the first line, then the head of the request as it came. It ends with the runtime of the test.
///
/// `/slow` answers when told; a request that asks for an upgrade gets it and its bytes back.
pub(crate) struct Shop {
    pub(crate) port: Port,
    pub(crate) go_on: std::sync::Arc<tokio::sync::Notify>,
    pub(crate) slow_ones: std::sync::Arc<AtomicU16>,
}

impl Shop {
    pub(crate) async fn open(name: &'static str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port().try_into().expect("no privileged port");
        let shop = Self { port, go_on: std::sync::Arc::default(), slow_ones: std::sync::Arc::default() };
        let (go_on, slow_ones) = (std::sync::Arc::clone(&shop.go_on), std::sync::Arc::clone(&shop.slow_ones));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (go_on, slow_ones) = (std::sync::Arc::clone(&go_on), std::sync::Arc::clone(&slow_ones));
                // A visitor that goes away is no matter of the shop's.
                tokio::spawn(async move { serve(stream, name, &go_on, &slow_ones).await.ok() });
            }
        });
        shop
    }
}

async fn serve(mut stream: TcpStream, name: &str, go_on: &tokio::sync::Notify, slow_ones: &AtomicU16) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if head.to_ascii_lowercase().contains("\r\nupgrade:") {
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").await?;
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await?;
        return Ok(());
    }
    if head.starts_with("GET /slow") {
        let told = go_on.notified();
        slow_ones.fetch_add(1, Ordering::SeqCst);
        told.await;
    }
    let length =
        head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| key.eq_ignore_ascii_case("content-length"));
    if let Some(length) = length.and_then(|(_, length)| length.parse().ok()) {
        stream.read_exact(&mut vec![0; length]).await?;
    }
    let body = format!("{name}\n{head}");
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await
}
