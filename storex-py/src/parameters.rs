//! Parameters as the REST API reads them, so that the engine in the process refuses the same ones with the same code and pointer.

use crate::call::Call;
use serde_json::Value;
use std::time::Duration;
use storex_core::{
    Code, ConnectorId, DriftQuery, Error, IdempotencyKey, OperationId, ReconcileOptions, RequestOptions, Result, StoreId,
    force_from_json,
};

/// Who sends requests: there is one operator.
const PRINCIPAL: &str = "operator";
/// How far back insight goes when nobody says, as in the REST API.
const USUAL_SECONDS: usize = 3_600;

impl Call {
    /// The text of a parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A whole number of at least 0; 0 when the parameter is not there. More digits than fit count as very many.
    pub(crate) fn whole_number(&self, name: &str) -> Result<usize> {
        let Some(text) = self.text(name) else { return Ok(0) };
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let why = format!("{name} is a whole number of at least 0");
            return Err(Error::new(Code::InvalidField, why).pointer(format!("/{name}")));
        }
        Ok(text.parse().unwrap_or(usize::MAX))
    }

    /// How the request is meant.
    pub(crate) fn options(&self) -> Result<RequestOptions> {
        let key = self.key.as_deref().map(|key| IdempotencyKey::new(PRINCIPAL, key)).transpose()?;
        Ok(key.map(RequestOptions::with_key).unwrap_or_default())
    }

    /// The key whose operation is looked for.
    pub(crate) fn found(&self) -> Result<IdempotencyKey> {
        let key = self.text("idempotency_key").unwrap_or_default();
        IdempotencyKey::new(PRINCIPAL, key).map_err(|error| error.pointer("/idempotency_key"))
    }

    /// The document that came with the call.
    pub(crate) fn document(&self) -> Result<Value> {
        let text = self.body.as_deref().unwrap_or_default();
        serde_json::from_str(text).map_err(|error| Error::new(Code::InvalidJson, format!("the body is not valid JSON: {error}")))
    }

    /// The store it is about; what is no identifier is a store that is not there.
    pub(crate) fn store(&self) -> Result<StoreId> {
        store_id(&self.id)
    }

    /// The operation it is about; what is no identifier is an operation that is not there.
    pub(crate) fn operation(&self) -> Result<OperationId> {
        self.id.parse().map_err(|_| absent("operation"))
    }

    /// Which part of the world drift is asked for.
    pub(crate) fn drift(&self) -> Result<DriftQuery> {
        let token = self.text("page_token").filter(|token| !token.is_empty());
        let mut query = DriftQuery::page(token.map(str::to_owned), self.whole_number("limit")?);
        query.store = self.text("store_id").map(store_id).transpose()?;
        Ok(query)
    }

    /// What a reconcile may do.
    pub(crate) fn reconcile(&self) -> Result<ReconcileOptions> {
        ReconcileOptions::from_json(&self.document()?)
    }

    /// Whether the document says to do it all the same.
    pub(crate) fn force(&self) -> Result<bool> {
        force_from_json(&self.document()?)
    }

    /// How far back it is looked.
    pub(crate) fn length(&self) -> Result<Duration> {
        let seconds = if self.text("seconds").is_some() { self.whole_number("seconds")? } else { USUAL_SECONDS };
        Ok(Duration::from_secs(u64::try_from(seconds.max(1)).unwrap_or(u64::MAX)))
    }

    /// The connector it is about; what is no identifier is a connector that is not there.
    pub(crate) fn connector(&self) -> Result<ConnectorId> {
        self.id.parse().map_err(|_| absent("connector"))
    }
}

/// The answer about anything that is not there.
pub(crate) fn absent(what: &str) -> Error {
    Error::new(Code::NotFound, format!("there is no such {what}"))
}

fn store_id(text: &str) -> Result<StoreId> {
    text.parse().map_err(|_| absent("store"))
}
