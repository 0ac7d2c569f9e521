//! Licence expressions: `OR` needs one allowed side, `AND` needs both, `WITH` names one licence together with its exception.

/// Whether the expression can be met with the allowed licences alone. What cannot be read is not met.
pub(crate) fn is_met(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { tokens: &tokens, allowed };
    parser.any_of() == Some(true) && parser.tokens.is_empty()
}

struct Parser<'a> {
    tokens: &'a [&'a str],
    allowed: &'a [&'a str],
}

impl Parser<'_> {
    fn any_of(&mut self) -> Option<bool> {
        let mut met = self.all_of()?;
        while self.take("OR") {
            met |= self.all_of()?;
        }
        Some(met)
    }

    fn all_of(&mut self) -> Option<bool> {
        let mut met = self.licence()?;
        while self.take("AND") {
            met &= self.licence()?;
        }
        Some(met)
    }

    fn licence(&mut self) -> Option<bool> {
        if self.take("(") {
            let met = self.any_of()?;
            return self.take(")").then_some(met);
        }
        let name = self.word()?;
        if self.take("WITH") {
            let exception = self.word()?;
            return Some(self.allowed.contains(&format!("{name} WITH {exception}").as_str()));
        }
        Some(self.allowed.contains(&name.as_str()))
    }

    fn take(&mut self, token: &str) -> bool {
        match self.tokens.split_first() {
            Some((first, rest)) if *first == token => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    fn word(&mut self) -> Option<String> {
        let (first, rest) = self.tokens.split_first()?;
        if ["OR", "AND", "WITH", "(", ")"].contains(first) {
            return None;
        }
        self.tokens = rest;
        Some((*first).to_owned())
    }
}

#[test]
fn or_needs_one_side_and_needs_both_and_parentheses_bind() {
    let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"];
    for met in
        ["MIT", "MIT OR GPL-3.0", "MIT/Apache-2.0", "GPL-3.0 OR (MIT AND Apache-2.0)", "Apache-2.0 WITH LLVM-exception", "(MIT)"]
    {
        assert!(is_met(met, &allowed), "{met}");
    }
    for refused in [
        "GPL-3.0-only",
        "MIT AND GPL-3.0-only",
        "(MIT OR GPL-3.0) AND AGPL-3.0",
        "MIT AND GPL-3.0 OR GPL-2.0",
        "MIT WITH LLVM-exception",
        "Apache-2.0 WITH Classpath-exception-2.0",
        "",
        "MIT OR",
        "(MIT",
        "MIT)",
        "MIT MIT",
        "OR MIT",
    ] {
        assert!(!is_met(refused, &allowed), "{refused}");
    }
}

#[test]
fn and_binds_tighter_than_or() {
    assert!(is_met("MIT OR GPL-3.0 AND GPL-2.0", &["MIT"]));
    assert!(!is_met("(MIT OR GPL-3.0) AND GPL-2.0", &["MIT"]));
}
