//! What requests say, read from JSON in one place for every door.

use super::reconcile::ReconcileOptions;
use crate::record::StoreDetails;
use crate::{Code, DomainStrategy, Email, Error, Hostname, Result, Username};
use serde::Serialize;
use serde_json::{Map, Value};

/// A store to create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CreateStoreRequest {
    /// Name of the store.
    pub username: Username,
    /// The owner's own domain.
    pub domain: Option<Hostname>,
    /// Who owns it.
    pub details: StoreDetails,
    /// How the domain reaches the tunnel; none is the platform's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_strategy: Option<DomainStrategy>,
    /// The DNS host of the domain flattens aliases at its apex, so that the apex can be a custom hostname.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub apex_flattening: bool,
}

/// Longest text of the free fields, in characters.
const LONGEST: usize = 200;

impl CreateStoreRequest {
    /// A request from parsed values.
    ///
    /// # Errors
    /// `invalid_field` for an owner or plan that is empty, too long or holds control characters.
    pub fn new(username: Username, domain: Option<Hostname>, details: StoreDetails) -> Result<Self> {
        check_text("/storeDetails/owner", &details.owner)?;
        if let Some(plan) = &details.plan {
            check_text("/storeDetails/plan", plan)?;
        }
        Ok(Self { username, domain, details, domain_strategy: None, apex_flattening: false })
    }

    /// The same with this strategy for its domain.
    #[must_use]
    pub fn with_strategy(mut self, strategy: DomainStrategy) -> Self {
        self.domain_strategy = Some(strategy);
        self
    }

    /// Reads the specification's JSON: `username`, `storeDetails.owner` and `storeDetails.email`, optionally `domain` and `storeDetails.plan`;
    /// beyond it `domain_strategy` (`zone`, `custom_hostname`) and `apex_flattening`, which are about the domain.
    ///
    /// ```
    /// use storex_core::CreateStoreRequest;
    /// let request = CreateStoreRequest::from_json(&serde_json::json!({
    ///     "username": "oceanbreeze",
    ///     "domain": "oceanbreezestore.com",
    ///     "storeDetails": { "owner": "John Smith", "email": "john@oceanbreezestore.com" }
    /// }))?;
    /// assert_eq!(request.username.as_str(), "oceanbreeze");
    /// # Ok::<(), storex_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `missing_field`, `unknown_field` with the nearest known name, `invalid_field`, `invalid_username`, `invalid_domain`, `invalid_email`; each with
    /// the JSON pointer of the field.
    pub fn from_json(body: &Value) -> Result<Self> {
        let body = object(body, "")?;
        known_keys(body, "", &["username", "domain", "domain_strategy", "apex_flattening", "storeDetails"])?;
        let username = required(body, "", "username")?.parse()?;
        let domain = optional(body, "", "domain")?.map(str::parse).transpose()?;
        let strategy = optional(body, "", "domain_strategy")?.map(str::parse::<DomainStrategy>).transpose()?;
        let flattening = flag(body, "apex_flattening")?;
        let about_the_domain = [("domain_strategy", strategy.is_some()), ("apex_flattening", flattening)];
        if let Some((key, _)) = about_the_domain.iter().find(|(_, given)| *given && domain.is_none()) {
            return Err(
                Error::new(Code::InvalidField, "the field is about a domain, and none is sent").pointer(format!("/{key}"))
            );
        }
        let details = body.get("storeDetails").ok_or_else(|| missing("/storeDetails"))?;
        let details = object(details, "/storeDetails")?;
        known_keys(details, "/storeDetails", &["owner", "email", "plan"])?;
        let details = StoreDetails {
            owner: required(details, "/storeDetails", "owner")?.to_owned(),
            email: required(details, "/storeDetails", "email")?.parse::<Email>()?,
            plan: optional(details, "/storeDetails", "plan")?.map(str::to_owned),
        };
        let request = Self::new(username, domain, details)?;
        Ok(Self { domain_strategy: strategy, apex_flattening: flattening, ..request })
    }
}

