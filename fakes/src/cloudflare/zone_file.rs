//! Reads a zone file (RFC 1035 §5, with `$TTL` of RFC 2308 and BIND's `$GENERATE`) as Cloudflare's import does: `$INCLUDE` is
//! refused, SOA and the apex's NS records are passed over, and a trailing comment may carry `cf_tags=` (documentation, "Import
//! and export records").

use serde_json::{Map, Value, json};

/// Steps `$GENERATE` may make; more is a mistake.
const GENERATED: u64 = 5000;

/// One entry of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// The fields of a record, as POST takes them.
    pub(super) fields: Map<String, Value>,
    /// Whether `cf-proxied` says so.
    pub(super) proxied: Option<bool>,
}

/// A word of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    quoted: bool,
}

/// A logical line: parentheses joined.
#[derive(Debug, Default)]
struct Line {
    continues: bool,
    words: Vec<Word>,
    comment: String,
}

/// Reads `text` as a file for `zone`.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn read(text: &str, zone: &str) -> Result<Vec<Entry>, String> {
    let mut reader = Reader { zone, origin: format!("{zone}."), ttl: 1, name: format!("{zone}."), entries: Vec::new() };
    for (number, line) in lines(text)?.into_iter().enumerate() {
        reader.line(&line).map_err(|reason| format!("entry {}: {reason}", number + 1))?;
    }
    Ok(reader.entries)
}

/// Cuts a text into logical lines.
fn lines(text: &str) -> Result<Vec<Line>, String> {
    let (mut lines, mut line, mut depth) = (Vec::new(), Line::default(), 0_usize);
    for row in text.lines() {
        if depth == 0 {
            line.continues = row.starts_with([' ', '\t']);
        }
        let mut symbols = row.chars().peekable();
        while let Some(symbol) = symbols.next() {
            match symbol {
                ';' => {
                    let comment: String = symbols.by_ref().collect();
                    comment.trim().clone_into(&mut line.comment);
                }
                '(' => depth += 1,
                ')' => depth = depth.checked_sub(1).ok_or("unbalanced parenthesis")?,
                '"' => {
                    let mut word = String::new();
                    loop {
                        match symbols.next().ok_or("a quote is not closed")? {
                            '"' => break,
                            '\\' => word.extend(['\\', symbols.next().ok_or("a quote is not closed")?]),
                            other => word.push(other),
                        }
                    }
                    line.words.push(Word { text: word, quoted: true });
                }
                blank if blank.is_whitespace() => {}
                first => {
                    let mut word = first.to_string();
                    while let Some(next) = symbols.next_if(|next| !next.is_whitespace() && !";()\"".contains(*next)) {
                        word.push(next);
                    }
                    line.words.push(Word { text: word, quoted: false });
                }
            }
        }
        if depth == 0 {
            lines.push(std::mem::take(&mut line));
        }
    }
    if depth > 0 {
        return Err("a parenthesis is not closed".to_owned());
    }
    Ok(lines.into_iter().filter(|line| !line.words.is_empty()).collect())
}

