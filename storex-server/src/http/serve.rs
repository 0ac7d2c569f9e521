//! Connections: bounded in number, in header size and in the time a header may take; an orderly end.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Pause after a failed accept: out of descriptors, the next one fails as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Most bytes of a request's line and headers.
const HEADER_SIZE: usize = 16 * 1024;
/// Most headers of a request.
const HEADERS: usize = 64;

/// How much and how long.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Time for the headers of a request, and of silence between two.
    headers: Duration,
    /// Time the requests under way have once the end is asked for.
    grace: Duration,
    /// Connections at a time; further ones wait in the listener's queue.
    connections: usize,
}

const LIMITS: Limits = Limits { headers: Duration::from_secs(5), grace: Duration::from_secs(5), connections: 1024 };

/// Serves HTTP/1 on the listener until `shutdown` ends; then takes no more connections, lets the requests under way finish for at most five
/// seconds and cuts what is left.
///
/// A client that does not send the headers of a request within five seconds is cut, also between two requests. At most 1024 connections are served
/// at a time.
///
/// # Cancellation
/// Dropping the future closes the listener and cuts all connections.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    serve_within(LIMITS, listener, router, shutdown).await;
}

async fn serve_within(limits: Limits, listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            (place, accepted) = accepted => match accepted {
                Ok((stream, _)) => (place, stream),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let connection = graceful.watch(connection(limits, stream, router.clone()));
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests that were still under way are cut");
    }
    connections.shutdown().await;
}

type Connection = http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>>;

fn connection(limits: Limits, stream: TcpStream, router: Router) -> Connection {
    // Small answers must not wait for an acknowledgement; without it they are only slower.
    let _slower = stream.set_nodelay(true);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_header_size(HEADER_SIZE)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
}
