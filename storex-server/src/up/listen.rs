//! Listening on loopback, with a busy port named and its holder where it can be told.

use super::Ports;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use storex_core::{Code, Error, Result};
use tokio::net::TcpListener;

/// Listeners of the roles, taken before anything starts.
pub(super) struct Listeners {
    pub(super) controller: TcpListener,
    pub(super) agent: TcpListener,
    pub(super) simulator: Option<TcpListener>,
}

/// Takes all ports of `storex up`. The router's is taken by the router, which may run already.
pub(super) async fn all(ports: &Ports, simulated: bool) -> Result<Listeners> {
    let mut numbers = vec![("controller", ports.controller), ("agent", ports.agent), ("router", ports.router)];
    if simulated {
        numbers.push(("simulator", ports.simulator));
    }
    for (index, (name, port)) in numbers.iter().enumerate() {
        if let Some((other, _)) = numbers.iter().take(index).find(|(_, taken)| taken == port) {
            return Err(
                Error::new(Code::PortBusy, format!("--{name}-port and --{other}-port are both {port}")).with("port", port)
            );
        }
    }
    Ok(Listeners {
        controller: one("controller", ports.controller).await?,
        agent: one("agent", ports.agent).await?,
        simulator: if simulated { Some(one("simulator", ports.simulator).await?) } else { None },
    })
}

/// Takes one port.
///
/// # Errors
/// `port_busy` naming the port and the option that chooses another.
pub(super) async fn one(name: &str, port: u16) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        let what = match error.kind() {
            ErrorKind::AddrInUse => {
                format!("port {port} for the {name} is in use; stop what holds it or choose another with --{name}-port")
            }
            _ => format!("port {port} for the {name} cannot be listened on: {error}; choose another with --{name}-port"),
        };
        Error::new(Code::PortBusy, what).with("port", port)
    })
}
