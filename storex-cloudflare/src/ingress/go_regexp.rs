//! Go's regular expressions, as cloudflared compiles the `path` of a rule: Go's own grammar, its limits and its texts, matched by the `regex` crate.
//!
//! Both are RE2's children, but they differ. So a pattern is parsed by Go's grammar (`regexp/syntax/parse.go`, `regexp/syntax/doc.go`), and what goes to
//! the `regex` crate is written anew with every character, class and flag spelled out, so that nothing is left to be read differently:
//!
//! | in the pattern | Go | `regex` crate | here |
//! |---|---|---|---|
//! | `\d` `\w` `\s` `\b` | ASCII; `\s` without vertical tab | Unicode | ASCII, as in Go |
//! | `[a&&b]` `[a~~b]` `[[a]` | literal characters | set operations, nested classes | as in Go |
//! | `[a--b]` | a range from `a` to `-`: refused | a difference | refused |
//! | `[[:foo:]]` | refused | a nested class | refused |
//! | `\Qa.b\E` | literal text | refused | as in Go |
//! | `\12` `\012` | octal | refused | as in Go |
//! | `\<` `\>` `\b{start}` | literal `<`, `>`; `\b` and literal text | word boundaries | as in Go |
//! | `\u00e9` `\U…` `\e` `\C` `\Z` `(?x)` `(?u)` `(?R)` | refused | some accepted | refused |
//! | `{`, `{,5}`, `{ 1 }`, `a{01}` | literal text when not a repetition | refused or a repetition | as in Go |
//! | `a**` `a{2}{3}` | refused | accepted | refused |
//! | `a{1001}`, `(a{100}){100}` | refused above 1,000 in all | accepted until too large | refused |
//! | `(?)`, `a(?i)*` | accepted: no change; the star repeats `a` | refused | as in Go |
//! | `(?P<1>a)`, two groups of one name | accepted | refused | as in Go |
//! | `\x{D800}` | accepted, matches nothing | refused | as in Go |
//! | bytes of the path that are no UTF-8 | each is read as U+FFFD | never match `.` | as in Go |
//! | `(?<name>a)` | accepted since Go 1.22 only | accepted | refused: `path_named_group` |
//! | `\pL` `\p{Greek}` | the Unicode tables of that Go | other tables, more names | refused: `path_unicode_class` |
//! | very large or deep patterns | up to 1,000 deep, 128 MiB | 250 deep, 10 MiB | refused beyond the smaller: `path_too_large` |
//!
//! Case-insensitive characters follow each engine's own Unicode tables; they are the same for all letters of domain names and usual paths.

mod class;
mod escape;
mod group;
mod repeat;

use super::stricter::Stricter;
use group::Branch;
use std::fmt;

/// A path pattern, compiled.
#[derive(Clone, Debug)]
pub(super) struct GoRegexp {
    compiled: regex::Regex,
}

/// What Go says of a pattern it does not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    reason: &'static str,
    expression: String,
}

impl SyntaxError {
    fn new(reason: &'static str, expression: &str) -> Self {
        Self { reason, expression: expression.to_owned() }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "error parsing regexp: {}: `{}`", self.reason, self.expression)
    }
}

/// A pattern Go accepts: compiled, or why storex does not.
pub(super) type Compiled = Result<GoRegexp, (Stricter, String)>;

impl GoRegexp {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// Go's own text when Go does not accept it. What Go accepts and storex does not is in the answer.
    pub(super) fn compile(pattern: &str) -> Result<Compiled, SyntaxError> {
        let (translated, stricter) = Parser::new(pattern).translate()?;
        if let Some(kind) = stricter {
            return Ok(Err((kind, format!("path {pattern}"))));
        }
        let compiled = regex::Regex::new(&translated).map(|compiled| Self { compiled });
        Ok(compiled.map_err(|_| (Stricter::PathTooLarge, format!("path of {} bytes", pattern.len()))))
    }

    /// Whether the pattern is found anywhere in `path`.
    pub(super) fn is_match(&self, path: &str) -> bool {
        self.compiled.is_match(path)
    }
}

/// What `(?flags)` has set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    fold_case: bool,
    multi_line: bool,
    dot_matches_newline: bool,
}

/// Go's parser, which writes what it reads for the `regex` crate.
#[derive(Debug)]
struct Parser<'p> {
    whole: &'p str,
    flags: Flags,
    /// Groups that are open, outermost first: what stood before them, and the flags to go back to.
    open: Vec<(Branch, Flags)>,
    branch: Branch,
    /// The pattern from the repetition on that was read just now.
    last_repeat: Option<&'p str>,
    stricter: Option<Stricter>,
}

impl<'p> Parser<'p> {
    fn new(whole: &'p str) -> Self {
        Self { whole, flags: Flags::default(), open: Vec::new(), branch: Branch::default(), last_repeat: None, stricter: None }
    }

    fn translate(mut self) -> Result<(String, Option<Stricter>), SyntaxError> {
        let mut rest = self.whole;
        while let Some(first) = rest.chars().next() {
            let before = rest;
            let mut repeated = None;
            rest = match first {
                '*' | '+' | '?' => {
                    repeated = Some(before);
                    self.repeat_symbol(first, rest)?
                }
                '{' => {
                    let (after, is_repetition) = self.brace(rest)?;
                    repeated = is_repetition.then_some(before);
                    after
                }
                _ => self.piece(first, rest)?,
            };
            self.last_repeat = repeated;
        }
        if !self.open.is_empty() {
            return Err(SyntaxError::new("missing closing )", self.whole));
        }
        Ok((self.branch.into_text(), self.stricter))
    }

