//! The share of a package that one part is made from. Equal shares make equal parts.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use storex_core::{Code, Error, Hostname, Part, Port, Result, StorePackage, Symlinks};

/// What one part of a store is made from.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Share {
    /// The directory.
    Files { directory: String, symlinks: Symlinks },
    /// The environment file.
    Environment { environment: BTreeMap<String, Value> },
    /// The process: where it listens, and the digests of the files and the environment it runs with.
    Process { port: Port, node_env: String, files: String, environment: String },
    /// The routes.
    Route { rows: BTreeMap<Hostname, Port> },
}

impl Share {
    /// The share of this part.
    ///
    /// # Errors
    /// `invalid_field`, `missing_field` with a pointer into the package.
    pub(crate) fn of(package: &StorePackage, part: Part) -> Result<Self> {
        Ok(match part {
            Part::Files => Self::Files { directory: package.directory.clone(), symlinks: package.symlinks.clone() },
            Part::Environment => Self::Environment { environment: package.environment.clone() },
            Part::Process => Self::Process {
                port: port(package)?,
                node_env: node_env(package)?,
                files: Self::of(package, Part::Files)?.digest(),
                environment: Self::of(package, Part::Environment)?.digest(),
            },
            Part::Route => Self::Route { rows: rows(package)? },
        })
    }

    /// Digest of the share, equal for equal shares.
    pub(crate) fn digest(&self) -> String {
        // Maps are sorted, so equal shares have one spelling. Text and numbers always serialise.
        let text = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&text).to_hex().to_string()
    }
}

fn pointer(key: &str) -> String {
    format!("/environment/{key}")
}

fn port(package: &StorePackage) -> Result<Port> {
    let refuse = |why: &str| Error::new(Code::InvalidField, format!("PORT {why}")).pointer(pointer("PORT"));
    let value = package.environment.get("PORT");
    let value = value.ok_or_else(|| Error::new(Code::MissingField, "the environment has no PORT").pointer(pointer("PORT")))?;
    let number = value.as_u64().and_then(|number| u16::try_from(number).ok()).ok_or_else(|| refuse("is no port number"))?;
    Port::try_from(number).map_err(|error| refuse(error.message()))
}

fn text<'a>(package: &'a StorePackage, key: &str) -> Result<Option<&'a str>> {
    match package.environment.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::new(Code::InvalidField, format!("{key} is no text")).pointer(pointer(key))),
    }
}

fn node_env(package: &StorePackage) -> Result<String> {
    Ok(text(package, "NODE_ENV")?.unwrap_or("production").to_owned())
}

fn rows(package: &StorePackage) -> Result<BTreeMap<Hostname, Port>> {
    let port = port(package)?;
    let name = |key: &str| -> Result<Option<Hostname>> {
        let name = text(package, key)?.map(str::parse).transpose();
        name.map_err(|error: Error| error.pointer(pointer(key)))
    };
    let internal = name("INTERNAL_DOMAIN")?;
    let internal = internal
        .ok_or_else(|| Error::new(Code::MissingField, "a route needs INTERNAL_DOMAIN").pointer(pointer("INTERNAL_DOMAIN")))?;
    Ok([Some(internal), name("DOMAIN")?].into_iter().flatten().map(|name| (name, port)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package(environment: &Value) -> StorePackage {
        serde_json::from_value(json!({
            "store_id": "ocean-12345", "directory": "/stores/ocean", "environment": environment,
            "symlinks": { "core_components": ["models"], "static_assets": [] },
        }))
        .unwrap()
    }

    #[test]
    fn what_cannot_be_routed_or_listened_on_is_refused_with_a_pointer() {
        for (environment, wanted) in [
            (json!({}), "/environment/PORT"),
            (json!({ "PORT": "4001" }), "/environment/PORT"),
            (json!({ "PORT": 80 }), "/environment/PORT"),
            (json!({ "PORT": 70_000 }), "/environment/PORT"),
            (json!({ "PORT": -1 }), "/environment/PORT"),
            (json!({ "PORT": 4001 }), "/environment/INTERNAL_DOMAIN"),
            (json!({ "PORT": 4001, "INTERNAL_DOMAIN": "a;b" }), "/environment/INTERNAL_DOMAIN"),
            (json!({ "PORT": 4001, "INTERNAL_DOMAIN": 7 }), "/environment/INTERNAL_DOMAIN"),
            (json!({ "PORT": 4001, "INTERNAL_DOMAIN": "a.storex.com", "DOMAIN": "*.b.com" }), "/environment/DOMAIN"),
        ] {
            let error = Share::of(&package(&environment), Part::Route).err().expect("refused");
            assert_eq!(error.pointer_str(), Some(wanted), "{environment}");
        }
    }

    #[test]
    fn a_share_survives_the_ledger_file_with_its_digest() {
        let package =
            package(&json!({ "PORT": 4001, "INTERNAL_DOMAIN": "a.storex.com", "DOMAIN": "B.com", "X": true, "Y": "é" }));
        for part in Part::ALL {
            let share = Share::of(&package, part).unwrap();
            let back: Share = serde_json::from_slice(&serde_json::to_vec(&share).unwrap()).unwrap();
            assert!(back == share && back.digest() == share.digest(), "{part}");
        }
    }

    #[test]
    fn a_changed_environment_changes_the_process_and_not_the_files() {
        let one = package(&json!({ "PORT": 4001, "INTERNAL_DOMAIN": "a.storex.com", "X": 1 }));
        let two = package(&json!({ "PORT": 4001, "INTERNAL_DOMAIN": "a.storex.com", "X": 2 }));
        let same = |part| Share::of(&one, part).unwrap().digest() == Share::of(&two, part).unwrap().digest();
        assert_eq!(Part::ALL.map(same), [true, false, false, true]);
    }
}
