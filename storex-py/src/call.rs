//! A call and its answer, in the shape both modes share: that of the REST API.

use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::Debug;
use std::sync::OnceLock;
use std::time::Duration;
use storex_core::operation::OperationView;
use storex_core::{Code, Error, Kind, OperationId};
use tokio::sync::watch;

/// Longest time the operation of a call that was given up is looked for. A signal's exception may be late by this.
pub(crate) const LOOKED_FOR: Duration = Duration::from_millis(100);

/// The operation a call has begun, told as soon as it is durable: long before the answer, in which nobody may be interested any more. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Begun(watch::Sender<Option<String>>);

impl Default for Begun {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Begun {
    /// The operation is durable.
    pub(crate) fn tell(&self, operation: &OperationId) {
        self.0.send_replace(Some(operation.to_string()));
    }

    /// The operation, if it is durable.
    pub(crate) fn known(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// The operation once it is durable.
    pub(crate) async fn told(&self) -> Option<String> {
        self.0.subscribe().wait_for(Option::is_some).await.ok()?.clone()
    }
}

/// What is asked for. Texts are as the caller wrote them: the engine parses them as the REST API would.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// Name of the use case, such as `stores.create`.
    pub(crate) name: String,
    /// The store or operation it is about.
    pub(crate) id: String,
    /// Parameters that stand in the query of the REST API.
    pub(crate) query: Vec<(String, String)>,
    /// The JSON document that is sent.
    pub(crate) body: Option<String>,
    /// Key under which the call may be repeated.
    pub(crate) key: Option<String>,
    /// Key under which it was sent when it has none of its own.
    pub(crate) ticket: OnceLock<String>,
    /// What it has begun.
    pub(crate) begun: Begun,
}

impl Call {
    /// The call of this name about this store or operation.
    pub(crate) fn named(name: &str, id: &str) -> Self {
        Self { name: name.to_owned(), id: id.to_owned(), ..Self::default() }
    }

    /// True when it begins one operation, which its answer names.
    pub(crate) fn begins(&self) -> bool {
        matches!(self.name.as_str(), "stores.create" | "stores.delete")
    }
}

/// An answer that is data.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The document, as JSON.
    pub(crate) document: String,
    /// The operation that was begun.
    pub(crate) operation: Option<String>,
    /// True when the call was a repetition and nothing new was begun.
    pub(crate) replayed: bool,
}

impl Answer {
    /// A document and nothing else.
    pub(crate) fn of(document: &impl Serialize) -> Outcome {
        let document = serde_json::to_string(document)
            .map_err(|error| Error::new(Code::Internal, format!("the answer has no JSON form: {error}")))?;
        Ok(Self { document, operation: None, replayed: false })
    }

    /// The same, naming the operation that was begun.
    pub(crate) fn began(mut self, operation: &OperationId, replayed: bool) -> Self {
        self.operation = Some(operation.to_string());
        self.replayed = replayed;
        self
    }
}

/// What a call comes to.
pub(crate) type Outcome<T = Answer> = Result<T, Box<Failure>>;

/// Why a call failed: the members of a problem document, and the class of the code.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Failure {
    /// Stable code.
    pub(crate) code: String,
    /// Class of the failure, `lower_snake`.
    pub(crate) kind: &'static str,
    /// One sentence.
    pub(crate) message: String,
    /// JSON pointer of the offending field.
    pub(crate) pointer: Option<String>,
    /// Operation concerned.
    pub(crate) operation: Option<String>,
    /// What the reader can do.
    pub(crate) next_step: String,
    /// True when the effect may have happened.
    pub(crate) unclear: bool,
    /// Further facts.
    pub(crate) context: Map<String, Value>,
    /// Last log lines of the store concerned.
    pub(crate) log: Vec<String>,
    /// Earliest useful retry, in seconds from now.
    pub(crate) retry_after: Option<f64>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let mut failure = Self {
            code: error.code().as_str().to_owned(),
            kind: class(error.kind()),
            message: error.message().to_owned(),
            pointer: error.pointer_str().map(str::to_owned),
            next_step: error.next_step().to_owned(),
            unclear: error.is_unclear(),
            retry_after: error.retry_delay().as_ref().map(Duration::as_secs_f64),
            ..Self::default()
        };
        for (key, value) in error.context() {
            match key {
                "operation" => failure.operation = Some(value.to_owned()),
                "log" => failure.log.extend(value.lines().map(str::to_owned)),
                _ => drop(failure.context.insert(key.to_owned(), value.into())),
            }
        }
        failure
    }
}

impl From<Error> for Box<Failure> {
    fn from(error: Error) -> Self {
        Self::new(Failure::from(&error))
    }
}

impl Failure {
    /// True when the dependency may be there again in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.kind, "unavailable" | "timeout")
    }
}

/// The class of a failure as text.
pub(crate) fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid => "invalid",
        Kind::Unauthenticated => "unauthenticated",
        Kind::Denied => "denied",
        Kind::NotFound => "not_found",
        Kind::Conflict => "conflict",
        Kind::RateLimited => "rate_limited",
        Kind::Unavailable => "unavailable",
        Kind::Timeout => "timeout",
        Kind::Upstream => "upstream",
        Kind::Corrupt => "corrupt",
        _ => "internal",
    }
}

/// Where calls go: the engine in this process, or a controller behind its REST API.
#[async_trait]
pub(crate) trait Backend: Debug + Send + Sync + 'static {
    /// Carries the call out. Dropping the future ends a read; a call with an effect goes on.
    async fn call(&self, call: &Call) -> Outcome;

    /// The operation once it is at rest, or as it is after `limit`. Dropping the future stops the waiting, never the operation.
    async fn rest(&self, id: &str, limit: Duration) -> Outcome;

    /// The operation differing from the document seen last. Dropping the future stops the looking.
    async fn changed(&self, id: &str, seen: &str) -> Outcome;

    /// The operation that a call has begun whose answer nobody waits for any more; none when it has begun none, or that cannot be found out soon. Takes
    /// [`LOOKED_FOR`] at most.
    async fn begun(&self, call: &Call) -> Option<String>;

    /// Stops what runs in this process. Operations stop as in a crash; the next engine on the same repository resumes them.
    async fn stop(&self);
}

/// True when the text is the document of an operation that is at rest.
pub(crate) fn is_done(document: &str) -> bool {
    serde_json::from_str::<OperationView>(document).is_ok_and(|view| view.done)
}
