//! JSON as text: what documents and journaled values are made of.

use crate::{Code, Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;

/// A JSON value as text. Written into a document it is copied, not walked, and a clone shares the text; an engine that saves the same values
/// again and again spends most of its time otherwise.
///
/// ```
/// use storex_core::Json;
///
/// let ports = Json::of(&[4001, 4002])?;
/// assert_eq!(ports.as_str(), "[4001,4002]");
/// assert_eq!(ports.read::<Vec<u16>>()?, [4001, 4002]);
/// assert_eq!(ports, serde_json::json!([4001, 4002]));
/// # Ok::<(), storex_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// The value as JSON.
    ///
    /// # Errors
    /// `internal` when it has no JSON form.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let text = serde_json::value::to_raw_value(value)
            .map_err(|error| Error::new(Code::Internal, format!("a value has no JSON form: {error}")))?;
        Ok(Self(text.into()))
    }

    /// Reads the value.
    ///
    /// # Errors
    /// `corrupt` when it is something else.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.0.get())
            .map_err(|error| Error::new(Code::Corrupt, format!("a stored value cannot be read: {error}")))
    }

    /// The value as a tree; `null` when it nests deeper than a reader follows.
    pub fn value(&self) -> Value {
        self.read().unwrap_or_default()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// How many levels of lists and objects it nests.
    pub fn depth(&self) -> usize {
        let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
        for byte in self.as_str().bytes() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'[' | b'{' if !quoted => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        deepest
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self::of(&value).unwrap_or_else(|_| Self(RawValue::NULL.to_owned().into()))
    }
}

/// Equal as values: a store of documents may spell a value in another way.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str() || self.value() == other.value()
    }
}

impl PartialEq<Value> for Json {
    fn eq(&self, other: &Value) -> bool {
        self.value() == *other
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::<RawValue>::deserialize(deserializer)?.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn depth_counts_levels_and_ignores_brackets_in_text() {
        for (value, depth) in [(json!(1), 0), (json!([[1], {"a": [2]}]), 3), (json!({"[{\"": "]}\\"}), 1)] {
            assert_eq!(Json::from(value).depth(), depth);
        }
    }

    #[test]
    fn a_value_spelled_differently_is_the_same_value() {
        let spaced: Json = serde_json::from_str(r#"{ "a": 1.0e0, "b": "\u0061" }"#).unwrap();
        assert_eq!(spaced, Json::from(json!({"a": 1.0, "b": "a"})));
        assert_ne!(spaced, Json::from(json!({"a": 2.0, "b": "a"})));
    }
}
