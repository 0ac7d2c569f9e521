//! What crosses the wire between controller and agent: one request body, one query, and problem documents (RFC 9457).
//!
//! Bodies are read key by key, so that a refusal names the offending key by JSON pointer.

mod fields;
mod problem;

pub(crate) use problem::{Problem, problem_of};

use fields::Fields;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use storex_core::{Code, Deployed, EffectCx, Epoch, Error, Mark, Part, PartFacts, Result, StoreId, StorePackage};

/// Where the package stands in the body of a deployment.
pub(crate) const PACKAGE: &str = "/store_deployment";

/// Body of `POST /v1/deployments` as it is sent.
#[derive(Serialize)]
pub(crate) struct SentDeployment<'a> {
    pub(crate) store_deployment: &'a StorePackage,
    pub(crate) apply: &'a [Part],
    pub(crate) mark: &'a Mark,
    pub(crate) epoch: Epoch,
    pub(crate) deadline: Timestamp,
}

/// Body of `POST /v1/deployments` as it was received.
pub(crate) struct Deployment {
    pub(crate) package: StorePackage,
    /// What to apply: at least one part, in the order in which parts are made.
    pub(crate) parts: Vec<Part>,
    pub(crate) cx: EffectCx,
}

/// Answer of `POST /v1/deployments`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Applied {
    pub(crate) status: String,
    pub(crate) store_id: StoreId,
    pub(crate) parts: BTreeMap<Part, PartFacts>,
}

/// Answer of `GET /v1/deployments`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) status: String,
    pub(crate) deployments: Vec<Deployed>,
}

/// Answer of `GET /v1/deployments/{id}/logs`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Lines {
    pub(crate) lines: Vec<String>,
}

/// What `status` says in every answer that is no problem.
pub(crate) const SUCCESS: &str = "success";

impl Deployment {
    /// Reads the body.
    ///
    /// # Errors
    /// `invalid_json`, `unknown_field`, `missing_field`, `invalid_field` with a pointer.
    pub(crate) fn parse(body: &[u8]) -> Result<Self> {
        let value = serde_json::from_slice(body)
            .map_err(|error| Error::new(Code::InvalidJson, format!("the body is not valid JSON: {error}")))?;
        let mut fields = Fields::of(value, "")?;
        let package = package(fields.take_any("store_deployment")?)?;
        let mut parts: Vec<Part> = fields.take("apply")?;
        let cx = EffectCx { mark: fields.take("mark")?, epoch: fields.take("epoch")?, deadline: fields.take("deadline")? };
        fields.end()?;
        parts.sort_unstable();
        parts.dedup();
        if parts.is_empty() {
            return Err(Error::new(Code::InvalidField, "nothing is asked to be applied").pointer("/apply"));
        }
        Ok(Self { package, parts, cx })
    }
}

fn package(value: Value) -> Result<StorePackage> {
    let mut fields = Fields::of(value, PACKAGE)?;
    let mut links = Fields::of(fields.take_any("symlinks")?, "/store_deployment/symlinks")?;
    let package = StorePackage {
        store_id: fields.take("store_id")?,
        directory: fields.take("directory")?,
        environment: fields.take("environment")?,
        symlinks: storex_core::Symlinks {
            core_components: links.take("core_components")?,
            static_assets: links.take("static_assets")?,
        },
    };
    links.end()?;
    fields.end()?;
    Ok(package)
}

/// Query of `DELETE /v1/deployments/{id}`.
pub(crate) struct Withdrawal {
    /// What to withdraw, in the reverse of the order in which parts are made.
    pub(crate) parts: Vec<Part>,
    pub(crate) cx: EffectCx,
}

impl Withdrawal {
    /// Reads the query: `parts` (all when left out, separated by commas), `mark`, `epoch`, `deadline`.
    ///
    /// # Errors
    /// `unknown_field`, `missing_field`, `invalid_field` with the parameter's name as pointer.
    pub(crate) fn parse(query: Vec<(String, String)>) -> Result<Self> {
        let mut fields = Fields::of(Value::Object(text_fields(query)), "")?;
        let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
        let mut parts = Part::ALL.to_vec();
        if let Ok(named) = fields.take_any("parts") {
            let words = text(named).split(',').map(|word| Value::from(word.trim())).collect();
            let mut wrapped = Fields::of(Value::Object(Map::from_iter([("parts".to_owned(), Value::Array(words))])), "")?;
            parts = wrapped.take("parts")?;
        }
        parts.sort_unstable();
        parts.dedup();
        parts.reverse();
        let epoch = text(fields.take_any("epoch")?);
        let epoch =
            epoch.parse().map_err(|_| Error::new(Code::InvalidField, format!("{epoch:?} is no epoch")).pointer("/epoch"))?;
        let cx = EffectCx { mark: fields.take("mark")?, epoch: Epoch(epoch), deadline: fields.take("deadline")? };
        fields.end()?;
        Ok(Self { parts, cx })
    }
}

/// The named parameters of a query, each as text; the last one counts when a name comes twice.
pub(crate) fn text_fields(query: Vec<(String, String)>) -> Map<String, Value> {
    query.into_iter().map(|(key, value)| (key, Value::from(value))).collect()
}

