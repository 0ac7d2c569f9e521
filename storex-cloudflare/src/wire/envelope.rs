//! The envelope around every answer: `{success, errors, messages, result, result_info}`.
//!
//! Source: Cloudflare API reference, "Responses". Codes in `messages` are remarks, not errors: a successful token check carries 10000 there
//! (putyourlightson/craft-cloudflare issue 88), so only `success` and `errors` are looked at.

use super::or_default;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// One error of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct ApiError {
    /// Cloudflare's number; 0 when it gave none.
    #[serde(default, deserialize_with = "number")]
    pub(crate) code: i64,
    /// Cloudflare's text.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) message: String,
    /// Errors below it.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) error_chain: Vec<Self>,
}

/// Where a page lies in its list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct ResultInfo {
    /// Items on this page.
    pub(crate) count: Option<u64>,
    /// Items on all pages.
    pub(crate) total_count: Option<u64>,
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// The result.
    pub(crate) result: T,
    /// Present on lists.
    pub(crate) info: Option<ResultInfo>,
}

/// What an answer says.
#[derive(Debug)]
pub(crate) enum Reading<T> {
    /// It worked.
    Success(Answer<T>),
    /// It did not, for these reasons.
    Refused(Vec<ApiError>),
    /// It is no answer of the API, for this reason.
    Unreadable(&'static str),
}

/// Reads the body of an answer with this HTTP status. A 2xx body without envelope is a bare result, as some removals answer.
pub(crate) fn read<T: DeserializeOwned>(status: u16, body: &[u8]) -> Reading<T> {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        return Reading::Unreadable("is no JSON object");
    };
    let good = (200..300).contains(&status);
    let errors =
        fields.remove("errors").and_then(|errors| serde_json::from_value::<Vec<ApiError>>(errors).ok()).unwrap_or_default();
    match fields.get("success").and_then(Value::as_bool) {
        Some(true) if good => {
            let result = fields.remove("result").unwrap_or_default();
            let info = fields.remove("result_info").and_then(|info| serde_json::from_value(info).ok());
            decoded(result, info)
        }
        Some(true) => Reading::Unreadable("claims success under an HTTP status of failure"),
        None if good => decoded(Value::Object(fields), None),
        None if errors.is_empty() => Reading::Unreadable("is no answer of the Cloudflare API"),
        Some(false) | None => Reading::Refused(errors),
    }
}

fn decoded<T: DeserializeOwned>(result: Value, info: Option<ResultInfo>) -> Reading<T> {
    match serde_json::from_value(result) {
        Ok(result) => Reading::Success(Answer { result, info }),
        Err(_) => Reading::Unreadable("has a result of another shape"),
    }
}

/// A number, or text that is one: cloudflared reads codes both ways (`cfapi/base_client.go`). Anything else is 0.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_i64().unwrap_or_default(),
        Value::String(text) => text.trim().parse().unwrap_or_default(),
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{WireBatch, WireConfiguration, WireRecord, WireRemoved, WireToken, WireTunnel, WireZone};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read_value<T: DeserializeOwned>(status: u16, body: &Value) -> Reading<T> {
        read(status, body.to_string().as_bytes())
    }

    #[test]
    fn messages_may_be_text_or_objects_and_their_codes_are_no_errors() {
        for messages in [
            json!([]),
            json!(["ok"]),
            json!([{"code": 10000, "message": "This API Token is valid and active", "type": null}]),
            json!(null),
        ] {
            let body = json!({"success": true, "errors": [], "messages": messages, "result": {"id": "a", "status": "active"}});
            assert!(matches!(read_value::<WireToken>(200, &body), Reading::Success(_)), "{body}");
        }
    }

    #[test]
    fn codes_are_read_from_numbers_and_from_text_beyond_sixteen_bits() {
        let body = json!({"success": false, "errors": [{"code": 81_058, "message": "a"}, {"code": "81057"}, {"code": null, "message": null}], "result": null});
        let Reading::Refused(errors) = read_value::<Value>(400, &body) else { panic!("a refusal") };
        assert_eq!(errors.iter().map(|error| error.code).collect::<Vec<_>>(), [81_058, 81_057, 0]);
    }

    #[test]
    fn a_bare_result_is_read_where_its_shape_fits() {
        assert!(matches!(
            read_value::<Option<WireRemoved>>(200, &json!({"id": "a"})),
            Reading::Success(Answer { result: Some(_), .. })
        ));
        assert!(matches!(
            read_value::<Option<WireRemoved>>(200, &json!({"success": true, "result": null})),
            Reading::Success(Answer { result: None, .. })
        ));
        assert!(matches!(read_value::<Option<WireRemoved>>(200, &json!({"error": "no"})), Reading::Unreadable(_)));
        assert!(matches!(read_value::<Option<WireRemoved>>(502, &json!({"id": "a"})), Reading::Unreadable(_)));
    }

    #[test]
    fn success_under_a_status_of_failure_is_not_believed() {
        assert!(matches!(read_value::<Value>(500, &json!({"success": true, "result": 1})), Reading::Unreadable(_)));
        assert!(matches!(read_value::<Value>(200, &json!({"success": false, "errors": [], "result": 1})), Reading::Refused(_)));
        assert!(matches!(read::<Value>(502, b"<html>502 Bad Gateway</html>"), Reading::Unreadable(_)));
        assert!(matches!(read::<Value>(200, br#"{"success":true,"result":{"#), Reading::Unreadable(_)));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let key = prop_oneof![
                Just("success".to_owned()),
                Just("errors".to_owned()),
                Just("result".to_owned()),
                Just("result_info".to_owned()),
                Just("id".to_owned()),
                Just("status".to_owned()),
                Just("name".to_owned()),
                Just("code".to_owned()),
                Just("config".to_owned()),
                "[a-z]{1,4}",
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((key, inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_answer_whatsoever_makes_the_reader_panic(status in 100_u16..600, body in any_json(), cut in 0_usize..64) {
            let text = body.to_string();
            for bytes in [text.as_bytes(), text.as_bytes().get(..cut.min(text.len())).unwrap_or_default()] {
                let _ = (read::<WireZone>(status, bytes), read::<Vec<WireZone>>(status, bytes), read::<WireRecord>(status, bytes));
                let _ = (read::<WireBatch>(status, bytes), read::<WireTunnel>(status, bytes), read::<WireConfiguration>(status, bytes));
            }
        }

        #[test]
        fn an_unknown_word_for_a_status_is_kept(word in "[a-z_]{1,20}") {
            let zone = json!({"success": true, "result": {"id": "a", "name": "a-shop.com", "status": word, "name_servers": null, "from_next_year": {}}});
            let Reading::Success(answer) = read_value::<WireZone>(200, &zone) else { panic!("a zone") };
            let facts = answer.result.facts().expect("a zone");
            prop_assert_eq!(serde_json::to_value(&facts.status).unwrap().to_string().contains(word.as_str()), true);
        }
    }
}
