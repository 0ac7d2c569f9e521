//! The REST API: one file per family of endpoints, one for errors, one for access, one for connections.

mod auth;
mod body;
mod catalogue;
mod detached;
mod drift;
mod health;
mod idempotency;
mod operations;
mod problem;
mod query;
mod router;
mod serve;
mod stores;

pub use catalogue::catalogue;
pub use problem::Problem;
pub use router::{ROUTES, Route, router};
pub use serve::serve;

use problem::Refused;
use storex_core::{Code, Error};

/// The answer about anything that is not there. It says nothing of the name asked for, so that unknown, deleted and malformed names
/// cannot be told apart.
fn absent(what: &str) -> Error {
    Error::new(Code::NotFound, format!("there is no such {what}"))
}
