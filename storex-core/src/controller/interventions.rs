//! What people do to operations: cancel one on its way, retry one that waits for them.

use super::Controller;
use crate::operation::{Direction, OperationDoc, OperationView, Outcome};
use crate::{Code, EntropyExt, Error, Expected, Fence, Json, Nonce, OperationId, Result, RowWrite, Table, workflow};
use std::collections::BTreeMap;

impl Controller {
    /// Asks an operation to turn back. Once this answered, the operation ends `rolled_back`: with the error `cancelled`, or with its own when it was
    /// turning back already. A repeated request answers the same, also when the operation is over.
    ///
    /// # Errors
    /// `past_point_of_no_return` when it has succeeded or only goes forward, as a deletion does from its beginning; `not_found`; what the repo answers.
    ///
    /// # Cancellation
    /// Dropping the future leaves the request made or not made.
    pub async fn cancel_operation(&self, id: &OperationId) -> Result<OperationView> {
        loop {
            let (mut doc, version) = self.operation(id).await?;
            let turned = matches!(doc.direction, Direction::Backward | Direction::Done(Outcome::RolledBack));
            if doc.cancelled_at.is_none() && !turned {
                let too_late = doc.is_at_rest() || workflow::flow(&doc.flow)?.forward_only();
                if too_late {
                    let why = format!("operation {id} ({}) can no longer turn back", doc.flow);
                    return Err(Error::new(Code::PastPointOfNoReturn, why).with("operation", id));
                }
                doc.cancelled_at = Some(self.providers().clock.now());
                if !self.write(&doc, version).await? {
                    continue;
                }
                if let Some(ears) = self.driven().get(id) {
                    ears.nudge.notify_one();
                }
            }
            return Ok(OperationView::of(&doc, self.providers().clock.now()));
        }
    }

    /// Takes up an operation that waits for an operator, once its cause is mended.
    ///
    /// # Errors
    /// `operation_in_progress` when it does not wait for anybody; `unsupported` for a repair, which is begun anew; `not_found`; what the repo answers.
    ///
    /// # Cancellation
    /// Dropping the future leaves the operation taken up or not; one that was taken up goes on, at the latest with the next pass of
    /// [`Controller::run_recovery`].
    pub async fn retry_operation(&self, id: &OperationId) -> Result<OperationView> {
        let (mut doc, version) = self.operation(id).await?;
        if doc.direction != Direction::Poisoned {
            let why = format!("operation {id} does not wait for an operator");
            return Err(Error::new(Code::OperationInProgress, why).with("operation", id));
        }
        let flow = workflow::flow(&doc.flow)?;
        if flow.gives_way() {
            let why = format!("operation {id} has given way to others; begin a new one ({})", doc.flow);
            return Err(Error::new(Code::Unsupported, why).with("operation", id));
        }
        let forward = flow.forward_only();
        doc.direction = if forward { Direction::Forward } else { Direction::Backward };
        if forward {
            doc.error = None;
        }
        for step in &mut doc.steps {
            step.take_up();
        }
        if !self.write(&doc, version).await? {
            return Err(Error::new(Code::VersionConflict, format!("operation {id} changed meanwhile")).with("operation", id));
        }
        self.spawn(id.clone());
        Ok(OperationView::of(&doc, self.providers().clock.now()))
    }

    /// Writes an operation document that another controller may be driving; false when it was faster. The document keeps its indexes.
    async fn write(&self, doc: &OperationDoc, version: u64) -> Result<bool> {
        let id = doc.id.to_string();
        let nonce = Nonce(self.providers().entropy.hex(8)?);
        let indexes: BTreeMap<_, _> = doc.indexes();
        let write = RowWrite { table: Table::Operations, id, body: Json::of(doc)?, indexes };
        match self.providers().repo.put(&write, Expected::Version(version), &nonce, Fence::NONE).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Code::VersionConflict => Ok(false),
            Err(error) => Err(error),
        }
    }
}