    /// Everything that is no repetition; answers what follows it.
    fn piece(&mut self, first: char, rest: &'p str) -> Result<&'p str, SyntaxError> {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        match first {
            '(' => return self.open_group(rest),
            ')' => self.close_group()?,
            '|' => self.branch.next_alternative(),
            '[' => {
                let (class, after) = class::parse(rest, self.flags, &mut self.stricter)?;
                self.branch.push(class);
                return Ok(after);
            }
            '\\' => return self.escaped(rest),
            '^' => self.branch.push(if self.flags.multi_line { "(?m:^)" } else { r"\A" }),
            '$' => self.branch.push(if self.flags.multi_line { "(?m:$)" } else { r"\z" }),
            '.' => self.branch.push(if self.flags.dot_matches_newline { "(?s:.)" } else { r"[^\n]" }),
            literal => self.literal(u32::from(literal)),
        }
        Ok(after)
    }

    fn literal(&mut self, code: u32) {
        let text = class::one(code);
        self.branch.push(folded(text, self.flags));
    }
}

/// The text under `(?i)` when that is set.
fn folded(text: String, flags: Flags) -> String {
    if flags.fold_case { format!("(?i:{text})") } else { text }
}

/// What `rest` has that `after`, its end, has not.
fn read<'s>(rest: &'s str, after: &str) -> &'s str {
    rest.get(..rest.len().saturating_sub(after.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        GoRegexp::compile(pattern)
            .unwrap_or_else(|error| panic!("{error}"))
            .unwrap_or_else(|(kind, _)| panic!("{kind:?}"))
            .is_match(path)
    }

    fn refused(pattern: &str) -> String {
        GoRegexp::compile(pattern).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_both_read_differently_is_read_as_go_reads_it() {
        let found = [
            (r"^\d+$", "123", true),
            (r"^\d+$", "١٢٣", false),
            (r"^\w$", "é", false),
            (r"^\s$", "\u{b}", false),
            (r"\bé", "é", false),
            (r"\Bé", "é", true),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[a~~b]+$", "a~b", true),
            (r"^[[a]b]$", "[b]", true),
            (r"^[]a]+$", "a]", true),
            (r"^\Qa.b\E$", "axb", false),
            (r"^\Qa.b\E+$", "a.bbb", true),
            (r"\101", "A", true),
            (r"^\<a\>$", "<a>", true),
            (r"^a\b{start}$", "a{start}", true),
            (r"^a{,5}$", "a{,5}", true),
            (r"^a{01}$", "a{01}", true),
            (r"^a{2}$", "aa", true),
            (r"^a(?i)*$", "aaa", true),
            (r"^a(?i)b$", "aB", true),
            (r"^(?:(?i)a)b$", "AB", false),
            (r"(?i)^[k]$", "\u{212a}", true),
            (r"(?i)^\W$", "\u{17f}", false),
            (r"a\x{D800}|b", "b", true),
            (r"^[^\x00-\x{10FFFF}]?$", "", true),
            (r"^(?P<1>a)(?P<1>b)$", "ab", true),
            (r"(?m)^b$", "a\nb", true),
            (r"^b$", "a\nb", false),
            (r"a.b", "a\nb", false),
            (r"(?s)a.b", "a\nb", true),
            (r"^(a|)$", "", true),
            (r"^(?U)a+?$", "aa", true),
            (r"^[[:word:][:^space:]]$", "é", true),
        ];
        for (pattern, path, expected) in found {
            assert_eq!(matches(pattern, path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        let refusals = [
            ("(", "missing closing ): `(`"),
            ("a)", "unexpected ): `a)`"),
            ("[a", "missing closing ]: `[a`"),
            ("*", "missing argument to repetition operator: `*`"),
            ("(|*)", "missing argument to repetition operator: `*`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{2,1}", "invalid repeat count: `{2,1}`"),
            ("(a{100}){100}", "invalid repeat count: `{100}`"),
            (r"a\", "trailing backslash at end of expression: ``"),
            (r"\1", r"invalid escape sequence: `\1`"),
            (r"\u00e9", r"invalid escape sequence: `\u`"),
            (r"\C", r"invalid escape sequence: `\C`"),
            (r"[b-a]", "invalid character class range: `b-a`"),
            (r"[a--b]", "invalid character class range: `a--`"),
            (r"[[:foo:]]", "invalid character class range: `[:foo:]`"),
            (r"(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
            (r"(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            (r"(?P<a b>c)", "invalid named capture: `(?P<a b>`"),
        ];
        for (pattern, reason) in refusals {
            assert_eq!(refused(pattern), format!("error parsing regexp: {reason}"), "{pattern}");
        }
    }

    #[test]
    fn what_storex_refuses_beyond_go_has_a_name() {
        let deep = format!("{}a{}", "(".repeat(400), ")".repeat(400));
        let kinds = [(r"\pL", Stricter::PathUnicodeClass), (r"[\P{Greek}]", Stricter::PathUnicodeClass)];
        for (pattern, expected) in
            kinds.into_iter().chain([("(?<a>b)", Stricter::PathNamedGroup), (deep.as_str(), Stricter::PathTooLarge)])
        {
            let kind = GoRegexp::compile(pattern).unwrap_or_else(|error| panic!("{error}")).err().map(|(kind, _)| kind);
            assert_eq!(kind, Some(expected), "{pattern}");
        }
    }
}