/// Reads exactly these text parameters of a query.
///
/// # Errors
/// `unknown_field`, `missing_field`.
pub(crate) fn texts<const N: usize>(query: Vec<(String, String)>, keys: [&str; N]) -> Result<[String; N]> {
    let mut fields = Fields::of(Value::Object(text_fields(query)), "")?;
    let mut found = [const { String::new() }; N];
    for (slot, key) in found.iter_mut().zip(keys) {
        *slot = fields.take(key)?;
    }
    fields.end()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body() -> Value {
        json!({
            "store_deployment": {
                "store_id": "oceanbreeze-12345",
                "directory": "/stores/oceanbreeze",
                "environment": {
                    "PORT": 4001, "NODE_ENV": "production", "DB_NAME": "store_oceanbreeze", "DOMAIN": "oceanbreezestore.com",
                    "INTERNAL_DOMAIN": "oceanbreeze.storex.com",
                },
                "symlinks": { "core_components": ["models", "middleware", "utils"], "static_assets": ["public", "templates"] },
            },
            "apply": ["route", "files"],
            "mark": "storex/1 i=0a1b2c3d s=12345 e=0192f0c1.4f",
            "epoch": 3,
            "deadline": "2026-01-01T00:00:00Z",
        })
    }

    fn parse(body: &Value) -> Result<Deployment> {
        Deployment::parse(body.to_string().as_bytes())
    }

    #[test]
    fn the_specifications_package_is_read_and_its_parts_come_in_order() {
        let read = parse(&body()).unwrap();
        assert_eq!(read.parts, [Part::Files, Part::Route]);
        assert_eq!(serde_json::to_value(&read.package).unwrap(), body()["store_deployment"]);
        let sent = SentDeployment {
            store_deployment: &read.package,
            apply: &read.parts,
            mark: &read.cx.mark,
            epoch: read.cx.epoch,
            deadline: read.cx.deadline,
        };
        let again = parse(&serde_json::to_value(sent).unwrap()).unwrap();
        assert_eq!((again.package, again.parts, again.cx.mark), (read.package, read.parts, read.cx.mark));
    }

    #[test]
    fn every_bad_field_is_refused_by_its_pointer() {
        let cases = [
            ("", json!([]), Code::InvalidField, ""),
            ("/apply", json!(["files", "database"]), Code::InvalidField, "/apply"),
            ("/apply", json!([]), Code::InvalidField, "/apply"),
            ("/mark", json!("mine"), Code::InvalidField, "/mark"),
            ("/epoch", json!(-1), Code::InvalidField, "/epoch"),
            ("/deadline", json!("tomorrow"), Code::InvalidField, "/deadline"),
            ("/store_deployment", json!(7), Code::InvalidField, "/store_deployment"),
            ("/store_deployment/store_id", json!("../x-12345"), Code::InvalidField, "/store_deployment/store_id"),
            ("/store_deployment/environment", json!([]), Code::InvalidField, "/store_deployment/environment"),
            (
                "/store_deployment/symlinks/core_components",
                json!("models"),
                Code::InvalidField,
                "/store_deployment/symlinks/core_components",
            ),
        ];
        for (at, value, code, pointer) in cases {
            let mut bad = body();
            *bad.pointer_mut(at).unwrap() = value;
            let error = parse(&bad).err().expect(at);
            assert_eq!((error.code(), error.pointer_str()), (code, Some(pointer)), "{at}");
        }
    }

    #[test]
    fn unknown_and_missing_keys_are_named_at_every_level() {
        for level in ["", "/store_deployment", "/store_deployment/symlinks"] {
            let mut bad = body();
            bad.pointer_mut(level).unwrap().as_object_mut().unwrap().insert("a/b".to_owned(), json!(1));
            let error = parse(&bad).err().expect(level);
            assert_eq!((error.code(), error.pointer_str()), (Code::UnknownField, Some(format!("{level}/a~1b").as_str())));
            let keys: Vec<String> = body().pointer(level).unwrap().as_object().unwrap().keys().cloned().collect();
            for key in keys {
                let mut bad = body();
                bad.pointer_mut(level).unwrap().as_object_mut().unwrap().shift_remove(&key);
                let error = parse(&bad).err().expect(&key);
                assert_eq!((error.code(), error.pointer_str()), (Code::MissingField, Some(format!("{level}/{key}").as_str())));
            }
        }
        assert_eq!(Deployment::parse(b"{").err().unwrap().code(), Code::InvalidJson);
    }

    #[test]
    fn a_withdrawal_runs_backwards_and_means_everything_unless_it_says_what() {
        let query = |parts: Option<&str>| {
            let fixed = [("mark", "storex/1 i=0a1b2c3d s=12345 e=a"), ("epoch", "7"), ("deadline", "2026-01-01T00:00:00Z")];
            let all = fixed.into_iter().chain(parts.map(|parts| ("parts", parts)));
            all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<Vec<_>>()
        };
        let all = Withdrawal::parse(query(None)).unwrap();
        assert_eq!(all.parts, [Part::Route, Part::Process, Part::Environment, Part::Files]);
        assert_eq!(all.cx.epoch, Epoch(7));
        assert_eq!(Withdrawal::parse(query(Some("files,route"))).unwrap().parts, [Part::Route, Part::Files]);
        for (bad, pointer) in [(query(Some("")), "/parts"), (query(Some("zone")), "/parts"), (query(None)[1..].to_vec(), "/mark")]
        {
            assert_eq!(Withdrawal::parse(bad).err().unwrap().pointer_str(), Some(pointer));
        }
    }
}
