//! A JSON object read key by key.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use storex_core::{Code, Error, Result};

/// What is left of an object, and where in the document it stands.
pub(super) struct Fields {
    left: Map<String, Value>,
    pointer: String,
}

impl Fields {
    /// Begins reading an object.
    ///
    /// # Errors
    /// `invalid_field` when it is none.
    pub(super) fn of(value: Value, pointer: &str) -> Result<Self> {
        match value {
            Value::Object(left) => Ok(Self { left, pointer: pointer.to_owned() }),
            _ => Err(Error::new(Code::InvalidField, "an object is wanted here").pointer(pointer)),
        }
    }

    /// Pointer of a key of this object (RFC 6901).
    fn at(&self, key: &str) -> String {
        format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1"))
    }

    /// Takes a key.
    ///
    /// # Errors
    /// `missing_field`.
    pub(super) fn take_any(&mut self, key: &str) -> Result<Value> {
        let value = self.left.shift_remove(key);
        value.ok_or_else(|| Error::new(Code::MissingField, format!("{key} is missing")).pointer(self.at(key)))
    }

    /// Takes a key and parses it.
    ///
    /// # Errors
    /// `missing_field`, `invalid_field`.
    pub(super) fn take<T: DeserializeOwned>(&mut self, key: &str) -> Result<T> {
        let value = self.take_any(key)?;
        serde_json::from_value(value)
            .map_err(|error| Error::new(Code::InvalidField, format!("{key}: {error}")).pointer(self.at(key)))
    }

    /// Ends reading.
    ///
    /// # Errors
    /// `unknown_field` for the first key that nobody took.
    pub(super) fn end(self) -> Result<()> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(key) => {
                let shown: String = key.chars().take(60).collect();
                Err(Error::new(Code::UnknownField, format!("{shown:?} is not a known field here")).pointer(self.at(&shown)))
            }
        }
    }
}
