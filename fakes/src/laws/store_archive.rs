//! Laws of [`StoreArchive`]: what is copied is the same, and an unfinished copy is known for one.

mod copies;
mod fills;

use super::{Broken, Law, Verdict, ensure, fresh};
use async_trait::async_trait;
use std::fmt::Debug;
use std::sync::Arc;
use storex_core::{Code, Result, StoreArchive};

/// Where a law gets its repos from.
#[async_trait]
pub trait Archives: Send + Sync {
    /// A repo that nobody used before.
    ///
    /// # Errors
    /// Why there is none.
    async fn fresh(&self) -> Result<Arc<dyn StoreArchive>>;
}

/// What a law judges.
type Subject = Arc<dyn Archives>;

macro_rules! law {
    ($id:literal, $sentence:literal, $judge:path) => {
        Law { id: $id, sentence: $sentence, judge: |archives| Box::pin($judge(archives)) }
    };
}
use law;

/// Every law of the trait.
pub fn laws() -> Vec<Law<dyn Archives>> {
    copies::laws().into_iter().chain(fills::laws()).collect()
}

/// Judges that two values are equal.
fn same<T: PartialEq + Debug>(what: &str, seen: &T, wanted: &T) -> Verdict {
    ensure(seen == wanted, || format!("{what}: {seen:?} instead of {wanted:?}"))
}

/// Judges that a call was refused as `unusable`.
fn refused<T: Debug>(what: &str, answer: Result<T>) -> Verdict {
    match answer {
        Err(error) if error.code() == Code::Unusable && !error.is_unclear() => Ok(()),
        other => Err(Broken(format!("{what}: {other:?} instead of a refusal"))),
    }
}
