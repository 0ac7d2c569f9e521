//! An endpoint of the API as a value: what to send and what shape the answer has.

use reqwest::Method;
use serde_json::Value;
use std::marker::PhantomData;

use crate::budget::Quota;

/// One call to be sent. `T` is the shape of the answer's `result`.
#[derive(Debug)]
pub(crate) struct Endpoint<T> {
    /// HTTP method.
    pub(crate) method: Method,
    /// Path with placeholders: what logs and errors name, so that they say what was called and not about whom.
    pub(crate) template: &'static str,
    /// Path below the base URL.
    pub(crate) path: String,
    /// Query, decoded.
    pub(crate) query: Vec<(&'static str, String)>,
    /// JSON body.
    pub(crate) body: Option<Value>,
    /// What it draws on besides the call budget.
    pub(crate) quota: Quota,
    /// Whether what it names has a pace of its own: a 429 that leaves calls in the budget is about that and holds up nothing else.
    pub(crate) paced: bool,
    /// Whether success is answered in plain text.
    pub(crate) text: bool,
    answer: PhantomData<fn() -> T>,
}

impl<T> Endpoint<T> {
    /// A call of `template` with its placeholders (`{zone}`) replaced, in order. Identifiers hold letters, digits and hyphens only, so they
    /// cannot change the path's shape.
    pub(crate) fn new(method: Method, template: &'static str, ids: &[&str]) -> Self {
        let mut ids = ids.iter();
        let parts =
            template.split('/').map(|part| if part.starts_with('{') { ids.next().copied().unwrap_or_default() } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        Self {
            method,
            template,
            path,
            query: Vec::new(),
            body: None,
            quota: Quota::Calls,
            paced: false,
            text: false,
            answer: PhantomData,
        }
    }

    /// Adds a query parameter.
    pub(crate) fn query(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    /// Sets the body.
    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Expects text, not JSON.
    pub(crate) fn answered_in_text(mut self) -> Self {
        self.text = true;
        self
    }

    /// Draws on this quota as well.
    pub(crate) fn quota(mut self, quota: Quota) -> Self {
        self.quota = quota;
        self
    }

    /// What it names may be called only now and then.
    pub(crate) fn paced(mut self) -> Self {
        self.paced = true;
        self
    }

    /// Method and template, for errors and logs.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }
}

impl<T> Clone for Endpoint<T> {
    fn clone(&self) -> Self {
        Self {
            method: self.method.clone(),
            template: self.template,
            path: self.path.clone(),
            query: self.query.clone(),
            body: self.body.clone(),
            quota: self.quota,
            paced: self.paced,
            text: self.text,
            answer: PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in_order() {
        let endpoint = Endpoint::<()>::new(Method::GET, "/accounts/{account}/cfd_tunnel/{tunnel}/configurations", &["a1", "t2"]);
        assert_eq!(endpoint.path, "/accounts/a1/cfd_tunnel/t2/configurations");
        assert_eq!(endpoint.name(), "GET /accounts/{account}/cfd_tunnel/{tunnel}/configurations");
    }
}
