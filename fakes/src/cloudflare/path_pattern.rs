//! A syntax check of Go's regular expressions, as far as a path in an ingress rule can go wrong: brackets, quantifiers,
//! a trailing backslash, and the constructs Go does not have. It refuses nothing Go accepts among ordinary patterns.

/// Checks `pattern`.
///
/// # Errors
/// The reason in the words of Go's `regexp/syntax`.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    let mut symbols = pattern.chars().peekable();
    let mut open = 0_usize;
    let mut repeatable = false;
    while let Some(symbol) = symbols.next() {
        repeatable = match symbol {
            '\\' => match symbols.next() {
                None => return Err(syntax("trailing backslash at end of expression", "")),
                Some(digit @ '1'..='9') => return Err(syntax("invalid escape sequence", &format!("\\{digit}"))),
                Some(_) => true,
            },
            '[' => {
                let first = symbols.next_if_eq(&'^').is_some();
                let mut closed = false;
                let mut items = 0_usize;
                while let Some(item) = symbols.next() {
                    match item {
                        ']' if items > 0 => {
                            closed = true;
                            break;
                        }
                        '\\' => {
                            symbols.next();
                        }
                        _ => {}
                    }
                    items += 1;
                }
                if !closed {
                    return Err(syntax("missing closing ]", if first { "[^" } else { "[" }));
                }
                true
            }
            '(' => {
                open += 1;
                if symbols.next_if_eq(&'?').is_some() {
                    check_group(&mut symbols)?;
                }
                false
            }
            ')' => {
                open = open.checked_sub(1).ok_or_else(|| syntax("unexpected )", pattern))?;
                true
            }
            '*' | '+' | '?' if !repeatable => {
                return Err(syntax("missing argument to repetition operator", &symbol.to_string()));
            }
            '*' | '+' | '?' => {
                symbols.next_if_eq(&'?');
                false
            }
            '|' => false,
            _ => true,
        };
    }
    if open > 0 { Err(syntax("missing closing )", pattern)) } else { Ok(()) }
}

/// What follows `(?`: flags, a name or `:`; look-around is not in Go.
fn check_group(symbols: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<(), String> {
    match symbols.next() {
        Some('P') if symbols.next_if_eq(&'<').is_some() => Ok(()),
        Some('<') if !matches!(symbols.peek(), Some('=' | '!')) => Ok(()),
        Some(':' | 'i' | 'm' | 's' | 'U' | '-') => Ok(()),
        other => Err(syntax("invalid or unsupported Perl syntax", &format!("(?{}", other.unwrap_or_default()))),
    }
}

fn syntax(reason: &str, part: &str) -> String {
    format!("error parsing regexp: {reason}: `{part}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_go_compiles_pass() {
        for pattern in
            ["/api", "^/api/(.*)$", "\\.(jpg|png|css|js)$", "[^/]+/[a-z\\]]*?", "(?i)/x", "(?:a|b)+", "(?P<n>a)", "a{2,3}"]
        {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn patterns_go_refuses_are_refused() {
        for pattern in ["*/subpath2", "a**", "(a", "a)", "[a", "[]", "a\\", "(?=a)", "(?!a)", "(?<=a)", "(a)\\1", "a|*"] {
            assert!(check(pattern).is_err_and(|reason| reason.starts_with("error parsing regexp: ")), "{pattern}");
        }
    }
}
