//! Character classes: `[a-z]`, `[^/]`, `[[:alpha:]_]`.

use super::{Flags, Stricter, SyntaxError, escape, folded, read};
use std::fmt::Write;

/// A class that matches no character.
pub(super) const NOTHING: &str = r"[^\x{0}-\x{10FFFF}]";

const ANYTHING: &str = r"[\x{0}-\x{10FFFF}]";

/// The POSIX classes, the same in both engines (`regexp/syntax/perl_groups.go`).
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word", "xdigit",
];

/// One character; a surrogate matches nothing, since no text holds one.
pub(super) fn one(code: u32) -> String {
    if char::from_u32(code).is_some() { format!(r"\x{{{code:X}}}") } else { NOTHING.to_owned() }
}

/// Reads a class from its `[` on; answers it, for the `regex` crate, and what follows.
pub(super) fn parse<'p>(rest: &'p str, flags: Flags, stricter: &mut Option<Stricter>) -> Result<(String, &'p str), SyntaxError> {
    let inside = rest.get(1..).unwrap_or_default();
    let (negated, mut inside) = inside.strip_prefix('^').map_or((false, inside), |inside| (true, inside));
    let mut items = String::new();
    let mut first = true;
    while first || !inside.starts_with(']') {
        first = false;
        inside = item(inside, rest, &mut items, stricter)?;
    }
    let class = match (negated, items.is_empty()) {
        (false, true) => NOTHING.to_owned(),
        (true, true) => ANYTHING.to_owned(),
        (_, false) => format!("[{}{items}]", if negated { "^" } else { "" }),
    };
    Ok((folded(class, flags), inside.get(1..).unwrap_or_default()))
}

/// Reads one item of a class into `items`; answers what follows.
fn item<'p>(
    inside: &'p str,
    whole: &'p str,
    items: &mut String,
    stricter: &mut Option<Stricter>,
) -> Result<&'p str, SyntaxError> {
    if let Some(after) = posix(inside, items)? {
        return Ok(after);
    }
    if let Some(after) = escape::unicode_class(inside, stricter)? {
        return Ok(after);
    }
    if let Some((class, after)) = escape::perl_class(inside) {
        items.push_str(class);
        return Ok(after);
    }
    let (low, after) = character(inside, whole)?;
    let (high, after) = match after.strip_prefix('-') {
        Some(end) if !end.starts_with(']') && !end.is_empty() => character(end, whole)?,
        _ => (low, after),
    };
    if high < low {
        return Err(SyntaxError::new("invalid character class range", read(inside, after)));
    }
    add(low, high, items);
    Ok(after)
}

/// Adds a range without the surrogates, which no text holds.
fn add(low: u32, high: u32, items: &mut String) {
    let low = if char::from_u32(low).is_some() { low } else { 0xE000 };
    let high = if char::from_u32(high).is_some() { high } else { 0xD7FF };
    if low <= high {
        let _written = write!(items, r"\x{{{low:X}}}-\x{{{high:X}}}");
    }
}

fn character<'p>(inside: &'p str, whole: &str) -> Result<(u32, &'p str), SyntaxError> {
    let Some(symbol) = inside.chars().next() else { return Err(SyntaxError::new("missing closing ]", whole)) };
    if symbol == '\\' {
        return escape::character(inside);
    }
    Ok((u32::from(symbol), inside.get(symbol.len_utf8()..).unwrap_or_default()))
}

/// `[:alpha:]` or `[:^alpha:]`; without its `:]` it is no such class but characters.
fn posix<'p>(inside: &'p str, items: &mut String) -> Result<Option<&'p str>, SyntaxError> {
    let Some((name, after)) = inside.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) else { return Ok(None) };
    let plain = name.strip_prefix('^').unwrap_or(name);
    if !POSIX.contains(&plain) {
        return Err(SyntaxError::new("invalid character class range", read(inside, after)));
    }
    let _written = write!(items, "[:{name}:]");
    Ok(Some(after))
}
