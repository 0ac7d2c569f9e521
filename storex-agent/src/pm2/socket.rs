//! Calls to a PM2 daemon over its request socket.

use super::codec::{Part, decode, encode};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use storex_core::{Code, Error, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Whether a call changes anything: if so, a lost answer leaves its effect in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads only.
    Read,
    /// Starts, stops or forgets a process.
    Change,
}

/// The request socket of one daemon. Every call is a connection of its own, so calls neither wait for nor disturb each other.
#[derive(Debug)]
pub struct DaemonSocket {
    path: PathBuf,
    uid: u32,
    next: AtomicU64,
}

impl DaemonSocket {
    /// The socket at this path. Whoever listens there must run as `uid`: the kernel says who it is (`SO_PEERCRED`, unix(7)), since a pid file
    /// may name anybody.
    pub fn new(path: PathBuf, uid: u32) -> Self {
        Self { path, uid, next: AtomicU64::new(1) }
    }

    /// Pid of the daemon that listens; `None` when nobody does.
    ///
    /// # Errors
    /// `foreign_object` when another user listens, `unavailable` when the socket cannot be used.
    pub async fn peer(&self) -> Result<Option<u32>> {
        Ok(self.connect().await?.map(|(_, pid)| pid))
    }

    /// Calls a method with one argument and answers its first result.
    ///
    /// # Errors
    /// `unavailable` when nobody listens or the answer is lost or not understood, `timeout` when there is none within `limit`, `host_refused` with
    /// PM2's own words when it answers an error. What was lost after sending a [`Effect::Change`] is unclear.
    ///
    /// # Cancellation
    /// Dropping the future does not take back what was sent.
    pub async fn call(&self, method: &str, argument: Value, effect: Effect, limit: Duration) -> Result<Value> {
        let mut sent = false;
        let answer = timeout(limit, self.exchange(method, argument, &mut sent)).await;
        let result = answer.unwrap_or_else(|_| {
            Err(Error::new(Code::Timeout, format!("the PM2 daemon did not answer {method} within {limit:?}")))
        });
        result.map_err(|error| {
            let error = error.with("pm2_method", method);
            if sent && effect == Effect::Change && error.code() != Code::HostRefused { error.into_unclear() } else { error }
        })
    }

    async fn exchange(&self, method: &str, argument: Value, sent: &mut bool) -> Result<Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let call = json!({"type": "call", "method": method, "args": [argument]});
        let frame = encode(&[Part::Json(call), Part::Text(id.clone())])?;
        let Some((mut stream, _)) = self.connect().await? else {
            return Err(Error::new(Code::Unavailable, format!("no PM2 daemon listens at {}", self.path.display())));
        };
        *sent = true;
        stream.write_all(&frame).await.map_err(|error| lost(&error))?;
        let mut bytes = Vec::with_capacity(4096);
        loop {
            if stream.read_buf(&mut bytes).await.map_err(|error| lost(&error))? == 0 {
                return Err(Error::new(Code::Unavailable, "the PM2 daemon hung up"));
            }
            while let Some((parts, length)) = decode(&bytes)? {
                bytes.drain(..length);
                match parts.as_slice() {
                    [Part::Json(answer), .., Part::Text(to)] if *to == id => return result(answer),
                    _ => tracing::debug!(method, "passed over a frame that is no answer"),
                }
            }
        }
    }

    async fn connect(&self) -> Result<Option<(UnixStream, u32)>> {
        let unusable =
            |error: &std::io::Error| Error::new(Code::Unavailable, format!("{} cannot be used: {error}", self.path.display()));
        let stream = match UnixStream::connect(&self.path).await {
            Ok(stream) => stream,
            Err(error) if nobody_listens(error.kind()) => return Ok(None),
            Err(error) => return Err(unusable(&error)),
        };
        let peer = stream.peer_cred().map_err(|error| unusable(&error))?;
        if peer.uid() != self.uid {
            let what = format!("user {} listens at {}, where user {} should", peer.uid(), self.path.display(), self.uid);
            return Err(Error::new(Code::ForeignObject, what));
        }
        let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
        let pid = pid.ok_or_else(|| Error::new(Code::Unavailable, "the kernel does not say who listens"))?;
        Ok(Some((stream, pid)))
    }
}

/// Stale sockets outlive a killed daemon and refuse; a daemon that dies while we wait for it to accept resets.
fn nobody_listens(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
}