struct Reader<'z> {
    zone: &'z str,
    origin: String,
    ttl: u64,
    name: String,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line) -> Result<(), String> {
        let word = |index: usize| line.words.get(index).map(|word| word.text.as_str());
        match word(0).unwrap_or_default() {
            "$ORIGIN" => {
                self.origin = self.absolute(word(1).ok_or("$ORIGIN without a name")?);
                Ok(())
            }
            "$TTL" => {
                self.ttl = word(1).and_then(seconds).ok_or("$TTL without a number")?;
                Ok(())
            }
            "$GENERATE" => self.generate(line),
            "$INCLUDE" => Err("$INCLUDE is not supported".to_owned()),
            other if other.starts_with('$') => Err(format!("unknown directive {other}")),
            first if line.continues => self.entry(&self.name.clone(), &line.words, &line.comment, first),
            first => {
                self.name = self.absolute(first);
                self.entry(&self.name.clone(), line.words.get(1..).unwrap_or_default(), &line.comment, first)
            }
        }
    }

    fn absolute(&self, name: &str) -> String {
        match name {
            "@" => self.origin.clone(),
            full if full.ends_with('.') => full.to_owned(),
            relative => format!("{relative}.{}", self.origin),
        }
    }

    /// `start-stop[/step] name [ttl] [class] type content`, `$` standing for the number.
    fn generate(&mut self, line: &Line) -> Result<(), String> {
        let range = line.words.get(1).map(|word| word.text.as_str()).ok_or("$GENERATE without a range")?;
        let (range, step) = range.split_once('/').unwrap_or((range, "1"));
        let numbers = range.split_once('-').and_then(|(start, stop)| Some((start.parse().ok()?, stop.parse().ok()?)));
        let (start, stop): (u64, u64) = numbers.ok_or("$GENERATE needs a range such as 1-9")?;
        let step = step.parse::<u64>().ok().filter(|step| *step > 0).ok_or("$GENERATE needs a step above 0")?;
        if stop < start || (stop - start) / step >= GENERATED {
            return Err("$GENERATE makes no record or too many".to_owned());
        }
        let mut number = start;
        while number <= stop {
            let filled = |word: &Word| Word { text: word.text.replace('$', &number.to_string()), quoted: word.quoted };
            let words: Vec<Word> = line.words.iter().skip(2).map(filled).collect();
            let name = self.absolute(&words.first().ok_or("$GENERATE without a name")?.text);
            self.entry(&name, words.get(1..).unwrap_or_default(), &line.comment, "$GENERATE")?;
            number += step;
        }
        Ok(())
    }

    fn entry(&mut self, name: &str, words: &[Word], comment: &str, first: &str) -> Result<(), String> {
        let mut ttl = self.ttl;
        let mut rest = words;
        let kind = loop {
            let (word, after) = rest.split_first().ok_or_else(|| format!("{first}: no record type"))?;
            rest = after;
            if let Some(number) = seconds(&word.text).filter(|_| !word.quoted) {
                ttl = number;
            } else if !matches!(word.text.to_ascii_uppercase().as_str(), "IN" | "CH" | "HS") {
                break word.text.to_ascii_uppercase();
            }
        };
        let at_apex = name.trim_end_matches('.').eq_ignore_ascii_case(self.zone);
        if kind == "SOA" || kind == "NS" && at_apex {
            return Ok(());
        }
        let mut fields = self.content(&kind, rest).ok_or_else(|| format!("{name}: the content of {kind} is not understood"))?;
        fields.extend([("type".to_owned(), json!(kind)), ("name".to_owned(), json!(name)), ("ttl".to_owned(), json!(ttl))]);
        let remark = Remark::read(comment);
        if let Some(text) = remark.text {
            fields.insert("comment".to_owned(), json!(text));
        }
        if !remark.tags.is_empty() {
            fields.insert("tags".to_owned(), json!(remark.tags));
        }
        self.entries.push(Entry { fields, proxied: remark.proxied });
        Ok(())
    }

    fn content(&self, kind: &str, words: &[Word]) -> Option<Map<String, Value>> {
        let text = |index: usize| words.get(index).map(|word| word.text.as_str());
        let number = |index: usize| text(index)?.parse::<u64>().ok();
        let host = |index: usize| Some(self.absolute(text(index)?).trim_end_matches('.').to_owned());
        let value = match (kind, words.len()) {
            ("A" | "AAAA", 1) => json!({"content": text(0)?}),
            ("CNAME" | "NS" | "PTR", 1) => json!({"content": host(0)?}),
            ("MX", 2) => json!({"priority": number(0)?, "content": host(1)?}),
            ("SRV", 4) => {
                json!({"data": {"priority": number(0)?, "weight": number(1)?, "port": number(2)?, "target": host(3)?}})
            }
            ("CAA", 3) => json!({"data": {"flags": number(0)?, "tag": text(1)?, "value": text(2)?}}),
            ("TXT", 1..) => {
                let strings: Vec<String> = words.iter().map(|word| format!("\"{}\"", word.text)).collect();
                json!({"content": strings.join(" ")})
            }
            _ => return None,
        };
        value.as_object().cloned()
    }
}

