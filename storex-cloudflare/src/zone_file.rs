//! Reads the zone file of a customer's former provider (RFC 1035 §5.1, `$TTL` of RFC 2308), entry by entry: what storex can write, and what not and why.
//!
//! `$ORIGIN`, `$TTL`, parentheses, quotes, relative names and times such as `1h30m` are understood, and the trailing comments of Cloudflare's own export
//! (Cloudflare docs, "Import and export records": `; comment cf_tags=cf-proxied:true`).

use storex_core::{Code, Error, Hostname, RecordContent, RecordSpec, RecordType, Result, Ttl, TxtText};

/// Largest file, that of Cloudflare's own import (the same page: 256 KiB).
const LARGEST: usize = 256 * 1024;

/// One record of a file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Line it begins on, from 1.
    pub(crate) line: usize,
    /// Name and type, for people.
    pub(crate) what: String,
    /// The record, or why it cannot be one of ours.
    pub(crate) record: Result<RecordSpec, String>,
    /// Its comment.
    pub(crate) comment: Option<String>,
}

/// A line with its parentheses joined.
#[derive(Debug, Default)]
struct Logical {
    number: usize,
    /// It begins with a blank: the name is that of the record before.
    continues: bool,
    /// Words; those in quotes with their quotes.
    words: Vec<String>,
    comment: String,
}

/// Reads the file for this zone.
///
/// # Errors
/// `invalid_field` at `/file`, with the line: it is too large, quotes or parentheses do not close, or it holds a directive that is not understood.
pub(crate) fn read(text: &str, zone: &Hostname) -> Result<Vec<Entry>> {
    if text.len() > LARGEST {
        return Err(refused(0, "the file is larger than 256 KiB; import it in parts"));
    }
    let apex = format!("{zone}.");
    let mut reader = Reader { zone: apex.clone(), origin: apex.clone(), name: apex, ttl: Ttl::AUTOMATIC, entries: Vec::new() };
    for line in lines(text)? {
        reader.line(&line)?;
    }
    Ok(reader.entries)
}

fn refused(line: usize, why: &str) -> Error {
    let place = if line == 0 { String::new() } else { format!("line {line}: ") };
    Error::new(Code::InvalidField, format!("{place}{why}")).pointer("/file")
}

fn lines(text: &str) -> Result<Vec<Logical>> {
    let (mut lines, mut line, mut depth) = (Vec::new(), Logical::default(), 0_usize);
    for (index, row) in text.lines().enumerate() {
        let number = index + 1;
        if depth == 0 {
            (line.number, line.continues) = (number, row.starts_with([' ', '\t']));
        }
        let mut signs = row.chars().peekable();
        while let Some(sign) = signs.next() {
            match sign {
                ';' => signs.by_ref().collect::<String>().trim().clone_into(&mut line.comment),
                '(' => depth += 1,
                ')' => depth = depth.checked_sub(1).ok_or_else(|| refused(number, "a parenthesis closes that never opened"))?,
                blank if blank.is_whitespace() => {}
                first => line.words.push(word(first, &mut signs).ok_or_else(|| refused(number, "a quote is not closed"))?),
            }
        }
        if depth == 0 {
            lines.push(std::mem::take(&mut line));
        }
    }
    if depth > 0 {
        return Err(refused(line.number, "a parenthesis is not closed"));
    }
    lines.retain(|line| !line.words.is_empty());
    Ok(lines)
}

/// The word that begins with `first`; none when its quote is not closed.
fn word(first: char, signs: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut word = first.to_string();
    if first != '"' {
        while let Some(next) = signs.next_if(|next| !next.is_whitespace() && !";()\"".contains(*next)) {
            word.push(next);
        }
        return Some(word);
    }
    loop {
        let next = signs.next()?;
        word.push(next);
        match next {
            '"' => return Some(word),
            '\\' => word.push(signs.next()?),
            _ => {}
        }
    }
}

struct Reader {
    zone: String,
    origin: String,
    name: String,
    ttl: Ttl,
    entries: Vec<Entry>,
}

impl Reader {
    fn line(&mut self, line: &Logical) -> Result<()> {
        let argument = || line.words.get(1).map(String::as_str);
        match line.words.first().map(String::as_str).unwrap_or_default() {
            "$ORIGIN" => {
                let name = argument().ok_or_else(|| refused(line.number, "$ORIGIN names nothing"))?;
                self.origin = self.absolute(name);
            }
            "$TTL" => {
                let seconds = argument().and_then(seconds).ok_or_else(|| refused(line.number, "$TTL names no time"))?;
                self.ttl = nearest(seconds);
            }
            other if other.starts_with('$') => {
                let why = format!("{other} is not understood; write the records out and import them again");
                return Err(refused(line.number, &why));
            }
            _ if line.continues => self.entry(line, &line.words),
            name => {
                self.name = self.absolute(name);
                self.entry(line, line.words.get(1..).unwrap_or_default());
            }
        }
        Ok(())
    }

    fn absolute(&self, name: &str) -> String {
        match name {
            "@" => self.origin.clone(),
            full if full.ends_with('.') => full.to_ascii_lowercase(),
            relative => format!("{relative}.{}", self.origin).to_ascii_lowercase(),
        }
    }

    /// `[ttl] [class] type content`, time and class in either order.
    fn entry(&mut self, line: &Logical, words: &[String]) {
        let (mut ttl, mut rest) = (self.ttl, words);
        let kind = loop {
            let Some((word, after)) = rest.split_first() else { break String::new() };
            rest = after;
            match (seconds(word), word.to_ascii_uppercase()) {
                (Some(seconds), _) => ttl = nearest(seconds),
                (None, class) if matches!(class.as_str(), "IN" | "CH" | "HS") => {}
                (None, kind) => break kind,
            }
        };
        let remark = Remark::read(&line.comment);
        let record = if kind == "SOA" || kind == "NS" && self.name == self.zone {
            Err("Cloudflare makes the zone's own SOA and NS records".to_owned())
        } else {
            self.record(&kind, rest, ttl, remark.proxied).map_err(|error| error.message().to_owned())
        };
        let what = format!("{kind} {}", self.name.trim_end_matches('.'));
        self.entries.push(Entry { line: line.number, what, record, comment: remark.text });
    }

