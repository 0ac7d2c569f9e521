//! The engine in this process: use cases of the controller by name.

use crate::assembly::{Opened, open};
use crate::call::{Answer, Backend, Call, LOOKED_FOR, Outcome};
use crate::parameters::absent;
use crate::settings::{EmbeddedSettings, SandboxSettings};
use async_trait::async_trait;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use serde_json::json;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storex_core::{Code, Controller, CreateStoreRequest, Error, Result};

/// Pause before documents that cannot be read are read again.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

/// What is assembled at the first call.
pub(crate) enum Plan {
    /// A world of twins.
    Sandbox(SandboxSettings),
    /// An engine.
    Embedded(EmbeddedSettings),
}

/// An engine on its way. Whoever waits for it may stop waiting; it goes on.
type Opening = Shared<BoxFuture<'static, Outcome<Arc<Opened>>>>;

/// The engine, assembled at its first call.
pub(crate) struct Embedded {
    plan: Arc<Plan>,
    opening: Mutex<Option<Opening>>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

impl Embedded {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan: Arc::new(plan), opening: Mutex::default() }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Opening>> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The engine; after a failure the next call tries again.
    async fn opened(&self) -> Outcome<Arc<Opened>> {
        let opening = {
            let mut slot = self.slot();
            match &*slot {
                Some(opening) if opening.peek().is_none_or(Result::is_ok) => opening.clone(),
                _ => slot.insert(opening(Arc::clone(&self.plan))).clone(),
            }
        };
        opening.await
    }
}

fn opening(plan: Arc<Plan>) -> Opening {
    let task = tokio::spawn(async move { open(&plan).await });
    let defect = |_| Error::new(Code::Internal, "the engine could not be assembled");
    async move { Ok(Arc::new(task.await.map_err(defect)??)) }.boxed().shared()
}

#[async_trait]
impl Backend for Embedded {
    async fn call(&self, call: &Call) -> Outcome {
        let opened = self.opened().await?;
        match call.name.split_once('.') {
            Some(("sandbox", what)) => opened.sandbox(what, call).await,
            _ => use_case(&opened.controller, call).await,
        }
    }

    async fn rest(&self, id: &str, limit: Duration) -> Outcome {
        let opened = self.opened().await?;
        let id = Call { id: id.to_owned(), ..Call::default() }.operation()?;
        let view = opened.controller.wait_operation(&id, limit).await.map_err(|error| hide(error, "operation"))?;
        Answer::of(&view)
    }

    async fn changed(&self, id: &str, seen: &str) -> Outcome {
        let opened = self.opened().await?;
        let id = Call { id: id.to_owned(), ..Call::default() }.operation()?;
        let operation = opened.controller.handle(&id);
        let mut events = operation.events();
        loop {
            let answer = match operation.view().await {
                Ok(view) => Answer::of(&view)?,
                Err(error) if error.is_transient() || error.code() == Code::Timeout => {
                    tokio::time::sleep(LOOK_PAUSE).await;
                    continue;
                }
                Err(error) => return Err(hide(error, "operation").into()),
            };
            if answer.document != seen {
                return Ok(answer);
            }
            // The first ones say where it is, in one go.
            match events.next().await {
                Some(Ok(_)) => while let Some(Some(Ok(_))) = events.next().now_or_never() {},
                Some(Err(error)) => return Err(error.into()),
                // It is at rest and stays as it was seen.
                None => return Ok(answer),
            }
        }
    }

    async fn begun(&self, call: &Call) -> Option<String> {
        // What was begun is told by a task of its own, which goes on.
        if call.begins() { tokio::time::timeout(LOOKED_FOR, call.begun.told()).await.ok().flatten() } else { None }
    }

    async fn stop(&self) {
        let opened = self.slot().take().and_then(|opening| opening.peek().cloned());
        if let Some(Ok(opened)) = opened {
            opened.stop().await;
        }
    }
}