/// `{"args":[result, …]}` or `{"error":"text","stack":…}`.
fn result(answer: &Value) -> Result<Value> {
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
        return Err(Error::new(Code::HostRefused, format!("PM2 refused: {text}")));
    }
    match answer.get("args") {
        Some(Value::Array(results)) => Ok(results.first().cloned().unwrap_or(Value::Null)),
        _ => Err(Error::new(Code::Unavailable, "the PM2 daemon answered without a result")),
    }
}

fn lost(error: &std::io::Error) -> Error {
    Error::new(Code::Unavailable, format!("the connection to the PM2 daemon broke: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::geteuid;
    use tokio::net::UnixListener;

    const LONG: Duration = Duration::from_secs(20);

    /// A daemon that reads one request and answers with these bytes, made from the request's id.
    fn daemon(reply: fn(&str) -> Vec<u8>) -> (tempfile::TempDir, DaemonSocket) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rpc.sock");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            let id = loop {
                stream.read_buf(&mut bytes).await.unwrap();
                if let Some((parts, _)) = decode(&bytes).unwrap() {
                    let Some(Part::Text(id)) = parts.last() else { panic!("no id") };
                    break id.clone();
                }
            };
            let answer = reply(&id);
            stream.write_all(&answer).await.unwrap();
            if answer.is_empty() {
                // Answers nothing and stays connected.
                std::future::pending::<()>().await;
            }
        });
        (folder, DaemonSocket::new(path, geteuid().as_raw()))
    }

    fn frame(answer: Value, id: &str) -> Vec<u8> {
        encode(&[Part::Json(answer), Part::Text(id.to_owned())]).unwrap()
    }

    #[tokio::test]
    async fn an_answer_to_another_request_is_passed_over() {
        let (_kept, socket) =
            daemon(|id| [frame(json!({"args": ["wrong"]}), "none"), frame(json!({"args": ["right"]}), id)].concat());
        assert_eq!(socket.call("ping", json!({}), Effect::Read, LONG).await.unwrap(), "right");
    }

    #[tokio::test]
    async fn an_error_of_pm2_is_a_refusal_in_its_own_words() {
        let (_kept, socket) = daemon(|id| frame(json!({"error": "99 : id unknown", "stack": "…"}), id));
        let error = socket.call("stopProcessId", json!(99), Effect::Change, LONG).await.unwrap_err();
        assert_eq!((error.code(), error.is_unclear()), (Code::HostRefused, false));
        assert!(error.message().contains("99 : id unknown"), "{error}");
    }

    #[tokio::test]
    async fn a_lost_answer_is_in_doubt_for_changes_only() {
        let silent: fn(&str) -> Vec<u8> = |_| Vec::new();
        let broken: fn(&str) -> Vec<u8> = |_| b"\x12\x00\x00\x00\x02".to_vec();
        let other: fn(&str) -> Vec<u8> = |_| b"HTTP/1.1".to_vec();
        for (reply, limit, code) in [
            (silent, Duration::from_millis(50), Code::Timeout),
            (broken, LONG, Code::Unavailable),
            (other, LONG, Code::Unavailable),
        ] {
            for (effect, unclear) in [(Effect::Read, false), (Effect::Change, true)] {
                let (_kept, socket) = daemon(reply);
                let error = socket.call("prepare", json!({}), effect, limit).await.unwrap_err();
                assert_eq!((error.code(), error.is_unclear()), (code, unclear), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn nobody_listening_is_known_and_had_no_effect() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rpc.sock");
        let socket = DaemonSocket::new(path.clone(), geteuid().as_raw());
        assert_eq!(socket.peer().await.unwrap(), None);
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a stale socket lies there");
        assert_eq!(socket.peer().await.unwrap(), None);
        let error = socket.call("prepare", json!({}), Effect::Change, LONG).await.unwrap_err();
        assert_eq!((error.code(), error.is_unclear()), (Code::Unavailable, false));
    }

    #[tokio::test]
    async fn a_listener_of_another_user_is_not_spoken_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rpc.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        assert_eq!(DaemonSocket::new(path.clone(), geteuid().as_raw()).peer().await.unwrap(), Some(std::process::id()));
        let stranger = DaemonSocket::new(path, geteuid().as_raw() + 1);
        assert_eq!(stranger.call("prepare", json!({}), Effect::Change, LONG).await.unwrap_err().code(), Code::ForeignObject);
    }
}
