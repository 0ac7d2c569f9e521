//! Repetitions: `*`, `+`, `?`, `{2}`, `{2,}`, `{2,5}`, each with an optional `?` behind it.

use super::{Parser, SyntaxError, read};

/// The most copies a repetition may make, those of the repetitions inside it included.
const MOST: u64 = 1000;

/// How often, as far as it is counted: `None` stands for as often as you like.
#[derive(Clone, Copy, Debug)]
struct Count {
    least: u64,
    most: Option<u64>,
}

impl<'p> Parser<'p> {
    /// From `*`, `+` or `?` on; answers what follows.
    pub(super) fn repeat_symbol(&mut self, symbol: char, rest: &'p str) -> Result<&'p str, SyntaxError> {
        let after = self.repeat(rest, rest.get(1..).unwrap_or_default())?;
        if let Some(atom) = self.branch.atoms.last_mut() {
            atom.text = format!("(?:{}){symbol}", atom.text);
        }
        Ok(after)
    }

    /// From `{` on: a repetition, or the character; answers what follows and which of them it was.
    pub(super) fn brace(&mut self, rest: &'p str) -> Result<(&'p str, bool), SyntaxError> {
        let Some((count, after)) = counted(rest) else {
            self.literal(u32::from('{'));
            return Ok((rest.get(1..).unwrap_or_default(), false));
        };
        let refused = |after: &str| SyntaxError::new("invalid repeat count", read(rest, after));
        let Count { least, most } = count;
        if least > MOST || most.is_some_and(|most| most > MOST || least > most) {
            return Err(refused(after));
        }
        let after = self.repeat(rest, after)?;
        if let Some(atom) = self.branch.atoms.last_mut() {
            atom.copies = match most {
                Some(0) => 1,
                _ => atom.copies.saturating_mul(most.unwrap_or(least).max(1)),
            };
            if (least >= 2 || most.is_some_and(|most| most >= 2)) && atom.copies > MOST {
                return Err(refused(after));
            }
            let most = most.map(|most| most.to_string()).unwrap_or_default();
            atom.text = format!("(?:{}){{{least},{most}}}", atom.text);
        }
        Ok((after, true))
    }

    /// Checks that a repetition may stand here; answers what follows it and its `?`.
    fn repeat(&self, rest: &'p str, after: &'p str) -> Result<&'p str, SyntaxError> {
        let after = after.strip_prefix('?').unwrap_or(after);
        if let Some(last) = self.last_repeat {
            return Err(SyntaxError::new("invalid nested repetition operator", read(last, after)));
        }
        if self.branch.atoms.is_empty() {
            return Err(SyntaxError::new("missing argument to repetition operator", read(rest, after)));
        }
        Ok(after)
    }
}

/// A count in braces and what follows it. Anything else is text.
fn counted(rest: &str) -> Option<(Count, &str)> {
    let (least, rest) = number(rest.strip_prefix('{')?)?;
    let (most, rest) = match rest.strip_prefix(',') {
        None => (Some(least), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => {
            let (most, rest) = number(rest)?;
            (Some(most), rest)
        }
    };
    Some((Count { least, most }, rest.strip_prefix('}')?))
}

/// Digits without a leading zero; a number too large to hold stands for one that is too large to use.
fn number(rest: &str) -> Option<(u64, &str)> {
    let end = rest.find(|symbol: char| !symbol.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at_checked(end)?;
    let usable = !digits.is_empty() && (digits.len() == 1 || !digits.starts_with('0'));
    usable.then(|| (digits.parse().unwrap_or(u64::MAX), after))
}
