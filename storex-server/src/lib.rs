//! The storex server as a library: the REST API, token files, the notification sink, and the command line of the binary `storex`.
//!
//! Nothing decides here: the edge parses, authenticates and renders, the core does the rest.
//!
//! # A first example
//!
//! The API is an axum router. It mounts in any axum program, below any prefix, and is asked here without a socket:
//!
//! ```
//! use axum::body::Body;
//! use axum::http::Request;
//! use storex_server::{ApiToken, router};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let controller = storex_fakes::sandbox().await?;
//! let token: ApiToken = "stx_0123456789abcdef0123456789abcdef".parse()?;
//! let app = axum::Router::new().nest("/shops", router(controller, token.clone()));
//!
//! let request = Request::get("/shops/api/stores").header("authorization", format!("Bearer {}", token.expose()));
//! let answer = app.oneshot(request.body(Body::empty())?).await?;
//! assert_eq!(answer.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! A program that authenticates by itself says so with [`Access::HostAuthenticates`], and whom it let in with [`Principal`]. Its tracing and metrics apply as
//! to its own routes.
//!
//! # The map
//!
//! | part | what it is |
//! |---|---|
//! | [`router`], [`Access`], [`Principal`] | the REST API and who lets requests in |
//! | [`ROUTES`] | the table it is made of |
//! | [`serve`] | connections: bounded in number, size and time, with an orderly end |
//! | [`Problem`] | errors on the wire (RFC 9457), and their exit codes |
//! | [`ApiToken`] | tokens and the files they live in |
//! | [`FileNotifier`] | a notifier that writes lines to a file |
//! | [`up`] | the whole installation in one process |
//! | [`cli`] | the command line |
//!
//! # Errors
//!
//! Answers that are no data are problem documents with a stable `code`, a `pointer` for input, and what to do; [`catalogue`] is the page of all codes. Functions
//! answer the error of core.
//!
//! # Features
//!
//! There are none. Only the command line installs anything global, a subscriber, and only when it runs.

pub mod cli;
mod http;
mod notify;
mod private_file;
mod settings;
mod token;
pub mod up;

pub use http::{Access, Principal, Problem, ROUTES, Route, catalogue, router, serve};
pub use notify::FileNotifier;
pub use settings::{Environment, SecretSetting};
pub use token::ApiToken;
