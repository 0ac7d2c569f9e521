//! The text of an environment file, such that `node --env-file` gives the process exactly the values meant.
//!
//! Node's grammar has no escape character: a quoted value is everything up to the next same quote, and only between double quotes the two
//! characters `\n` become a line break (nodejs.org, "Command-line API", `--env-file`; every rule here is held against a real Node by
//! `tests/files_node.rs`). A value is therefore written with the first kind of quote that cannot change it, and refused when there is none.

use serde_json::Value;
use std::collections::BTreeMap;
use storex_core::{Code, Error, Result};

/// Longest key, in bytes.
const KEY_MAX: usize = 64;

/// How much of a malformed key an error repeats, in characters.
const KEY_SHOWN: usize = 100;

/// Most bytes a file may have. Node reads it whole at every start; what comes near this is no configuration any more.
pub const FILE_MAX: usize = 256 * 1024;

/// First parts of names that steer Node, the dynamic linker, the C library, TLS or PM2 instead of the shop. Node obeys `NODE_OPTIONS` from
/// an environment file (seen with 20.6 and 20.20).
const RESERVED_PREFIXES: [&str; 9] = ["NODE_", "PM2_", "LD_", "DYLD_", "GLIBC_", "MALLOC_", "OPENSSL_", "UV_", "STOREX_"];

/// Whole names that do the same. `PROCESS_TITLE` is read by PM2's container from the environment file.
const RESERVED: [&str; 24] = [
    "BASH_ENV",
    "CDPATH",
    "ENV",
    "GCONV_PATH",
    "HOME",
    "HOSTALIASES",
    "IFS",
    "LANG",
    "LANGUAGE",
    "LOCALDOMAIN",
    "LOCPATH",
    "LOGNAME",
    "NLSPATH",
    "OLDPWD",
    "PATH",
    "PROCESS_TITLE",
    "PWD",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "SHELL",
    "SHELLOPTS",
    "TERMINFO",
    "TMPDIR",
    "USER",
];

/// Refuses keys that are malformed (`^[A-Z][A-Z0-9_]{0,63}$`) or reserved. `NODE_ENV` is the one name of Node's that is free.
///
/// # Errors
/// `invalid_field` with a pointer to the key.
pub fn check_key(key: &str) -> Result<()> {
    let mut bytes = key.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_uppercase());
    if !first || key.len() > KEY_MAX || !bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') {
        return Err(refused(
            key,
            "is malformed: a key is an upper-case letter and up to 63 upper-case letters, digits and underscores",
        ));
    }
    let reserved = RESERVED.contains(&key) || RESERVED_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
    if reserved && key != "NODE_ENV" {
        return Err(refused(key, "is reserved: it would steer the runtime, not the shop"));
    }
    Ok(())
}

/// The text that Node reads back as exactly these variables, one line each unless a value has line breaks.
///
/// # Errors
/// `invalid_field` with a pointer to the key: see [`check_key`]; also for values other than text, whole numbers and booleans, and for text the
/// grammar cannot hold (NUL, carriage return, or all three quotes in an unlucky mixture). The message never holds the value.
pub fn render(environment: &BTreeMap<String, Value>) -> Result<String> {
    let mut text = String::new();
    for (key, value) in environment {
        check_key(key)?;
        let written = match value {
            Value::String(value) => {
                quoted(value).ok_or_else(|| refused(key, "has a value that no environment file can hold exactly"))?
            }
            Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
            Value::Bool(value) => value.to_string(),
            _ => {
                return Err(refused(key, "has a value that is neither text nor a whole number nor a boolean"));
            }
        };
        text.extend([key, "=", written.as_str(), "\n"]);
    }
    if text.len() > FILE_MAX {
        let message = format!("the environment takes {} bytes; at most {FILE_MAX} are possible", text.len());
        return Err(Error::new(Code::InvalidField, message).pointer("/environment"));
    }
    Ok(text)
}

/// The value with the first quoting that keeps it; `None` when there is none.
fn quoted(value: &str) -> Option<String> {
    if value.contains(['\0', '\r']) {
        return None;
    }
    if !value.contains('\'') {
        return Some(format!("'{value}'"));
    }
    if !value.contains('`') {
        return Some(format!("`{value}`"));
    }
    if !value.contains('"') && !value.contains("\\n") {
        return Some(format!("\"{value}\""));
    }
    let bare = !value.contains(['#', '\n']) && value.trim() == value && !value.starts_with(['\'', '"', '`']);
    bare.then(|| value.to_owned())
}

