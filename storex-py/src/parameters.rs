//! Parameters as the REST API reads them, so that the engine in the process refuses the same ones with the same code and pointer.

use crate::call::Call;
use serde_json::Value;
use storex_core::{Code, DriftQuery, Error, IdempotencyKey, OperationId, ReconcileOptions, RequestOptions, Result, StoreId};

/// Who sends requests: there is one operator.
const PRINCIPAL: &str = "operator";
/// Keys of the document of a reconcile.
const KEYS: [&str; 5] = ["store_id", "dry_run", "accept_restore", "limit", "page_token"];

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

    /// What a reconcile may do. What is null counts as not there.
    pub(crate) fn reconcile(&self) -> Result<ReconcileOptions> {
        let body = self.document()?;
        let expected = |what: &str, pointer: String| Error::new(Code::InvalidField, format!("expected {what}")).pointer(pointer);
        let fields = body.as_object().ok_or_else(|| expected("an object", String::new()))?;
        let mut options = ReconcileOptions::default();
        for (key, value) in fields {
            let wrong = |what: &str| expected(what, format!("/{key}"));
            let flag = || value.as_bool().ok_or_else(|| wrong("true or false"));
            let text = || value.as_str().ok_or_else(|| wrong("text"));
            if value.is_null() && KEYS.contains(&key.as_str()) {
                continue;
            }
            match key.as_str() {
                "store_id" => options.query.store = Some(store_id(text()?)?),
                "dry_run" => options.dry_run = flag()?,
                "accept_restore" => options.accept_restore = flag()?,
                "limit" => {
                    let limit = value.as_u64().ok_or_else(|| wrong("a whole number of at least 0"))?;
                    options.query.limit = usize::try_from(limit).unwrap_or(usize::MAX);
                }
                "page_token" => options.query.page_token = Some(text()?.to_owned()).filter(|token| !token.is_empty()),
                _ => return Err(unknown(key)),
            }
        }
        Ok(options)
    }
}

/// The answer about anything that is not there.
pub(crate) fn absent(what: &str) -> Error {
    Error::new(Code::NotFound, format!("there is no such {what}"))
}

fn store_id(text: &str) -> Result<StoreId> {
    text.parse().map_err(|_| absent("store"))
}

fn unknown(key: &str) -> Error {
    let shown: String = key.chars().take(60).collect();
    let pointer = format!("/{}", shown.replace('~', "~0").replace('/', "~1"));
    Error::new(Code::UnknownField, format!("the field {shown:?} is not known; known are {}", KEYS.join(", "))).pointer(pointer)
}
