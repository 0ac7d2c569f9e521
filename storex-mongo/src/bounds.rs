//! Bounds of what callers may write and ask.

use storex_core::{Code, Error, Nonce, Page, Result, RowWrite};

/// Longest id, index name and index value in bytes.
const LONGEST: usize = 255;
/// Longest nonce in bytes.
const LONGEST_NONCE: usize = 64;
/// Deepest body: serde_json reads no more than 128 levels. Every repo draws the line at the same place, so that documents can move.
const DEEPEST: usize = 120;
/// Longest body in bytes: a document of MongoDB has at most 16 MiB, with its id and its indexes
/// (<https://www.mongodb.com/docs/manual/reference/limits/#bson-documents>).
const LARGEST: usize = 15 * 1024 * 1024;

/// Refuses a write outside the bounds of the trait, or one that could not be read back.
///
/// # Errors
/// `invalid_field`.
pub(crate) fn check_write(write: &RowWrite, nonce: &Nonce) -> Result<()> {
    check_text("id", "/id", &write.id)?;
    for (name, value) in &write.indexes {
        check_text("index name", "/indexes", name)?;
        check_text("index value", "/indexes", value)?;
    }
    if nonce.0.len() > LONGEST_NONCE {
        return Err(refuse("/nonce", format!("a nonce has at most {LONGEST_NONCE} bytes, this one {}", nonce.0.len())));
    }
    if write.body.depth() >= DEEPEST {
        return Err(refuse("/body", format!("a body nests at most {DEEPEST} levels")));
    }
    if write.body.as_str().len() > LARGEST {
        return Err(refuse("/body", format!("a body has at most {LARGEST} bytes, this one {}", write.body.as_str().len())));
    }
    Ok(())
}

/// Refuses an empty page.
///
/// # Errors
/// `invalid_field`.
pub(crate) fn check_page(page: &Page) -> Result<()> {
    if page.limit == 0 { Err(refuse("/limit", "a page has at least one row".to_owned())) } else { Ok(()) }
}

fn check_text(what: &str, pointer: &str, text: &str) -> Result<()> {
    if text.is_empty() || text.len() > LONGEST {
        return Err(refuse(pointer, format!("an {what} has 1 to {LONGEST} bytes, this one {}", text.len())));
    }
    Ok(())
}

fn refuse(pointer: &str, message: String) -> Error {
    Error::new(Code::InvalidField, message).pointer(pointer)
}
