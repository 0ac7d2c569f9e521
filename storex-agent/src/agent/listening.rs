//! Who listens on a port.

use crate::proc;
use async_trait::async_trait;
use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;
use storex_core::Port;
use tokio::net::TcpStream;

/// Loopback answers a connection at once; a full accept queue may take longer.
const CONNECT: Duration = Duration::from_secs(1);

/// Tells who listens on a port of 127.0.0.1.
#[async_trait]
pub trait Listening: Debug + Send + Sync + 'static {
    /// True when the process, or a process below it, listens on the port and accepts connections.
    async fn is_served(&self, pid: u32, port: Port) -> bool;

    /// True when anything listens on the port.
    async fn is_taken(&self, port: Port) -> bool;
}

/// Asks the machine: its socket tables, a connection, an attempt to bind.
#[derive(Clone, Copy, Debug, Default)]
pub struct SocketListening;

fn local(port: Port) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port.get()).into()
}

#[async_trait]
impl Listening for SocketListening {
    async fn is_served(&self, pid: u32, port: Port) -> bool {
        proc::listens(pid, port) && matches!(tokio::time::timeout(CONNECT, TcpStream::connect(local(port))).await, Ok(Ok(_)))
    }

    async fn is_taken(&self, port: Port) -> bool {
        // bind(2) fails with EADDRINUSE while anything listens there, on this address or on all. The standard library sets SO_REUSEADDR,
        // so connections that linger do not count.
        TcpListener::bind(local(port)).is_err()
    }
}

/// Believes that what runs listens, and that every port is free: for supervisors that run nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct AssumeListening;

#[async_trait]
impl Listening for AssumeListening {
    async fn is_served(&self, _pid: u32, _port: Port) -> bool {
        true
    }

    async fn is_taken(&self, _port: Port) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_is_seen_by_its_process_and_its_port_is_taken() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port: Port = listener.local_addr().unwrap().port().try_into().unwrap();
        assert!(SocketListening.is_taken(port).await);
        assert!(SocketListening.is_served(std::process::id(), port).await);
        // Linux gives no pid beyond 2^22 (proc(5), pid_max).
        assert!(!SocketListening.is_served(4_194_305, port).await);
        drop(listener);
        // A program that another test starts right now holds the socket until it replaces its image.
        for _ in 0..1000 {
            if !SocketListening.is_taken(port).await && !SocketListening.is_served(std::process::id(), port).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a closed port is still said to be taken");
    }
}
