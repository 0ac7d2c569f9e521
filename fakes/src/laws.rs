//! The promises of every trait as numbered functions, run by every implementation.
//!
//! A law takes a subject and judges it by its answers alone. Laws choose fresh names, so one subject can sit them all, one after another.

mod book;
pub mod database_admin;
pub mod domain_provider;
pub mod edge_insight;
pub mod edge_policies;
pub mod process_supervisor;
pub mod proxy_writer;
pub mod resolver;
pub mod store_archive;
pub mod store_files;
pub mod store_host;
pub mod store_repo;
pub mod tunnel_routes;

pub use book::{Chapter, Sitting, book, page};

use futures::future::BoxFuture;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a subject broke a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<storex_core::Error> for Broken {
    fn from(error: storex_core::Error) -> Self {
        Self(format!("unexpected error: {error}"))
    }
}

/// Judgement of one law.
pub type Verdict = Result<(), Broken>;

/// One promise of the trait `T`.
pub struct Law<T: ?Sized> {
    /// Number of the law, such as `SR-07`.
    pub id: &'static str,
    /// The promise in one sentence.
    pub sentence: &'static str,
    /// Judges a subject.
    pub judge: fn(Arc<T>) -> BoxFuture<'static, Verdict>,
}

impl<T: ?Sized> Debug for Law<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.sentence)
    }
}

/// Runs the laws one after another and answers those the subject broke, each with how.
pub async fn broken_laws<T: ?Sized>(laws: &[Law<T>], subject: &Arc<T>) -> Vec<(&'static str, Broken)> {
    let mut broken = Vec::new();
    for law in laws {
        if let Err(how) = (law.judge)(Arc::clone(subject)).await {
            broken.push((law.id, how));
        }
    }
    broken
}

/// A name no other law of this process was given: `<prefix><number>`.
pub fn fresh(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{prefix}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Judges a statement: `ensure(seen == wanted, || format!("…"))`.
///
/// # Errors
/// The sentence when the statement is false.
pub fn ensure(holds: bool, how: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Broken(how())) }
}
