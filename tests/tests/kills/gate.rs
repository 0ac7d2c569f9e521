//! The wire between controller and agent: everything passes through, one call can be held before or after its effect, and all are noted.

use jiff::Timestamp;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;
use storex_core::{Clock, SystemClock};

/// When the call that is waited for is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It has not reached the agent.
    Before,
    /// It reached the agent this long ago.
    During(Duration),
    /// The agent has answered; the answer has not left.
    After,
}

#[derive(Debug, Default)]
struct State {
    /// The call to hold next: its name, and when.
    rule: Option<(String, Moment)>,
    /// True once the rule has struck.
    struck: bool,
    /// Rises when held calls are let go.
    released: u64,
    /// Every call with the time of its arrival.
    calls: Vec<(Timestamp, String)>,
}

/// A listener between controller and agent.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) port: u16,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Gate {
    /// Passes connections on to the agent's port, for as long as the test runs.
    pub(crate) fn open(agent: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<(Mutex<State>, Condvar)>::default();
        let passing = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&passing);
                // A connection that breaks is what the test is about.
                std::thread::spawn(move || drop(pass(stream, agent, &shared)));
            }
        });
        Self { port, shared }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap()
    }

    /// Holds the next call of this name.
    pub(crate) fn arm(&self, call: &str, moment: Moment) {
        let mut state = self.state();
        state.rule = Some((call.to_owned(), moment));
        state.struck = false;
    }

    /// Waits until the call is held; false when that does not happen in time.
    pub(crate) fn struck(&self, limit: Duration) -> bool {
        let state = self.state();
        self.shared.1.wait_timeout_while(state, limit, |state| !state.struck).unwrap().0.struck
    }

    /// Drops what is held and holds nothing more.
    pub(crate) fn release(&self) {
        let mut state = self.state();
        state.rule = None;
        state.released += 1;
        self.shared.1.notify_all();
    }

    /// When the first call about a store arrived since then.
    pub(crate) fn first_call_since(&self, then: Timestamp) -> Option<Timestamp> {
        self.state().calls.iter().find(|(at, name)| *at >= then && name != "host").map(|(at, _)| *at)
    }
}

/// One request and its answer; both sides close afterwards.
fn pass(mut from: TcpStream, agent: u16, shared: &(Mutex<State>, Condvar)) -> std::io::Result<()> {
    let request = read_request(&mut from)?;
    let (rule, released) = {
        let name = name(&request);
        let mut state = shared.0.lock().unwrap();
        state.calls.push((SystemClock.now(), name.clone()));
        let hit = state.rule.as_ref().is_some_and(|(wanted, _)| *wanted == name);
        (if hit { state.rule.take().map(|(_, moment)| moment) } else { None }, state.released)
    };
    let strike = || {
        shared.0.lock().unwrap().struck = true;
        shared.1.notify_all();
    };
    let held = || {
        let state = shared.0.lock().unwrap();
        drop(shared.1.wait_while(state, |state| state.released == released).unwrap());
    };
    if rule == Some(Moment::Before) {
        strike();
        held();
        return Ok(());
    }
    let mut to = TcpStream::connect((Ipv4Addr::LOCALHOST, agent))?;
    to.write_all(&request)?;
    let mut answer = Vec::new();
    if let Some(Moment::During(pause)) = rule {
        std::thread::sleep(pause);
        strike();
    }
    to.read_to_end(&mut answer)?;
    if rule == Some(Moment::After) {
        strike();
        held();
        return Ok(());
    }
    from.write_all(&answer)
}

/// The request, told to close its connection.
fn read_request(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length =
                storex_tests::installation::header(&head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                bytes.splice(end..end, b"\r\nconnection: close".iter().copied());
                return Ok(bytes);
            }
        }
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..read]);
    }
}

/// What a request asks for: `apply process`, `withdraw route`, `find`, `visit`, `host`.
fn name(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match (method, path) {
        ("POST", "/v1/deployments") => {
            let body: Value = serde_json::from_str(body).unwrap_or_default();
            format!("apply {}", body["apply"][0].as_str().unwrap_or_default())
        }
        ("DELETE", _) => {
            let part = query.split('&').find_map(|pair| pair.strip_prefix("parts=")).unwrap_or_default();
            format!("withdraw {part}")
        }
        (_, "/v1/visit") => "visit".to_owned(),
        (_, "/v1/host") => "host".to_owned(),
        _ => "find".to_owned(),
    }
}