fn refused(key: &str, why: &str) -> Error {
    let shown: String = key.chars().take(KEY_SHOWN).collect();
    Error::new(Code::InvalidField, format!("{shown:?} {why}"))
        .pointer(format!("/environment/{}", shown.replace('~', "~0").replace('/', "~1")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(key: &str, value: Value) -> Result<String> {
        render(&BTreeMap::from([(key.to_owned(), value)]))
    }

    #[test]
    fn each_value_gets_the_first_quoting_that_keeps_it() {
        for (value, line) in [
            ("plain", "K='plain'\n"),
            ("", "K=''\n"),
            ("a # b = \"c\" `d` \\n $HOME", "K='a # b = \"c\" `d` \\n $HOME'\n"),
            ("two\nlines", "K='two\nlines'\n"),
            ("it's", "K=`it's`\n"),
            ("it's `so`", "K=\"it's `so`\"\n"),
            ("it's `so` \"now\"", "K=it's `so` \"now\"\n"),
            ("it's `so`\\n", "K=it's `so`\\n\n"),
        ] {
            assert_eq!(one("K", json!(value)).unwrap(), line);
        }
    }

    #[test]
    fn values_without_an_exact_form_are_refused_by_their_key_and_not_shown() {
        for value in ["a\0b", "a\rb", "'`\"#", "'`\"\n", " '`\"", "'`\" ", "`'\"", "'`\\n#", "\u{a0}'`\""] {
            let error = one("SECRET", json!(value)).unwrap_err();
            assert_eq!((error.code(), error.pointer_str()), (Code::InvalidField, Some("/environment/SECRET")), "{value:?}");
            assert!(!error.to_string().contains(value), "{error}");
        }
        for value in [json!(null), json!(1.5), json!([1]), json!({"a": 1})] {
            assert_eq!(one("K", value).unwrap_err().code(), Code::InvalidField);
        }
    }

    #[test]
    fn numbers_and_booleans_stand_bare() {
        assert_eq!(one("PORT", json!(4001)).unwrap(), "PORT=4001\n");
        assert_eq!(one("N", json!(-3)).unwrap(), "N=-3\n");
        assert_eq!(one("BIG", json!(u64::MAX)).unwrap(), "BIG=18446744073709551615\n");
        assert_eq!(one("FORCE_HTTPS", json!(true)).unwrap(), "FORCE_HTTPS=true\n");
    }

    #[test]
    fn reserved_and_malformed_keys_are_refused_by_name() {
        let long = "A".repeat(65);
        let malformed = [
            "",
            "a",
            "uid",
            "__proto__",
            "constructor",
            "_A",
            "1A",
            "A-B",
            "A.B",
            "A B",
            "A=B",
            "A\nB",
            "Ä",
            "A\0",
            "name",
            &long,
        ];
        let steering = [
            "NODE_OPTIONS",
            "NODE_PATH",
            "PM2_HOME",
            "PROCESS_TITLE",
            "LD_PRELOAD",
            "PATH",
            "HOME",
            "SHELL",
            "OPENSSL_CONF",
            "UV_THREADPOOL_SIZE",
        ];
        for key in malformed.into_iter().chain(steering) {
            let error = one(key, json!("x")).unwrap_err();
            assert_eq!(error.code(), Code::InvalidField, "{key:?}");
            assert!(error.pointer_str().is_some_and(|pointer| pointer.starts_with("/environment/")), "{key:?}");
        }
        for key in ["A", "NODE_ENV", "PORT", "TZ", "DB_PASSWORD", "SMTP_HOST", "PATHS", "HOMEPAGE", &"A".repeat(64)] {
            check_key(key).unwrap();
        }
    }

    #[test]
    fn an_environment_beyond_the_limit_is_refused() {
        assert!(one("K", json!("x".repeat(FILE_MAX - 10))).is_ok());
        assert_eq!(one("K", json!("x".repeat(FILE_MAX))).unwrap_err().pointer_str(), Some("/environment"));
    }
}
