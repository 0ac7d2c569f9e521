//! Groups, alternatives, and flags: `(a|b)`, `(?P<name>a)`, `(?i)`, `(?i-s:a)`.

use super::{Flags, Parser, Stricter, SyntaxError, read};

/// A piece a repetition may follow.
#[derive(Debug)]
pub(super) struct Atom {
    pub(super) text: String,
    /// How many copies of its innermost part its own repetitions make: Go allows 1,000.
    pub(super) copies: u64,
}

/// What stands between two parentheses.
#[derive(Debug, Default)]
pub(super) struct Branch {
    /// Alternatives that are complete, each with its `|`.
    done: String,
    /// The most copies in them.
    copies: u64,
    /// The current alternative.
    pub(super) atoms: Vec<Atom>,
}

impl Branch {
    pub(super) fn push(&mut self, text: impl Into<String>) {
        self.atoms.push(Atom { text: text.into(), copies: 1 });
    }

    pub(super) fn next_alternative(&mut self) {
        self.finish();
        self.done.push('|');
    }

    fn finish(&mut self) {
        for atom in self.atoms.drain(..) {
            self.done.push_str(&atom.text);
            self.copies = self.copies.max(atom.copies);
        }
    }

    pub(super) fn into_text(mut self) -> String {
        self.finish();
        self.done
    }

    fn into_group(mut self) -> Atom {
        self.finish();
        Atom { text: format!("(?:{})", self.done), copies: self.copies.max(1) }
    }
}

impl<'p> Parser<'p> {
    /// From `(` on. What a group captures counts for nothing here.
    pub(super) fn open_group(&mut self, rest: &'p str) -> Result<&'p str, SyntaxError> {
        if let Some(after) = rest.strip_prefix("(?") {
            return self.group_with_flags(rest, after);
        }
        self.enter();
        Ok(rest.get(1..).unwrap_or_default())
    }

    fn enter(&mut self) {
        self.open.push((std::mem::take(&mut self.branch), self.flags));
    }

    pub(super) fn close_group(&mut self) -> Result<(), SyntaxError> {
        let (outer, flags) = self.open.pop().ok_or_else(|| SyntaxError::new("unexpected )", self.whole))?;
        let inner = std::mem::replace(&mut self.branch, outer);
        self.branch.atoms.push(inner.into_group());
        self.flags = flags;
        Ok(())
    }

    fn group_with_flags(&mut self, rest: &'p str, after: &'p str) -> Result<&'p str, SyntaxError> {
        let python = after.strip_prefix("P<").filter(|name| !name.is_empty());
        let other = after.strip_prefix('<').filter(|name| !name.is_empty());
        if let Some(name) = python.or(other) {
            let after = named(rest, name)?;
            if python.is_none() {
                self.stricter.get_or_insert(Stricter::PathNamedGroup);
            }
            self.enter();
            return Ok(after);
        }
        self.flag_letters(rest, after)
    }

    fn flag_letters(&mut self, rest: &'p str, mut after: &'p str) -> Result<&'p str, SyntaxError> {
        let mut flags = self.flags;
        let (mut value, mut seen) = (true, false);
        while let Some(letter) = after.chars().next() {
            after = after.get(letter.len_utf8()..).unwrap_or_default();
            match letter {
                'i' => flags.fold_case = value,
                'm' => flags.multi_line = value,
                's' => flags.dot_matches_newline = value,
                // Which match is found first decides nothing here.
                'U' => {}
                '-' if value => {
                    (value, seen) = (false, false);
                    continue;
                }
                ':' | ')' if value || seen => {
                    self.set(flags, letter == ':');
                    return Ok(after);
                }
                _ => break,
            }
            seen = true;
        }
        Err(SyntaxError::new("invalid or unsupported Perl syntax", read(rest, after)))
    }

    fn set(&mut self, flags: Flags, group: bool) {
        if group {
            self.enter();
        }
        self.flags = flags;
    }
}

/// Reads a group's name up to its `>`; answers what follows.
fn named<'p>(rest: &'p str, name: &'p str) -> Result<&'p str, SyntaxError> {
    let refused = |expression: &str| SyntaxError::new("invalid named capture", expression);
    let (name, after) = name.split_once('>').ok_or_else(|| refused(rest))?;
    let valid = !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    if valid { Ok(after) } else { Err(refused(read(rest, after))) }
}
