//! JSON objects as Go decodes them (`encoding/json`): keys without regard to case, `null` as absent, a wrong type refused.

use super::{Invalid, Stricter};
use serde_json::{Map, Value};

/// An object's fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'v>(Option<&'v Map<String, Value>>);

impl<'v> Fields<'v> {
    /// The fields of an object; none of an absent one.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn of(value: Option<&'v Value>, what: &str) -> Result<Self, Invalid> {
        match value {
            None | Some(Value::Null) => Ok(Self(None)),
            Some(Value::Object(fields)) => Ok(Self(Some(fields))),
            Some(_) => Err(wrong(what, "an object")),
        }
    }

    /// The field of this name.
    pub(super) fn get(self, name: &str) -> Option<&'v Value> {
        let same = |(key, value): (&'v String, &'v Value)| (key.eq_ignore_ascii_case(name) && !value.is_null()).then_some(value);
        self.0?.iter().filter_map(same).next_back()
    }

    /// A text; empty when absent.
    pub(super) fn text(self, name: &str) -> Result<&'v str, Invalid> {
        match self.get(name) {
            None => Ok(""),
            Some(value) => value.as_str().ok_or_else(|| wrong(name, "a text")),
        }
    }

    /// Yes or no, when present.
    pub(super) fn flag(self, name: &str) -> Result<Option<bool>, Invalid> {
        self.get(name).map(|value| value.as_bool().ok_or_else(|| wrong(name, "true or false"))).transpose()
    }

    /// A whole number, when present.
    pub(super) fn whole(self, name: &str) -> Result<Option<i64>, Invalid> {
        self.get(name).map(|value| value.as_i64().ok_or_else(|| wrong(name, "a whole number"))).transpose()
    }

    /// A list; empty when absent.
    pub(super) fn list(self, name: &str) -> Result<&'v [Value], Invalid> {
        match self.get(name) {
            None => Ok(&[]),
            Some(value) => value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(name, "a list")),
        }
    }

    /// Refuses keys that Go takes for one.
    pub(super) fn repeated(self) -> Option<(Stricter, String)> {
        let fields = self.0?;
        let mut keys: Vec<String> = fields.keys().map(|key| key.to_ascii_lowercase()).collect();
        keys.sort_unstable();
        let (key, _) = keys.iter().zip(keys.iter().skip(1)).find(|(key, next)| key == next)?;
        Some((Stricter::RepeatedKey, format!("the key {key} twice")))
    }
}

/// A value of a type cloudflared cannot decode; its own text names Go types.
pub(super) fn wrong(what: &str, wanted: &str) -> Invalid {
    Invalid::by_cloudflared(format!("json: cannot unmarshal {what}: it must be {wanted}"))
}
