//! The events of an operation: what differs between two looks at its document, until it is at rest.

use super::Controller;
use crate::operation::{OperationDoc, OperationState, OperationView, StepView, TaskState, TaskView};
use crate::{Code, Error, OperationId, Result};
use futures::StreamExt;
use futures::stream::{self, BoxStream, Stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;

/// Pause between two looks at an operation another controller drives.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// Longest silence of a driver in this process before the document itself is looked at.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);

/// Something that became of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperationEvent {
    /// The operation is in this state now.
    State {
        /// The state.
        state: OperationState,
        /// When the document said so.
        at: Timestamp,
    },
    /// A task is in another state than before, failed once more, or waits on somebody else.
    Task {
        /// Step of the specification it belongs to.
        action: String,
        /// The task as it is now.
        task: Box<TaskView>,
        /// When the document said so.
        at: Timestamp,
    },
    /// The operation is at rest. Always the last event.
    Ended {
        /// The operation as it ended.
        operation: Box<OperationView>,
    },
}

impl fmt::Display for OperationEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State { state, .. } => write!(f, "{state:?}"),
            Self::Task { action, task, .. } => {
                write!(f, "{action} / {}: {:?}", task.name, task.state)?;
                match (&task.error, &task.waits_on) {
                    (Some(error), _) if task.state != TaskState::Succeeded => write!(f, " ({})", error.message),
                    (_, Some(wait)) => write!(f, " (waits for {}: {})", wait.who, wait.what),
                    _ => Ok(()),
                }
            }
            Self::Ended { operation } => write!(f, "ended: {:?}", operation.state),
        }
    }
}

/// The events of an operation, as a [`Stream`] and by [`OperationEvents::next`].
///
/// The first events say where the operation is, so that a late listener misses nothing that counts. Events are the difference between two looks: a
/// task that begins and ends in between is told once, as it ended. [`OperationEvent::Ended`] is never lost and is the last; an error is the last too.
/// Whichever controller drives the operation, and however slowly it is listened to, memory stays bounded.
pub struct OperationEvents(BoxStream<'static, Result<OperationEvent>>);

impl OperationEvents {
    pub(super) fn new(controller: Controller, id: OperationId) -> Self {
        let looks = Looks { controller, id, driven: None, seen: None, told: VecDeque::new(), over: false };
        let events = stream::unfold(looks, |mut looks| async move { looks.next().await.map(|event| (event, looks)) });
        Self(events.fuse().boxed())
    }

    /// The next event; none after the last one. What the repo answers when it fails for good is the last item: transient failures are waited out.
    ///
    /// # Cancellation
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<Result<OperationEvent>> {
        self.0.next().await
    }
}

impl fmt::Debug for OperationEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperationEvents").finish_non_exhaustive()
    }
}

impl Stream for OperationEvents {
    type Item = Result<OperationEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

/// Looks at an operation, again and again.
struct Looks {
    controller: Controller,
    id: OperationId,
    /// Tells of the document while it is driven here.
    driven: Option<watch::Receiver<Option<Arc<OperationDoc>>>>,
    /// The operation at the last look.
    seen: Option<OperationView>,
    /// What was seen and not told yet.
    told: VecDeque<OperationEvent>,
    over: bool,
}

impl Looks {
    async fn next(&mut self) -> Option<Result<OperationEvent>> {
        loop {
            if let Some(event) = self.told.pop_front() {
                return Some(Ok(event));
            }
            if self.over {
                return None;
            }
            let view = match self.look().await {
                Ok(view) => view,
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            };
            self.over = view.done;
            self.told = changes(self.seen.as_ref(), &view);
            self.seen = Some(view);
        }
    }

    /// The operation once it differs from the last look.
    async fn look(&mut self) -> Result<OperationView> {
        let clock = Arc::clone(&self.controller.providers().clock);
        loop {
            let told = self.told().await;
            let doc = match told {
                Some(doc) => Some(doc),
                None => self.read().await?,
            };
            if let Some(doc) = doc {
                let view = OperationView::of(&doc, clock.now());
                if self.seen.as_ref() != Some(&view) {
                    return Ok(view);
                }
            }
            if self.driven.is_none() {
                clock.sleep(LOOK_PAUSE).await;
            }
        }
    }

    /// What its driver in this process says next; none when there is no driver, or it is silent for long.
    async fn told(&mut self) -> Option<Arc<OperationDoc>> {
        let Some(driven) = &mut self.driven else {
            let mut receiver = self.controller.driven().get(&self.id).map(|ears| ears.watchers.subscribe())?;
            let doc = receiver.borrow_and_update().clone();
            self.driven = Some(receiver);
            return doc;
        };
        let clock = Arc::clone(&self.controller.providers().clock);
        let changed = tokio::select! {
            biased;
            changed = driven.changed() => changed.is_ok(),
            () = clock.sleep(LONGEST_SILENCE) => return None,
        };
        if changed {
            return driven.borrow_and_update().clone();
        }
        self.driven = None;
        None
    }

    /// What the repo says; none when it cannot be read at the moment.
    async fn read(&self) -> Result<Option<Arc<OperationDoc>>> {
        let (controller, id) = (self.controller.clone(), self.id.clone());
        // In a task of its own: events may be left lying in the middle of a look, and a read that stands still may hold what other reads wait for.
        let read = tokio::spawn(async move { controller.operation(&id).await });
        match read.await {
            Ok(Ok((doc, _))) => Ok(Some(Arc::new(doc))),
            Ok(Err(error)) if error.is_transient() || error.code() == Code::Timeout => Ok(None),
            Ok(Err(error)) => Err(Error::with(error, "operation", &self.id)),
            Err(_) => Err(Error::new(Code::Internal, "the operation could not be read").with("operation", &self.id)),
        }
    }
}

/// What became of an operation between two looks.
fn changes(before: Option<&OperationView>, now: &OperationView) -> VecDeque<OperationEvent> {
    let at = now.updated_at;
    let mut events = VecDeque::new();
    if before.is_none_or(|before| before.state != now.state) && !now.done {
        events.push_back(OperationEvent::State { state: now.state, at });
    }
    let steps_before = before.map(|before| before.steps.as_slice()).unwrap_or_default();
    for StepView { action, tasks } in &now.steps {
        let was = |task: &TaskView| {
            let step = steps_before.iter().find(|step| step.action == *action)?;
            step.tasks.iter().find(|before| before.name == task.name)
        };
        for task in tasks {
            let news = match was(task) {
                Some(was) => was != task,
                None => task.state != TaskState::Pending,
            };
            if news {
                events.push_back(OperationEvent::Task { action: action.clone(), task: Box::new(task.clone()), at });
            }
        }
    }
    if now.done {
        events.push_back(OperationEvent::State { state: now.state, at });
        events.push_back(OperationEvent::Ended { operation: Box::new(now.clone()) });
    }
    events
}
