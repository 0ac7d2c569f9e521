//! One request through the router, as a visitor would send it.

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use storex_core::{Code, Error, Hostname, Result, Visit};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(10);
/// How much of a body is kept, in bytes.
const BODY: usize = 4096;

/// Sends `GET path` with this host name to the router, over a connection of its own, and keeps the first 4 KiB of the body.
///
/// # Errors
/// `invalid_field` for a path that is none; `unavailable` when the router does not answer; `timeout` after 10 s.
pub(super) async fn get(router: SocketAddr, name: &Hostname, path: &str) -> Result<Visit> {
    let request = request(name, path)?;
    let answer = tokio::time::timeout(LIMIT, exchange(router, request)).await;
    answer.unwrap_or_else(|_| {
        Err(Error::new(Code::Timeout, format!("the router did not answer for {name} within {} s", LIMIT.as_secs())))
    })
}

fn request(name: &Hostname, path: &str) -> Result<Request<Empty<Bytes>>> {
    let refuse = || Error::new(Code::InvalidField, "the path of a visit begins with / and holds no spaces").pointer("/path");
    if !path.starts_with('/') {
        return Err(refuse());
    }
    let request = Request::get(path).header(HOST, name.as_str()).header(USER_AGENT, "storex-agent").header(CONNECTION, "close");
    request.body(Empty::new()).map_err(|_| refuse())
}

async fn exchange(router: SocketAddr, request: Request<Empty<Bytes>>) -> Result<Visit> {
    let down =
        |error: &dyn std::error::Error| Error::new(Code::Unavailable, format!("the router at {router} does not answer: {error}"));
    let stream = TcpStream::connect(router).await.map_err(|error| down(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| down(&error))?;
    let conversation = async {
        let response = sender.send_request(request).await.map_err(|error| down(&error))?;
        let status = response.status().as_u16();
        let body = beginning(response.into_body()).await.map_err(|error| down(&error))?;
        Ok(Visit { status, body })
    };
    tokio::pin!(conversation);
    // The connection carries the conversation; its own end comes second.
    tokio::select! {
        biased;
        visit = &mut conversation => visit,
        _ = connection => conversation.await,
    }
}

async fn beginning(mut body: Incoming) -> hyper::Result<String> {
    let mut bytes = Vec::new();
    while bytes.len() < BODY {
        match body.frame().await {
            Some(frame) => bytes.extend_from_slice(frame?.data_ref().map(AsRef::as_ref).unwrap_or_default()),
            None => break,
        }
    }
    bytes.truncate(BODY);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