impl ReconcileOptions {
    /// Reads `{"store_id", "dry_run", "accept_restore", "limit", "page_token"}`; what is null or an empty token counts as not there.
    ///
    /// # Errors
    /// `unknown_field` with the nearest known name, `invalid_field`; each with the JSON pointer of the field. `not_found` for what is no identifier of a
    /// store.
    pub fn from_json(body: &Value) -> Result<Self> {
        let body = object(body, "")?;
        known_keys(body, "", &["store_id", "dry_run", "accept_restore", "limit", "page_token"])?;
        let absent = |_| Error::new(Code::NotFound, "there is no such store");
        let mut options = Self::default();
        options.query.store = optional(body, "", "store_id")?.map(str::parse).transpose().map_err(absent)?;
        options.query.limit = whole_number(body, "limit")?;
        options.query.page_token = optional(body, "", "page_token")?.filter(|token| !token.is_empty()).map(str::to_owned);
        options.dry_run = flag(body, "dry_run")?;
        options.accept_restore = flag(body, "accept_restore")?;
        Ok(options)
    }
}

/// Whether a request says `{"force": true}`; what is null counts as not there.
///
/// # Errors
/// `unknown_field` and `invalid_field` with the JSON pointer, for any other document.
pub fn force_from_json(body: &Value) -> Result<bool> {
    let body = object(body, "")?;
    known_keys(body, "", &["force"])?;
    flag(body, "force")
}

fn check_text(pointer: &str, text: &str) -> Result<()> {
    let refuse = |why: &str| Err(Error::new(Code::InvalidField, format!("the field {why}")).pointer(pointer));
    if text.trim().is_empty() {
        return refuse("is empty");
    }
    if text.chars().count() > LONGEST {
        return refuse("is longer than 200 characters");
    }
    if text.chars().any(char::is_control) {
        return refuse("holds a control character");
    }
    Ok(())
}

fn object<'a>(value: &'a Value, pointer: &str) -> Result<&'a Map<String, Value>> {
    value
        .as_object()
        .ok_or_else(|| Error::new(Code::InvalidField, format!("expected an object, got {}", kind(value))).pointer(pointer))
}

fn missing(pointer: &str) -> Error {
    Error::new(Code::MissingField, format!("the field {pointer} is required")).pointer(pointer)
}

fn required<'a>(object: &'a Map<String, Value>, parent: &str, key: &str) -> Result<&'a str> {
    optional(object, parent, key)?.ok_or_else(|| missing(&format!("{parent}/{key}")))
}

fn optional<'a>(object: &'a Map<String, Value>, parent: &str, key: &str) -> Result<Option<&'a str>> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => {
            Err(Error::new(Code::InvalidField, format!("expected text, got {}", kind(other))).pointer(format!("{parent}/{key}")))
        }
    }
}

fn flag(object: &Map<String, Value>, key: &str) -> Result<bool> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => {
            let why = format!("expected a boolean, got {}", kind(other));
            Err(Error::new(Code::InvalidField, why).pointer(format!("/{key}")))
        }
    }
}

/// A whole number of at least 0; 0 when it is not there.
fn whole_number(object: &Map<String, Value>, key: &str) -> Result<usize> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(0),
        Some(value) => {
            let why = || Error::new(Code::InvalidField, "expected a whole number of at least 0").pointer(format!("/{key}"));
            Ok(usize::try_from(value.as_u64().ok_or_else(why)?).unwrap_or(usize::MAX))
        }
    }
}

