//! Store processes under a PM2 daemon of our own, spoken to over its socket and never through its CLI.
//!
//! The daemon runs without privileges, in a home of its own, with six variables and nothing of the caller's environment. It is told of a process's
//! paths, of `PORT` and of `NODE_ENV`; everything else reaches the store through its environment file. Facts about PM2 here hold for version 7.0.4
//! and were measured; where they matter, a test beside them repeats the measurement.

mod check;
mod codec;
mod daemon;
mod facts;
mod home;
mod list;
mod logs;
mod orphans;
mod prepare;
mod processes;
mod record;
mod settings;
mod socket;

pub use processes::Pm2Processes;
pub use settings::Pm2Settings;
pub use socket::{DaemonSocket, Effect};
