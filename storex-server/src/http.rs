//! The REST API: one file per family of endpoints, one for errors, one for access, one for connections.

mod auth;
mod body;
mod catalogue;
mod databases;
mod detached;
mod drift;
mod edge;
mod health;
mod idempotency;
mod operations;
mod prefix;
mod problem;
mod query;
mod router;
mod serve;
mod stores;
mod tunnel;

pub use auth::{Access, Principal};
pub use catalogue::catalogue;
pub use problem::Problem;
pub use router::{ROUTES, Route, router};
pub use serve::serve;

use problem::Refused;
use serde::Deserialize;
use storex_core::{Code, Error};

/// The parameter of a path that names an object. By its name: the prefix of a program the router is mounted in may have parameters too.
#[derive(Deserialize)]
struct Named {
    id: String,
}

/// The answer about anything that is not there. It says nothing of the name asked for, so that unknown, deleted and malformed names
/// cannot be told apart.
fn absent(what: &str) -> Error {
    Error::new(Code::NotFound, format!("there is no such {what}"))
}
