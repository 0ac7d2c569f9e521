//! What a backslash begins.

use super::{Parser, Stricter, SyntaxError, folded, read};

impl<'p> Parser<'p> {
    /// From `\` on, outside a class; answers what follows.
    pub(super) fn escaped(&mut self, rest: &'p str) -> Result<&'p str, SyntaxError> {
        let after = rest.get(1..).unwrap_or_default();
        let Some(letter) = after.chars().next() else { return Err(trailing()) };
        let behind = after.get(letter.len_utf8()..).unwrap_or_default();
        match letter {
            'A' => self.branch.push(r"\A"),
            'z' => self.branch.push(r"\z"),
            'b' => self.branch.push(r"(?-u:\b)"),
            'B' => self.branch.push(r"(?-u:\B)"),
            'Q' => {
                let (text, behind) = behind.split_once(r"\E").unwrap_or((behind, ""));
                text.chars().for_each(|literal| self.literal(u32::from(literal)));
                return Ok(behind);
            }
            _ => return self.class_or_character(rest),
        }
        Ok(behind)
    }

    fn class_or_character(&mut self, rest: &'p str) -> Result<&'p str, SyntaxError> {
        if let Some(behind) = unicode_class(rest, &mut self.stricter)? {
            self.branch.push(super::class::NOTHING);
            return Ok(behind);
        }
        if let Some((class, behind)) = perl_class(rest) {
            self.branch.push(folded(class.to_owned(), self.flags));
            return Ok(behind);
        }
        let (code, behind) = character(rest)?;
        self.literal(code);
        Ok(behind)
    }
}

fn trailing() -> SyntaxError {
    SyntaxError::new("trailing backslash at end of expression", "")
}

/// `\d`, `\s`, `\w` and their opposites, as Go has them (`regexp/syntax/perl_groups.go`), and what follows.
pub(super) fn perl_class(rest: &str) -> Option<(&'static str, &str)> {
    let class = match rest.get(..2)? {
        r"\d" => "[0-9]",
        r"\D" => "[^0-9]",
        r"\s" => r"[\t\n\f\r ]",
        r"\S" => r"[^\t\n\f\r ]",
        r"\w" => "[0-9A-Za-z_]",
        r"\W" => "[^0-9A-Za-z_]",
        _ => return None,
    };
    Some((class, rest.get(2..)?))
}

/// `\pL`, `\p{Greek}` and their opposites: read over, noted as refused. Answers what follows.
pub(super) fn unicode_class<'p>(rest: &'p str, stricter: &mut Option<Stricter>) -> Result<Option<&'p str>, SyntaxError> {
    let Some(name) = rest.strip_prefix(r"\p").or_else(|| rest.strip_prefix(r"\P")) else { return Ok(None) };
    let Some(first) = name.chars().next() else { return Err(SyntaxError::new("invalid character class range", rest)) };
    stricter.get_or_insert(Stricter::PathUnicodeClass);
    if first != '{' {
        return Ok(name.get(first.len_utf8()..));
    }
    let (_, after) = name.split_once('}').ok_or_else(|| SyntaxError::new("invalid character class range", rest))?;
    Ok(Some(after))
}

/// One character written with a backslash, and what follows. It may be a surrogate, which matches nothing.
pub(super) fn character(rest: &str) -> Result<(u32, &str), SyntaxError> {
    let after = rest.get(1..).unwrap_or_default();
    let Some(symbol) = after.chars().next() else { return Err(trailing()) };
    let behind = after.get(symbol.len_utf8()..).unwrap_or_default();
    let refused = |behind: &str| SyntaxError::new("invalid escape sequence", read(rest, behind));
    let code = match symbol {
        'a' => 0x07,
        'f' => 0x0c,
        'n' => 0x0a,
        'r' => 0x0d,
        't' => 0x09,
        'v' => 0x0b,
        '0' => return Ok(octal(after)),
        // One digit alone would be a reference to a group.
        '1'..='7' if behind.starts_with(is_octal) => return Ok(octal(after)),
        'x' => return hexadecimal(behind).map_err(refused),
        other if other.is_ascii() && !other.is_ascii_alphanumeric() => u32::from(other),
        _ => return Err(refused(behind)),
    };
    Ok((code, behind))
}

fn is_octal(symbol: char) -> bool {
    ('0'..='7').contains(&symbol)
}

/// Up to three octal digits.
fn octal(digits: &str) -> (u32, &str) {
    let count = digits.chars().take(3).take_while(|symbol| is_octal(*symbol)).count();
    let (number, after) = digits.split_at_checked(count).unwrap_or((digits, ""));
    (u32::from_str_radix(number, 8).unwrap_or_default(), after)
}

/// `41` or `{1F600}`; the error is what follows the part that was read.
fn hexadecimal(rest: &str) -> Result<(u32, &str), &str> {
    let mut symbols = rest.chars();
    let Some(first) = symbols.next() else { return Err(rest) };
    if first != '{' {
        let second = symbols.next().ok_or("")?;
        let digits = first.to_digit(16).zip(second.to_digit(16));
        return digits.map(|(high, low)| (high * 16 + low, symbols.as_str())).ok_or(symbols.as_str());
    }
    let mut code = None;
    while let Some(symbol) = symbols.next() {
        if symbol == '}' {
            return code.map(|code| (code, symbols.as_str())).ok_or(symbols.as_str());
        }
        let Some(digit) = symbol.to_digit(16) else { break };
        let larger = code.unwrap_or(0) * 16 + digit;
        if larger > u32::from(char::MAX) {
            break;
        }
        code = Some(larger);
    }
    Err(symbols.as_str())
}
