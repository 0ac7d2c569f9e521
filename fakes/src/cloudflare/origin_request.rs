//! Types of the `originRequest` keys cloudflared knows (`config.OriginRequestConfig`); other keys are kept unread.

use serde_json::Value;

use super::ingress::undecodable;

const DURATIONS: &[&str] = &["connectTimeout", "keepAliveTimeout", "tcpKeepAlive", "tlsTimeout"];
const NUMBERS: &[&str] = &["keepAliveConnections", "proxyPort"];
const SWITCHES: &[&str] =
    &["bastionMode", "disableChunkedEncoding", "http2Origin", "matchSNItoHost", "noHappyEyeballs", "noTLSVerify"];
const TEXTS: &[&str] = &["caPool", "httpHostHeader", "originServerName", "proxyAddress", "proxyType"];

/// Checks a document's or a rule's `originRequest`. Durations are whole seconds: `"30s"` and `0.5` are refused.
///
/// # Errors
/// The text after "Bad Configuration: ".
pub(super) fn check(request: Option<&Value>) -> Result<(), String> {
    let fields = match request {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(undecodable("originRequest", "config.OriginRequestConfig")),
    };
    for (key, value) in fields {
        let name = key.as_str();
        let wanted = if DURATIONS.contains(&name) {
            (!value.is_i64() && !value.is_u64()).then_some("config.CustomDuration")
        } else if NUMBERS.contains(&name) {
            (!value.is_u64()).then_some("uint")
        } else if SWITCHES.contains(&name) {
            (!value.is_boolean()).then_some("bool")
        } else if TEXTS.contains(&name) {
            (!value.is_string()).then_some("string")
        } else {
            None
        };
        if let Some(wanted) = wanted.filter(|_| !value.is_null()) {
            return Err(undecodable(&format!("originRequest.{key}"), wanted));
        }
    }
    Ok(())
}