/// A number of seconds, or BIND's `1h30m`.
fn seconds(word: &str) -> Option<u64> {
    if let Ok(number) = word.parse() {
        return Some(number);
    }
    let (mut total, mut digits) = (0_u64, String::new());
    for symbol in word.chars() {
        if symbol.is_ascii_digit() {
            digits.push(symbol);
            continue;
        }
        let unit = match symbol.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    (digits.is_empty() && !word.is_empty()).then_some(total)
}

/// What a comment says: free text, then `cf_tags=` with tags and `cf-proxied`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Remark {
    text: Option<String>,
    tags: Vec<String>,
    proxied: Option<bool>,
}

impl Remark {
    fn read(comment: &str) -> Self {
        let (text, tags) = match comment.rfind("cf_tags=") {
            Some(at) if at == 0 || comment[..at].ends_with(' ') => comment.split_at(at),
            _ => (comment, ""),
        };
        let mut remark = Self { text: Some(text.trim().to_owned()).filter(|text| !text.is_empty()), ..Self::default() };
        for tag in tags.trim_start_matches("cf_tags=").split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            match tag.strip_prefix("cf-proxied:") {
                Some(value) => remark.proxied = Some(value == "true"),
                None if tag.starts_with("cf-flatten-cname") => {}
                None => remark.tags.push(tag.to_owned()),
            }
        }
        remark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let entries = read(text, "shop.com").expect(text);
        entries
            .iter()
            .map(|entry| {
                let field = |key: &str| entry.fields.get(key).cloned().unwrap_or_default();
                let content = if entry.fields.contains_key("content") { field("content") } else { field("data") };
                format!("{} {} {} {content}", field("name"), field("ttl"), field("type")).replace('"', "'")
            })
            .collect()
    }

    #[test]
    fn names_ttl_and_class_are_read_in_any_of_their_orders() {
        let text = "$TTL 1h\n@ IN A 192.0.2.1\n  300 IN A 192.0.2.2\nwww IN 60 CNAME @\n$ORIGIN eu\nx A 192.0.2.3\n";
        assert_eq!(
            shown(text),
            [
                "'shop.com.' 3600 'A' '192.0.2.1'",
                "'shop.com.' 300 'A' '192.0.2.2'",
                "'www.shop.com.' 60 'CNAME' 'shop.com'",
                "'x.eu.shop.com.' 3600 'A' '192.0.2.3'"
            ]
        );
    }

    #[test]
    fn parentheses_quotes_and_comments_are_understood() {
        let text = "@ SOA ns.x. host.x. (\n 1 ; serial\n 2 3 4 5 )\nt TXT \"a ; b\" \"c\" ; mine cf_tags=k:v,cf-proxied:false\n";
        let entries = read(text, "shop.com").expect("a file");
        assert_eq!(entries.len(), 1, "the SOA record is passed over");
        assert_eq!(entries[0].fields["content"], "\"a ; b\" \"c\"");
        assert_eq!((entries[0].fields["comment"].clone(), entries[0].fields["tags"].clone()), (json!("mine"), json!(["k:v"])));
        assert_eq!(entries[0].proxied, Some(false));
    }

    #[test]
    fn generate_counts_and_include_is_refused() {
        assert_eq!(shown("$GENERATE 1-5/2 h$ A 192.0.2.$").len(), 3);
        for (text, reason) in [
            ("$INCLUDE other.zone", "$INCLUDE is not supported"),
            ("$GENERATE 1-99999 h$ A 192.0.2.1", "too many"),
            ("@ A", "not understood"),
            ("@ IN", "no record type"),
            ("@ TXT \"open", "quote"),
            ("@ A ( 192.0.2.1", "parenthesis"),
        ] {
            let error = read(text, "shop.com").expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
