//! The envelope around every answer: `{success, errors, messages, result, result_info}`.
//!
//! Source: Cloudflare API reference, "Responses". Codes in `messages` are remarks, not errors: a successful token check carries 10000 there
//! (putyourlightson/craft-cloudflare issue 88), so only `success` and `errors` are looked at.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// One error of an answer: an object, or at worst a text alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// Cloudflare's number; 0 when it gave none.
    pub(crate) code: i64,
    /// Cloudflare's text.
    pub(crate) message: String,
    /// Errors below it.
    pub(crate) error_chain: Vec<Self>,
}

/// Errors deeper in a chain than this are not looked at.
const DEEPEST: u32 = 8;

impl ApiError {
    /// Reads an error, whatever it looks like: what is not there is empty.
    fn read(value: &Value, depth: u32) -> Self {
        let Value::Object(fields) = value else {
            return Self { message: text(Some(value)), ..Self::default() };
        };
        let chain = fields.get("error_chain").filter(|_| depth < DEEPEST);
        Self {
            code: fields.get("code").and_then(number).unwrap_or_default(),
            message: text(fields.get("message")),
            error_chain: Self::read_all(chain, depth + 1),
        }
    }

    /// Reads a list of errors, or one that stands where the list should be.
    fn read_all(value: Option<&Value>, depth: u32) -> Vec<Self> {
        match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(errors)) => errors.iter().map(|error| Self::read(error, depth)).collect(),
            Some(one) => vec![Self::read(one, depth)],
        }
    }
}

/// Where a page lies in its list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResultInfo {
    /// Items on this page.
    pub(crate) count: Option<u64>,
    /// Items on all pages.
    pub(crate) total_count: Option<u64>,
    /// Pages.
    pub(crate) total_pages: Option<u64>,
    /// Present on lists that are read from cursor to cursor: the next one, empty on the last page.
    pub(crate) cursor: Option<String>,
}

impl ResultInfo {
    fn read(value: &Value) -> Self {
        let count = |key: &str| value.get(key).and_then(number).and_then(|number| u64::try_from(number).ok());
        let next = |cursors: &Value| text(cursors.get("after"));
        // Source: cloudflare-typescript src/core/pagination.ts, CursorPagination and CursorPaginationAfter.
        let cursor = value.get("cursors").map(next).or_else(|| value.get("cursor").map(|cursor| text(Some(cursor))));
        Self { count: count("count"), total_count: count("total_count"), total_pages: count("total_pages"), cursor }
    }
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

/// Reads the body of an answer with this HTTP status. A 2xx body without envelope is a bare result, as some removals answer; one without anything is no
/// result.
pub(crate) fn read<T: DeserializeOwned>(status: u16, body: &[u8]) -> Reading<T> {
    let good = (200..300).contains(&status);
    if good && body.trim_ascii().is_empty() {
        return decoded(Value::Null, None);
    }
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        return Reading::Unreadable("is no JSON object");
    };
    // A bare answer keeps its errors: those of GraphQL come under a status of success.
    let errors = ApiError::read_all(fields.get("errors"), 0);
    match fields.get("success").and_then(Value::as_bool) {
        Some(true) if good => {
            let result = fields.remove("result").unwrap_or_default();
            let info = fields.remove("result_info").filter(Value::is_object).map(|info| ResultInfo::read(&info));
            decoded(result, info)
        }
        Some(true) => Reading::Unreadable("claims success under an HTTP status of failure"),
        None if good => decoded(Value::Object(fields), None),
        None if errors.is_empty() => Reading::Unreadable("is no answer of the Cloudflare API"),
        Some(false) | None => Reading::Refused(errors),
    }
}

/// Reads an answer that is text where it succeeds, such as a zone file, and an answer like any other where it does not.
pub(crate) fn read_text<T: DeserializeOwned>(status: u16, body: &[u8]) -> Reading<T> {
    match std::str::from_utf8(body) {
        Ok(text) if (200..300).contains(&status) && !text.trim_start().starts_with('{') => {
            decoded(Value::String(text.to_owned()), None)
        }
        _ => read(status, body),
    }
}

fn decoded<T: DeserializeOwned>(result: Value, info: Option<ResultInfo>) -> Reading<T> {
    match serde_json::from_value(result) {
        Ok(result) => Reading::Success(Answer { result, info }),
        Err(_) => Reading::Unreadable("has a result of another shape"),
    }
}

/// A number, or text that is one: cloudflared reads codes both ways (`cfapi/base_client.go`).
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Text, or nothing.
fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
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
    fn errors_of_any_shape_are_kept() {
        let errors = |errors: Value| match read_value::<Value>(400, &json!({"success": false, "errors": errors, "result": null}))
        {
            Reading::Refused(errors) => errors,
            other => panic!("a refusal, not {other:?}"),
        };
        let plain = |code, message: &str| ApiError { code, message: message.to_owned(), error_chain: Vec::new() };
        assert_eq!(
            errors(json!(["not now", {"code": 7, "message": "no"}, 5])),
            [plain(0, "not now"), plain(7, "no"), plain(0, "")]
        );
        assert_eq!(errors(json!({"code": "7", "message": "no"})), [plain(7, "no")]);
        assert_eq!((errors(json!(null)), errors(json!([]))), (Vec::new(), Vec::new()));
        let wide =
            errors(json!([{"code": 4_294_967_296_i64, "message": "a", "error_chain": [{"code": "9005", "message": "b"}]}]));
        assert_eq!(wide, [ApiError { error_chain: vec![plain(9005, "b")], ..plain(4_294_967_296, "a") }]);
    }

    #[test]
    fn no_body_is_no_result() {
        for body in ["", "  \r\n"] {
            assert!(matches!(read::<Option<WireRemoved>>(204, body.as_bytes()), Reading::Success(Answer { result: None, .. })));
            assert!(matches!(read::<WireZone>(200, body.as_bytes()), Reading::Unreadable(_)), "a zone has to be there");
            assert!(matches!(read::<Option<WireRemoved>>(502, body.as_bytes()), Reading::Unreadable(_)));
        }
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
