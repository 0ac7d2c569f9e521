//! The router: an Nginx of storex's own, whose routes are one generated map.
//!
//! Facts this rests on, seen with nginx 1.22.1 and held by `tests/tests/nginx.rs` of the workspace:
//! - A SIGHUP to the master starts new workers at once, but the old ones accept connections for about 100 ms more. Good answers prove
//!   nothing; a table is in force when no worker of before the signal has the title `nginx: worker process` any more (a draining one reads
//!   `nginx: worker process is shutting down`) and one fresh connection shows the new generation.
//! - A configuration the master refuses changes nothing: the workers of before go on, and `error.log` holds an `[emerg]` line.
//! - A master killed with SIGKILL leaves workers that serve and can never be told anything; they hold the port until they are ended.
//!
//! Below the prefix: `conf/` (what the master reads), `run/` (its pid file and the probe's socket), `logs/`, `tmp/` (bodies; the folders in it
//! are the workers' own), and `check/`, the private copy in which a candidate is tried as the workers' user.

mod layout;
mod master;
mod proxy;
mod render;
mod settings;
mod workers;

pub use proxy::NginxProxy;
pub use settings::{NginxSettings, PATIENCE};
