//! The storex server as a library: the REST API, token files, the notification sink, and the command line of the binary `storex`.
//!
//! [`router`] puts a [`Controller`](storex_core::Controller) behind HTTP, [`serve`] runs it on a listener. Nothing decides here: the edge parses,
//! authenticates and renders, the core does the rest.

pub mod cli;
mod http;
mod notify;
mod settings;
mod token;
pub mod up;

pub use http::{Problem, ROUTES, Route, catalogue, router, serve};
pub use notify::FileNotifier;
pub use settings::Environment;
pub use token::ApiToken;