    fn record(&self, kind: &str, words: &[String], ttl: Ttl, proxied: bool) -> Result<RecordSpec> {
        let kind: RecordType = kind.parse()?;
        let text = match (kind, words) {
            (RecordType::Txt, _) => strings(words),
            (RecordType::Cname, [target]) => self.absolute(target),
            (RecordType::Mx, [priority, host]) => format!("{priority} {}", self.absolute(host)),
            (RecordType::Srv, [priority, weight, port, host]) => format!("{priority} {weight} {port} {}", self.absolute(host)),
            _ => words.join(" "),
        };
        let record = RecordSpec::new(self.name.parse()?, RecordContent::parse(kind, &text)?)?;
        record.with_ttl(if proxied { Ttl::AUTOMATIC } else { ttl })?.with_proxy(proxied)
    }
}

/// The text of several strings, quoted or not.
fn strings(words: &[String]) -> String {
    words.iter().map(|word| TxtText::unquote(word).unwrap_or_else(|| word.clone())).collect()
}

/// The time to live a record can have that is nearest to this.
fn nearest(seconds: u32) -> Ttl {
    Ttl::seconds(seconds).or_else(|_| Ttl::seconds(seconds.clamp(60, 86_400))).unwrap_or_default()
}

/// A number of seconds, or BIND's `1h30m`.
fn seconds(word: &str) -> Option<u32> {
    if let Ok(number) = word.parse() {
        return Some(number);
    }
    let (mut total, mut digits) = (0_u32, String::new());
    for sign in word.chars() {
        if sign.is_ascii_digit() {
            digits.push(sign);
            continue;
        }
        let unit = match sign.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(digits.parse::<u32>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    (digits.is_empty() && !word.is_empty()).then_some(total)
}

/// What a trailing comment says.
struct Remark {
    text: Option<String>,
    proxied: bool,
}

impl Remark {
    fn read(comment: &str) -> Self {
        let (text, tags) =
            comment.rsplit_once("cf_tags=").filter(|(text, _)| text.is_empty() || text.ends_with(' ')).unwrap_or((comment, ""));
        let proxied = tags.split(',').any(|tag| tag.trim() == "cf-proxied:true");
        Self { text: Some(text.trim().to_owned()).filter(|text| !text.is_empty()), proxied }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let entries = read(text, &"shop.com".parse().unwrap()).expect(text);
        let shown = |entry: Entry| match entry.record {
            Ok(record) => format!(
                "{} {} {} {} {}",
                record.record_type(),
                record.name(),
                record.ttl().get(),
                record.is_proxied(),
                record.content()
            ),
            Err(why) => format!("line {} {}: {why}", entry.line, entry.what),
        };
        entries.into_iter().map(shown).collect()
    }

    #[test]
    fn names_times_and_classes_are_read_in_any_of_their_orders() {
        let text =
            "$TTL 1h\n@ IN A 192.0.2.1\n  300 IN A 192.0.2.2\nWWW IN 60 CNAME @\n$ORIGIN eu\nx A 192.0.2.3\n@ MX 10 mail\n";
        let records = [
            "A shop.com 3600 false 192.0.2.1",
            "A shop.com 300 false 192.0.2.2",
            "CNAME www.shop.com 60 false shop.com",
            "A x.eu.shop.com 3600 false 192.0.2.3",
            "MX eu.shop.com 3600 false 10 mail.eu.shop.com",
        ];
        assert_eq!(shown(text), records);
    }

    #[test]
    fn parentheses_quotes_and_comments_are_understood() {
        let text = "@ SOA ns.x. host.x. (\n 1 ; serial\n 2 3 4 5 )\nt TXT \"a ; b\" c ; mine cf_tags=cf-proxied:false\nw A 192.0.2.1 ; cf_tags=cf-proxied:true\n_sip._tcp SRV 1 2 5060 sip\n@ CAA 0 issue \"ca.net\"\n";
        let records = [
            "line 1 SOA shop.com: Cloudflare makes the zone's own SOA and NS records",
            "TXT t.shop.com 1 false a ; bc",
            "A w.shop.com 1 true 192.0.2.1",
            "SRV _sip._tcp.shop.com 1 false 1 2 5060 sip.shop.com",
            "CAA shop.com 1 false 0 issue \"ca.net\"",
        ];
        assert_eq!(shown(text), records);
        assert_eq!(read(text, &"shop.com".parse().unwrap()).unwrap()[1].comment.as_deref(), Some("mine"));
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line() {
        for (text, line) in [
            ("\n@ TXT \"open", "line 2"),
            ("@ A ( 192.0.2.1", "line 1"),
            ("@ A )", "line 1"),
            ("$INCLUDE x", "line 1"),
            ("$GENERATE 1-2 h$ A 192.0.2.$", "line 1"),
        ] {
            let error = read(text, &"shop.com".parse().unwrap()).expect_err(text);
            assert_eq!(error.pointer_str(), Some("/file"));
            assert!(error.message().starts_with(line), "{error}");
        }
        assert_eq!(
            shown("@ LOC 51 30 N\n@ MX 10\n").len(),
            2,
            "a record that cannot be written is no reason to refuse the others"
        );
        assert!(read(&"; x\n".repeat(100_000), &"shop.com".parse().unwrap()).is_err());
    }
}