fn known_keys(object: &Map<String, Value>, parent: &str, known: &[&str]) -> Result<()> {
    let Some(unknown) = object.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
    let shown: String = unknown.chars().take(60).collect();
    let nearest = known.iter().map(|name| (strsim::osa_distance(&name.to_lowercase(), &shown.to_lowercase()), name)).min();
    let hint = match nearest {
        Some((distance, name)) if distance <= 3 => format!("did you mean {name:?}?"),
        _ => format!("known are {}", known.join(", ")),
    };
    let pointer = format!("{parent}/{}", shown.replace('~', "~0").replace('/', "~1"));
    Err(Error::new(Code::UnknownField, format!("the field {shown:?} is not known; {hint}")).pointer(pointer))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_bad_field_is_named_by_its_pointer() {
        let details = json!({ "owner": "O", "email": "o@example.com" });
        let cases = [
            (json!([]), Code::InvalidField, ""),
            (json!({ "storeDetails": details }), Code::MissingField, "/username"),
            (json!({ "username": 5, "storeDetails": details }), Code::InvalidField, "/username"),
            (json!({ "username": "a" }), Code::MissingField, "/storeDetails"),
            (json!({ "username": "a", "storeDetails": 1 }), Code::InvalidField, "/storeDetails"),
            (json!({ "username": "a", "storeDetails": { "owner": "O" } }), Code::MissingField, "/storeDetails/email"),
            (
                json!({ "username": "a", "storeDetails": { "owner": " ", "email": "o@example.com" } }),
                Code::InvalidField,
                "/storeDetails/owner",
            ),
            (
                json!({ "username": "a", "storeDetails": { "owner": "a\u{7}", "email": "o@example.com" } }),
                Code::InvalidField,
                "/storeDetails/owner",
            ),
            (
                json!({ "username": "a", "storeDetails": { "owner": "O", "email": "o" } }),
                Code::InvalidEmail,
                "/storeDetails/email",
            ),
            (json!({ "username": "a", "domian": "a.com", "storeDetails": details }), Code::UnknownField, "/domian"),
            (
                json!({ "username": "a", "storeDetails": { "owner": "O", "email": "o@example.com", "role": "admin" } }),
                Code::UnknownField,
                "/storeDetails/role",
            ),
            (json!({ "username": "a", "domain": "*.a.com", "storeDetails": details }), Code::InvalidDomain, "/domain"),
            (json!({ "username": "A", "storeDetails": details }), Code::InvalidUsername, "/username"),
            (
                json!({ "username": "a", "domain": "a.com", "domain_strategy": "dns", "storeDetails": details }),
                Code::InvalidField,
                "/domain_strategy",
            ),
            (
                json!({ "username": "a", "domain": "a.com", "apex_flattening": "yes", "storeDetails": details }),
                Code::InvalidField,
                "/apex_flattening",
            ),
            (
                json!({ "username": "a", "domain_strategy": "zone", "storeDetails": details }),
                Code::InvalidField,
                "/domain_strategy",
            ),
            (
                json!({ "username": "a", "apex_flattening": true, "storeDetails": details }),
                Code::InvalidField,
                "/apex_flattening",
            ),
        ];
        for (body, code, pointer) in cases {
            let error = CreateStoreRequest::from_json(&body).expect_err(&body.to_string());
            assert_eq!((error.code(), error.pointer_str()), (code, Some(pointer)), "{body}");
        }
    }

    #[test]
    fn the_strategy_and_what_the_dns_host_can_do_are_read() {
        let details = json!({ "owner": "O", "email": "o@example.com" });
        let body = json!({ "username": "a", "domain": "a.com", "domain_strategy": "custom_hostname", "apex_flattening": true,
            "storeDetails": details });
        let request = CreateStoreRequest::from_json(&body).unwrap();
        assert_eq!((request.domain_strategy, request.apex_flattening), (Some(DomainStrategy::CustomHostname), true));
        let plain = json!({ "username": "a", "domain": "a.com", "domain_strategy": null, "storeDetails": details });
        let request = CreateStoreRequest::from_json(&plain).unwrap();
        assert_eq!((request.domain_strategy, request.apex_flattening), (None, false));
        let text = serde_json::to_string(&request).unwrap();
        assert!(!text.contains("strategy") && !text.contains("apex"), "a key of before names the same request: {text}");
    }

    #[test]
    fn a_misspelt_field_gets_a_hint() {
        let error = CreateStoreRequest::from_json(&json!({ "usernmae": "a" })).unwrap_err();
        assert!(error.message().contains("did you mean \"username\"?"), "{error}");
    }
}
