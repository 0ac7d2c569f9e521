//! Views of Rust source: without its inline test modules, and without what comments and literals say.

/// The source with every top-level `#[cfg(test)]` item left out. Relies on rustfmt: such an item ends with the first line that
/// is `}` alone, or ends with `;` when its body lies in another file. What follows it is kept, so nothing hides behind a test.
pub(crate) fn without_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" {
            lines.by_ref().find(|line| *line == "}" || (!line.starts_with(char::is_whitespace) && line.ends_with(';')));
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The source with comments and the contents of string and character literals replaced by spaces; lines stay where they are.
pub(crate) fn code_only(text: &str) -> String {
    let mut reader = Reader { rest: text, out: String::with_capacity(text.len()) };
    while !reader.rest.is_empty() {
        reader.step();
    }
    reader.out
}

struct Reader<'a> {
    rest: &'a str,
    out: String,
}

impl Reader<'_> {
    fn step(&mut self) {
        if self.rest.starts_with("//") {
            let length = self.rest.find('\n').unwrap_or(self.rest.len());
            self.blank(length);
        } else if self.rest.starts_with("/*") {
            self.blank(block_comment_length(self.rest));
        } else if let Some(length) = raw_string_length(self.rest).filter(|_| !self.inside_word()) {
            self.blank(length);
        } else if self.rest.starts_with('"') {
            self.blank(quoted_length(self.rest, '"'));
        } else if is_character_literal(self.rest) {
            self.blank(quoted_length(self.rest, '\''));
        } else {
            self.keep();
        }
    }

    fn inside_word(&self) -> bool {
        self.out.ends_with(|last: char| last.is_alphanumeric() || last == '_')
    }

    fn keep(&mut self) {
        let mut characters = self.rest.chars();
        self.out.extend(characters.next());
        self.rest = characters.as_str();
    }

    fn blank(&mut self, length: usize) {
        let (gone, rest) = self.rest.split_at(length);
        self.out.extend(gone.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }
}

/// From the opening quote to behind the closing one, escapes respected.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            return at + quote.len_utf8();
        }
    }
    text.len()
}

fn raw_string_length(text: &str) -> Option<usize> {
    let body = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let opened = body.trim_start_matches('#').strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = opened.find(&close).map_or(opened.len(), |at| at + close.len());
    Some(text.len() - opened.len() + end)
}

/// `'a'` and `'\n'` are literals; `'a` in `&'a str` is a lifetime.
fn is_character_literal(text: &str) -> bool {
    let mut characters = text.chars();
    let (first, second, third) = (characters.next(), characters.next(), characters.next());
    first == Some('\'') && (second == Some('\\') || third == Some('\''))
}

fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[test]
fn test_modules_go_and_what_follows_them_stays() {
    let text =
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn hidden() {}\n}\nfn after() {}\n#[cfg(test)]\nmod more;\nfn last() {}\n";
    assert_eq!(without_tests(text), "fn a() {}\nfn after() {}\nfn last() {}\n");
}

#[test]
fn comments_and_literals_are_blanked_and_code_stays() {
    let text = "let a = \"x \\\" env::var\"; // env::var\n/* env::var /* nested */ env::var */ let b = r#\"env\"::var\"#; let c = '\"'; call::<'a>(env::var);";
    let code = code_only(text);
    assert_eq!(code.matches("env::var").count(), 1, "{code}");
    assert!(code.contains("call::<'a>(env::var);"));
    assert_eq!(code.lines().count(), text.lines().count());
}

#[test]
fn a_lifetime_does_not_open_a_literal_and_a_name_ending_in_r_no_raw_string() {
    assert!(code_only("fn f<'a>(x: &'a str) -> &'a str { x.unwrap() }").contains("x.unwrap()"));
    assert!(code_only("for\"quoted\" keep()").contains("keep()"));
    assert!(code_only("let x = '\\''; keep()").contains("keep()"));
}
