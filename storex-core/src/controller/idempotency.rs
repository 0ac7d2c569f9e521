//! Requests that may be repeated: the same key attaches to the same operation.

use super::{Controller, OperationHandle};
use crate::operation::{Idempotency, KEY, OperationDoc, OperationView};
use crate::{Claim, ClaimOutcome, Code, EntropyExt, Error, Fence, Json, OperationId, Page, Query, Result, Table};
use serde::Serialize;

/// Namespace of the claims on keys.
pub(super) const NAMESPACE: &str = "idempotency_key";
/// Longest key, in characters.
const LONGEST: usize = 255;
/// Operations of one key that are looked at: a key may begin one a day, and they are forgotten after a month.
const OF_ONE_KEY: usize = 1000;

/// A key under which a request may be repeated: 1 to 255 visible ASCII characters, kept apart by who sends it.
///
/// While its operation runs, a repetition attaches to it; afterwards it gets the same answer, for a day.
///
/// ```
/// use storex_core::IdempotencyKey;
/// assert!(IdempotencyKey::new("operator", "order-4711").is_ok());
/// assert_eq!(IdempotencyKey::new("operator", "").unwrap_err().pointer_str(), Some("/Idempotency-Key"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    principal: String,
    key: String,
}

impl IdempotencyKey {
    /// The key `key` of `principal`: two principals never meet at the same key.
    ///
    /// # Errors
    /// `invalid_field` when the key is empty, longer than 255 characters, or has a character that is not visible ASCII.
    pub fn new(principal: &str, key: &str) -> Result<Self> {
        if key.is_empty() || key.len() > LONGEST || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let why = format!("an Idempotency-Key has 1 to {LONGEST} visible ASCII characters");
            return Err(Error::new(Code::InvalidField, why).pointer("/Idempotency-Key"));
        }
        Ok(Self { principal: principal.to_owned(), key: key.to_owned() })
    }

    /// What an operation asked for by `request` under this key remembers.
    fn of(&self, flow: &str, request: &impl Serialize) -> Result<Idempotency> {
        let fingerprint = digest(&[flow, Json::of(request)?.as_str()]);
        Ok(Idempotency { name: self.name(), fingerprint })
    }

    /// The key as operations remember it.
    fn name(&self) -> String {
        digest(&[&self.principal, &self.key])
    }
}

/// How a request is meant beyond what it asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestOptions {
    /// Key under which it may be repeated.
    pub idempotency_key: Option<IdempotencyKey>,
}

impl RequestOptions {
    /// A request that may be repeated under this key.
    pub fn with_key(key: IdempotencyKey) -> Self {
        Self { idempotency_key: Some(key) }
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted<T> {
    /// The answer.
    pub answer: T,
    /// The operation that does what was asked for.
    pub operation: OperationHandle,
    /// True when the request was a repetition and nothing new was begun.
    pub replayed: bool,
}

/// The operation a request begins, or has begun already.
#[derive(Debug)]
pub(super) struct Reservation {
    /// The operation.
    pub(super) id: OperationId,
    idempotency: Option<Idempotency>,
    /// True when an earlier request of the same key has begun it.
    pub(super) begun: bool,
}

impl Controller {
    /// The operation that a request of this key has begun, the latest of them: for whoever did not get the answer. Unlike a repetition of the request
    /// this begins nothing.
    ///
    /// # Errors
    /// `not_found` when none was begun, or it is forgotten; what the repo answers.
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
    pub async fn find_operation(&self, key: &IdempotencyKey) -> Result<OperationView> {
        let query = Query::equals(KEY, &key.name());
        let rows = self.providers().repo.list(Table::Operations, &query, &Page::first(OF_ONE_KEY)).await?.rows;
        // Identifiers ascend with time.
        let row = rows.last().ok_or_else(|| Error::new(Code::NotFound, "no request of this key has begun an operation"))?;
        Ok(OperationView::of(&row.body.read::<OperationDoc>()?, self.providers().clock.now()))
    }

    /// Finds out which operation the request is about. A key is bound to its operation before the operation exists: whoever repeats the
    /// request after a crash in between begins that one.
    pub(super) async fn reserve(&self, flow: &str, request: &impl Serialize, options: &RequestOptions) -> Result<Reservation> {
        let fresh = self.providers().entropy.operation_id(self.providers().clock.now())?;
        let Some(key) = &options.idempotency_key else {
            return Ok(Reservation { id: fresh, idempotency: None, begun: false });
        };
        let idempotency = key.of(flow, request)?;
        let claim = Claim {
            namespace: NAMESPACE.to_owned(),
            name: idempotency.name.clone(),
            owner: fresh.to_string(),
            label: idempotency.fingerprint.clone(),
        };
        let ClaimOutcome::Taken(held) = self.providers().repo.claim(&claim, Fence::NONE).await? else {
            return Ok(Reservation { id: fresh, idempotency: Some(idempotency), begun: false });
        };
        if held.label != idempotency.fingerprint {
            let why = format!("the key was used for another request, which began operation {}", held.owner);
            return Err(Error::new(Code::IdempotencyKeyReused, why).pointer("/Idempotency-Key").with("operation", &held.owner));
        }
        let id: OperationId = held.owner.parse()?;
        let begun = match self.operation(&id).await {
            Ok(_) => true,
            Err(error) if error.code() == Code::NotFound => false,
            Err(error) => return Err(error),
        };
        Ok(Reservation { id, idempotency: Some(idempotency), begun })
    }

    /// Begins the reserved operation. Answers false when another repetition of the request was faster.
    pub(super) async fn begin(&self, reservation: Reservation, mut doc: OperationDoc) -> Result<bool> {
        doc.id = reservation.id;
        doc.idempotency = reservation.idempotency;
        match self.start(doc).await {
            Ok(()) => Ok(true),
            Err(error) if error.code() == Code::VersionConflict => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A digest of texts, each kept apart from the next.
fn digest(texts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in texts {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
