//! Operations as handles: wait for one, watch it, cancel it. A handle holds nothing: dropping it changes nothing.

use super::{Controller, OperationEvents, StoreCreated};
use crate::operation::{OperationState, OperationView};
use crate::{Code, Error, OperationId, Result};
use serde::{Serialize, Serializer};
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

/// An operation, whoever drives it: what a use case that begins one answers, and what [`Controller::handle`] gives for a known id.
///
/// It stands for the operation's id wherever one is asked for (`&handle` is a `&OperationId`). Cheap to clone; dropping a handle, or a future or
/// stream it gave, never cancels the operation.
///
/// ```
/// use std::time::Duration;
/// use storex_core::operation::OperationState;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> storex_core::Result<()> {
/// # let controller = storex_fakes::sandbox().await?;
/// # let request = storex_core::CreateStoreRequest::from_json(&serde_json::json!({
/// #     "username": "oceanbreeze", "storeDetails": { "owner": "John Smith", "email": "john@oceanbreezestore.com" }
/// # }))?;
/// let (_, operation) = controller.create_store(&request).await?;
/// let mut events = operation.events();
/// while let Some(event) = events.next().await {
///     println!("{}", event?);
/// }
/// assert_eq!(operation.wait(Duration::ZERO).await?.state, OperationState::Succeeded);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OperationHandle {
    controller: Controller,
    id: OperationId,
}

impl OperationHandle {
    pub(super) fn new(controller: Controller, id: OperationId) -> Self {
        Self { controller, id }
    }

    /// Identifier of the operation: enough to find it again after a restart.
    pub fn id(&self) -> &OperationId {
        &self.id
    }

    /// The operation as it is now.
    ///
    /// # Errors
    /// As [`Controller::get_operation`].
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
    pub async fn view(&self) -> Result<OperationView> {
        self.controller.get_operation(&self.id).await
    }

    /// The operation once it is at rest, or as it is when the time is over.
    ///
    /// # Errors
    /// As [`Controller::wait_operation`].
    ///
    /// # Cancellation
    /// Dropping the future stops the waiting, never the operation.
    pub async fn wait(&self, limit: Duration) -> Result<OperationView> {
        self.controller.wait_operation(&self.id, limit).await
    }

    /// The operation once it has succeeded.
    ///
    /// # Errors
    /// The operation's own error when it was rolled back or needs an operator; `timeout` when it is at rest in neither way by then; else as
    /// [`OperationHandle::wait`].
    ///
    /// # Cancellation
    /// Dropping the future stops the waiting, never the operation.
    pub async fn success(&self, limit: Duration) -> Result<OperationView> {
        let view = self.wait(limit).await?;
        if view.state == OperationState::Succeeded {
            return Ok(view);
        }
        let error = match (view.done, &view.error) {
            (true, Some(error)) => Error::from(error.clone()),
            (true, None) => Error::new(Code::Internal, format!("operation {} is {:?} without a reason", self.id, view.state)),
            (false, _) => Error::new(Code::Timeout, format!("operation {} is still {:?}; it goes on", self.id, view.state)),
        };
        Err(error.with("operation", &self.id))
    }

    /// What a request to create a store is answered, once its names are claimed and, for a custom domain, the name servers are known or the time for
    /// that is over. The operation is one that [`Controller::begin_create`] began.
    ///
    /// # Errors
    /// The operation's own error when it fails before; `timeout` when the names are not claimed in time; `unsupported` when the operation creates no
    /// store; else as [`Controller::get_operation`].
    ///
    /// # Cancellation
    /// Dropping the future stops the waiting, never the operation.
    pub async fn created(&self) -> Result<StoreCreated> {
        self.controller.answer(&self.id).await
    }

    /// What becomes of the operation from now on: first where it is, then each change, at last how it ended. It may be asked for again at any
    /// time, also when the operation is over.
    pub fn events(&self) -> OperationEvents {
        OperationEvents::new(self.controller.clone(), self.id.clone())
    }

    /// Asks the operation to turn back.
    ///
    /// # Errors
    /// As [`Controller::cancel_operation`].
    ///
    /// # Cancellation
    /// Dropping the future leaves the request made or not made.
    pub async fn cancel(&self) -> Result<OperationView> {
        self.controller.cancel_operation(&self.id).await
    }
}

impl Deref for OperationHandle {
    type Target = OperationId;

    fn deref(&self) -> &OperationId {
        &self.id
    }
}

impl From<OperationHandle> for OperationId {
    fn from(handle: OperationHandle) -> Self {
        handle.id
    }
}

impl fmt::Debug for OperationHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OperationHandle").field(&self.id).finish()
    }
}

impl fmt::Display for OperationHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}

/// Handles of one operation are equal.
impl PartialEq for OperationHandle {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for OperationHandle {}

/// As its id.
impl Serialize for OperationHandle {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.id.serialize(serializer)
    }
}

impl Controller {
    /// A handle of the operation with this id. Asks nothing: that there is no such operation is told by what the handle is asked.
    pub fn handle(&self, id: &OperationId) -> OperationHandle {
        OperationHandle::new(self.clone(), id.clone())
    }
}