/// Carries out a use case by name.
pub(crate) async fn use_case(controller: &Controller, call: &Call) -> Outcome {
    match call.name.as_str() {
        "open" => Answer::of(&json!({})),
        "health" => Answer::of(&controller.readiness()),
        "stores.create" => create(controller, call).await,
        "stores.plan" => Answer::of(&controller.plan_create(&CreateStoreRequest::from_json(&call.document()?)?).await?),
        "stores.list" => {
            let size = call.whole_number("page_size")?;
            Answer::of(&controller.list_stores(size, call.text("page_token")).await?)
        }
        "stores.get" => {
            let store = controller.get_store(&call.store()?).await;
            Answer::of(&store.map_err(|error| hide(error, "store"))?)
        }
        "stores.delete" => delete(controller, call).await,
        "stores.plan_delete" => {
            let plan = controller.plan_delete(&call.store()?).await;
            Answer::of(&plan.map_err(|error| hide(error, "store"))?)
        }
        "stores.purge" | "stores.reissue" | "stores.insight" | "stores.rotate" => of_store(controller, call).await,
        "tunnel.show" => Answer::of(&controller.tunnel().await?),
        "tunnel.reset" => {
            let (id, force, controller) = (call.connector()?, call.force()?, controller.clone());
            let view = detached(async move { controller.reset_connector(&id, force).await }).await;
            Answer::of(&view.map_err(|error| hide(error, "connector"))?)
        }
        "drift" => {
            let report = controller.drift(&call.drift()?).await;
            Answer::of(&report.map_err(|error| hide(error, "store"))?)
        }
        "reconcile" => {
            let (controller, options) = (controller.clone(), call.reconcile()?);
            let report = detached(async move { controller.reconcile(&options).await }).await;
            Answer::of(&report.map_err(|error| hide(error, "store"))?)
        }
        _ => operation(controller, call).await,
    }
}

/// What is asked of a store beside its life.
async fn of_store(controller: &Controller, call: &Call) -> Outcome {
    let (id, controller) = (call.store()?, controller.clone());
    let missing = |error| hide(error, "store");
    match call.name.as_str() {
        "stores.insight" => {
            let length = call.length()?;
            Answer::of(&controller.store_insight(&id, length).await.map_err(missing)?)
        }
        "stores.purge" => {
            let view = detached(async move { controller.purge_cache(&id).await }).await;
            Answer::of(&view.map_err(missing)?)
        }
        "stores.reissue" => {
            let force = call.force()?;
            let view = detached(async move { controller.reissue_certificate(&id, force).await }).await.map_err(missing)?;
            let answer = Answer::of(&view)?;
            Ok(if let Some(operation) = &view.operation { answer.began(operation, false) } else { answer })
        }
        _ => {
            let begun = call.begun.clone();
            let operation = detached(async move {
                let operation = controller.rotate_database_password(&id).await?;
                begun.tell(operation.id());
                Ok(operation.id().clone())
            });
            let operation = operation.await.map_err(missing)?;
            Ok(Answer::of(&json!({ "status": "success", "operation": operation }))?.began(&operation, false))
        }
    }
}

async fn operation(controller: &Controller, call: &Call) -> Outcome {
    let (id, controller) = (call.operation(), controller.clone());
    let view = match call.name.as_str() {
        "operations.get" => controller.get_operation(&id?).await,
        "operations.find" => controller.find_operation(&call.found()?).await,
        "operations.cancel" => {
            let id = id?;
            detached(async move { controller.cancel_operation(&id).await }).await
        }
        "operations.retry" => {
            let id = id?;
            detached(async move { controller.retry_operation(&id).await }).await
        }
        name => Err(Error::new(Code::Internal, format!("there is no use case {name}"))),
    };
    Answer::of(&view.map_err(|error| hide(error, "operation"))?)
}

async fn create(controller: &Controller, call: &Call) -> Outcome {
    let options = call.options()?;
    let request = CreateStoreRequest::from_json(&call.document()?)?;
    let (controller, begun) = (controller.clone(), call.begun.clone());
    let (answer, accepted) = detached(async move {
        let accepted = controller.begin_create(&request, &options).await?;
        begun.tell(&accepted.operation);
        Ok((accepted.operation.created().await?, accepted))
    })
    .await?;
    Ok(Answer::of(&answer)?.began(&accepted.operation, accepted.replayed))
}

async fn delete(controller: &Controller, call: &Call) -> Outcome {
    let (options, id) = (call.options()?, call.store()?);
    let keyed = options.idempotency_key.is_some();
    let (controller, begun) = (controller.clone(), call.begun.clone());
    let accepted = detached(async move {
        let accepted = controller.delete_store_with(&id, &options).await?;
        begun.tell(&accepted.operation);
        Ok(accepted)
    });
    let accepted = accepted.await.map_err(|error| hide(error, "store"))?;
    let document = json!({ "status": "success", "operation": accepted.operation });
    Ok(Answer::of(&document)?.began(&accepted.operation, keyed && accepted.replayed))
}

/// Runs a call with an effect to its end even when nobody waits for it any more: dropped between the durable intent and its start, an
/// operation would lie until the next start of the engine.
async fn detached<T: Send + 'static>(call: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    match tokio::spawn(call).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(%error, "a call ended without an answer");
            Err(Error::unclear(Code::Internal, "the call ended without an answer"))
        }
    }
}

/// Unknown, deleted and malformed names get one and the same answer.
fn hide(error: Error, what: &str) -> Error {
    if error.code() == Code::NotFound { absent(what) } else { error }
}
