//! The operation engine. It knows nothing of stores: it brings resources from one value to another and back.
//!
//! [`next`] is pure: the moves enabled now, from the document, what this driver has seen, and the time. One driver task owns a document, runs
//! the moves at the same time and folds their outcomes in one at a time. Recovery is loading the document and calling [`next`]; there is
//! no second path for restarts.

mod doc;
mod driver;
mod flight;
mod fold;
mod health;
mod journal;
mod next;
mod patience;
mod plan;
mod run;
mod turn;
mod view;

pub use doc::{Change, Direction, Idempotency, Intent, OperationDoc, Outcome, Proof, Step, StepState, Wait};
pub(crate) use doc::{ENDED, KEY, OPEN};
pub(crate) use driver::{Driver, Pace};
pub(crate) use journal::{Ears, Journal};
pub use next::{Facts, Known, Move, next};
pub use plan::Plan;
pub use view::{OperationState, OperationView, StepView, TaskState, TaskView};

use crate::resource::Scene;
use crate::{Code, Error, Json, Result, Subject};
use async_trait::async_trait;
use jiff::Timestamp;
use std::fmt::Debug;

/// The decision of the engine, as [`next`] makes it. Given to [`crate::ControllerBuilder::decide`] by tests that must see a broken engine found out.
pub type Decide = fn(&OperationDoc, &Facts, Timestamp, &dyn Flow) -> Vec<Move>;

/// What makes one kind of operation: which value each step brings about, and whether the way back is open.
///
/// # Cancellation
/// Plans only read: safe to drop at any moment.
#[async_trait]
pub trait Flow: Debug + Send + Sync + 'static {
    /// Stable name, such as `create_store`.
    fn name(&self) -> &'static str;

    /// Version of the flow; a document of another version is not driven.
    fn version(&self) -> u32;

    /// True when a failure is retried for ever and never undone.
    fn forward_only(&self) -> bool;

    /// True when it keeps nothing from others while it needs an operator: its turn is given up.
    fn gives_way(&self) -> bool {
        false
    }

    /// Whose objects the operation makes, as far as its finished steps tell.
    fn subject(&self, doc: &OperationDoc) -> Subject;

    /// The steps of an operation that was not planned when it was asked for: its turn has come, so what it sees is what it will find. Reads only.
    ///
    /// # Errors
    /// What the reads answer; `internal` for a flow that is always planned beforehand.
    async fn plan(&self, _scene: &Scene, doc: &OperationDoc) -> Result<Vec<Step>> {
        Err(Error::new(Code::Internal, format!("operation {} has no plan", doc.id)))
    }

    /// The transition of a step whose values depend on what earlier steps found. Pure.
    ///
    /// # Errors
    /// `internal` when the document does not hold what the step needs.
    fn resolve(&self, doc: &OperationDoc, step: usize) -> Result<(Option<Json>, Json)>;
}
