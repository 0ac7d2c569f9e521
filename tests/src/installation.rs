//! A whole installation for tests: `storex up` in a thread of its own, on free ports in a temporary directory.

use crate::process;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use storex_core::{Error, Result};
use storex_server::up::{Announced, Ports, UpOptions, run};
use tokio::sync::oneshot;

/// Why an installation or an exchange with it did not work, in words.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Ports [`free_port`] gives: below those Linux gives to connections (32768 and above), so that none of these takes one
/// before its server listens, and below those the tests give to stores.
const FREE: std::ops::Range<u16> = 12_000..23_900;

/// A loopback port nothing listens on now, which this process was not given before. Programs that run at the same time begin apart.
///
/// # Errors
/// When all are taken.
pub fn free_port() -> std::io::Result<u16> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(FREE.end - FREE.start);
    let first = std::process::id().wrapping_mul(151) % count;
    for _ in 0..count {
        let place = (first + GIVEN.fetch_add(1, Ordering::Relaxed)) % count;
        let port = FREE.start + u16::try_from(place).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(std::io::Error::new(std::io::ErrorKind::AddrInUse, format!("every port of {FREE:?} is taken")))
}

/// A directory the stores' user can pass through.
///
/// # Errors
/// When it cannot be made.
pub fn directory() -> std::io::Result<tempfile::TempDir> {
    let dir = tempfile::Builder::new().prefix("storex-test.").tempdir_in("/tmp")?;
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711))?;
    Ok(dir)
}

/// Options of an installation below `dir` that deploys the core at this path of the repository; `stores` is the first of 20 ports for stores.
///
/// # Errors
/// When the machine gives no free ports.
pub fn options(dir: &Path, core: &str, stores: u16) -> Result<UpOptions, Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default();
    Ok(UpOptions {
        data_dir: dir.join("data"),
        ports: Ports { controller: free_port()?, agent: free_port()?, router: free_port()?, simulator: free_port()? },
        store_ports: format!("{stores}-{}", stores + 19).parse()?,
        core: root.join(core),
        primary_domain: "storex.com".parse()?,
        routing: storex_core::record::Routing::Router,
        domains: storex_server::up::DomainOptions::default(),
        edge: storex_server::up::EdgeOptions::default(),
        cloudflare_token: None,
        mongodb: None,
        databases: storex_server::up::DatabaseOptions::default(),
        tool_prefixes: process::tool_prefixes(),
        make_tokens: true,
        start_limit: Duration::from_secs(20),
    })
}

/// A running installation. Stop it with [`Installation::stop`]; a test that ends before leaves that to the next start on the directory.
#[derive(Debug)]
pub struct Installation {
    /// Ports it answers on.
    pub ports: Ports,
    data_dir: PathBuf,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<()>>,
}

impl Installation {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// The error with which `storex up` ended.
    pub fn start(options: UpOptions) -> Result<Self, Failure> {
        let (ports, data_dir) = (options.ports, options.data_dir.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let stopped = async move {
                // A test that is gone wants it stopped too.
                let _ = stopped.await;
            };
            let ready = move |_: &Announced| {
                let _ = ready.send(());
            };
            let runtime =
                tokio::runtime::Runtime::new().map_err(|error| Error::new(storex_core::Code::Internal, error.to_string()))?;
            runtime.block_on(run(options, stopped, ready))
        });
        if is_ready.recv().is_err() {
            let outcome = thread.join().map_err(|_| "storex up panicked")?;
            return Err(outcome.err().map_or_else(|| "storex up ended before it was ready".into(), Into::into));
        }
        Ok(Self { ports, data_dir, stop, thread })
    }

    /// Sends a request to the API and reads the answer: status, headers as text, body.
    ///
    /// # Errors
    /// When the connection fails or the body is no JSON.
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, String, Value), Failure> {
        let token = std::fs::read_to_string(self.data_dir.join("admin.token"))?;
        ask(self.ports.controller, token.trim(), method, path, body)
    }

    /// Waits until the operation at this path is at rest; answers it.
    ///
    /// # Errors
    /// As [`Installation::api`], and when it is not at rest in a few minutes.
    pub fn rest(&self, operation: &str) -> Result<Value, Failure> {
        for _ in 0..5 {
            let (_, _, view) = self.api("GET", &format!("{operation}?wait=60"), None)?;
            if view.get("done") == Some(&Value::Bool(true)) {
                return Ok(view);
            }
        }
        Err(format!("{operation} is not at rest").into())
    }

    /// Status of `GET path` through the router under this host name.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn visit(&self, host: &str, path: &str) -> Result<u16, Failure> {
        Ok(exchange(self.ports.router, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))?.0)
    }

    /// Stops it and all it started.
    ///
    /// # Errors
    /// The error with which it ended.
    pub fn stop(self) -> Result<(), Failure> {
        let _ = self.stop.send(());
        Ok(self.thread.join().map_err(|_| "storex up panicked")??)
    }
}

/// Value of a header in a head.
pub fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// Sends a JSON request with this token to a loopback port and reads the answer: status, head, body; an empty body is null.
///
/// # Errors
/// As [`exchange`], and when the body is no JSON.
pub fn ask(port: u16, token: &str, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, String, Value), Failure> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n");
    let text = format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (status, head, body) = exchange(port, &text)?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_str(&body)? };
    Ok((status, head, body))
}

/// Sends a request's text to a loopback port and reads the answer to its end: status, head, body. The request must ask to close the connection.
///
/// # Errors
/// When the connection fails or what comes back is no HTTP.
pub fn exchange(port: u16, text: &str) -> Result<(u16, String, String), Failure> {
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    stream.set_read_timeout(Some(Duration::from_secs(90)))?;
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP answer")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no HTTP status")?;
    Ok((status, head.to_owned(), body.to_owned()))
}
