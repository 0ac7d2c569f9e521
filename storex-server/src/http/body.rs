//! Request bodies: declared as JSON, at most 256 KiB, complete within ten seconds, no key twice.

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;
use storex_core::{Code, Error, Result, force_from_json};

/// Most that a body may hold, in bytes.
const LIMIT: usize = 256 * 1024;
/// Most that is read of a body that holds too much, so that its sender gets to see the answer instead of a reset connection.
const PATIENCE: usize = 4 * LIMIT;
/// Longest time a body may take.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// The JSON document of a request.
///
/// # Errors
/// `unsupported_media_type`, `body_too_large`; `invalid_json` also for a body that breaks off or does not arrive in time; `invalid_field` for a key
/// that appears twice in one object: of two readers one would believe the first and the other the last.
pub(super) async fn json(request: Request) -> Result<Value> {
    if !is_json(request.headers()) {
        return Err(undeclared());
    }
    parse(&in_time(request.into_body()).await?)
}

/// The JSON document of a request that may have none: then nothing needs to be declared.
///
/// # Errors
/// As [`json`].
pub(super) async fn optional_json(request: Request) -> Result<Option<Value>> {
    let declared = is_json(request.headers());
    let bytes = in_time(request.into_body()).await?;
    match (bytes.is_empty(), declared) {
        (true, _) => Ok(None),
        (false, true) => parse(&bytes).map(Some),
        (false, false) => Err(undeclared()),
    }
}

/// Whether a request says `{"force": true}`; one without a body does not, and null counts as not there.
///
/// # Errors
/// As [`json`]; `unknown_field` and `invalid_field` with the pointer for any other document.
pub(super) async fn force(request: Request) -> Result<bool> {
    optional_json(request).await?.as_ref().map(force_from_json).transpose().map(Option::unwrap_or_default)
}

fn undeclared() -> Error {
    Error::new(Code::UnsupportedMediaType, "the body is not declared as application/json")
}

async fn in_time(body: Body) -> Result<Vec<u8>> {
    let bytes = tokio::time::timeout(READ_LIMIT, read(body)).await;
    bytes.map_err(|_| Error::new(Code::InvalidJson, "the body did not arrive within 10 seconds"))?
}

fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

async fn read(mut body: Body) -> Result<Vec<u8>> {
    let too_large = || Error::new(Code::BodyTooLarge, "the body is larger than 256 KiB");
    if body.size_hint().lower() > u64::try_from(PATIENCE).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::new(Code::InvalidJson, "the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > PATIENCE {
            return Err(too_large());
        }
        if length <= LIMIT {
            bytes.extend_from_slice(&data);
        }
    }
    if length > LIMIT { Err(too_large()) } else { Ok(bytes) }
}

fn parse(bytes: &[u8]) -> Result<Value> {
    let refuse = |error: serde_json::Error| Error::new(Code::InvalidJson, format!("the body is not valid JSON: {error}"));
    let mut twice = None;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Document { pointer: String::new(), twice: &mut twice }.deserialize(&mut reader).map_err(refuse)?;
    reader.end().map_err(refuse)?;
    match twice {
        Some(pointer) => Err(Error::new(Code::InvalidField, "the field appears twice").pointer(pointer)),
        None => Ok(value),
    }
}

/// Reads a value and notes the first key that appears twice in one object. serde_json bounds the depth of what it reads to 128.
struct Document<'a> {
    pointer: String,
    twice: &'a mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) =
            list.next_element_seed(Document { pointer: format!("{}/{}", self.pointer, values.len()), twice: self.twice })?
        {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            let pointer = format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1"));
            if fields.contains_key(&key) {
                self.twice.get_or_insert_with(|| pointer.clone());
            }
            let value = object.next_value_seed(Document { pointer, twice: self.twice })?;
            fields.insert(key, value);
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_as_they_are_written() {
        let text = r#"{"b":[1,-2,2.5,true,null,"ä\n"],"a":{"x":{}}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn a_key_that_appears_twice_is_named_by_its_pointer_wherever_it_is() {
        let cases = [
            (r#"{"a":1,"a":1}"#, "/a"),
            (r#"{"s":{"a":1,"b":2,"a":3}}"#, "/s/a"),
            (r#"{"l":[{},{"x/y":1,"x/y":2}]}"#, "/l/1/x~1y"),
            (r#"{"a":1,"\u0061":2}"#, "/a"),
        ];
        for (text, pointer) in cases {
            let error = parse(text.as_bytes()).expect_err(text);
            assert_eq!((error.code(), error.pointer_str()), (Code::InvalidField, Some(pointer)), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_json_document_is_refused() {
        let deep = "[".repeat(100_000);
        for bad in ["", "{", "{}{}", "{} x", "nul", "{'a':1}", "\u{feff}{}", "{\"a\":1e999}", "\"\\ud800\"", deep.as_str()] {
            let error = parse(bad.as_bytes()).expect_err("refused");
            assert_eq!(error.code(), Code::InvalidJson);
        }
        assert_eq!(parse(b"\"\xff\"").unwrap_err().code(), Code::InvalidJson);
    }
}
