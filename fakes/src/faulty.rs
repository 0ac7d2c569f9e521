//! The wrapper that makes any implementation fail by script.

mod databases;
mod edge;
mod host;
mod machine;
mod repo;

pub(crate) use repo::effect_of;

use crate::{FaultScript, Line};
use std::sync::Arc;

/// Any implementation of a trait under a [`FaultScript`], which also keeps the history of its calls.
#[derive(Debug)]
pub struct Faulty<T: ?Sized> {
    inner: Arc<T>,
    line: Line,
    /// The same provider as it stood before its last change.
    before: Option<Arc<T>>,
}

impl<T: ?Sized> Faulty<T> {
    /// Puts the implementation under the script.
    pub fn new(inner: Arc<T>, script: FaultScript) -> Self {
        Self::on(inner, Line::of(script))
    }

    /// Puts the implementation at the end of a process's line.
    pub fn on(inner: Arc<T>, line: Line) -> Self {
        Self { inner, line, before: None }
    }

    /// The same with a view of the provider as it stood before its last change, which answers stale reads.
    #[must_use]
    pub fn with_before(mut self, before: Arc<T>) -> Self {
        self.before = Some(before);
        self
    }
}

/// The same call once more, on its own: the arguments named are copied, the others are values.
macro_rules! again {
    ($self:ident, [$($arg:ident),*], |$inner:ident| $call:expr) => {
        || {
            let $inner = std::sync::Arc::clone(&$self.inner);
            $(let $arg = ToOwned::to_owned($arg);)*
            let call: futures::future::BoxFuture<'static, _> = Box::pin(async move { $call.await });
            call
        }
    };
}
use again;
