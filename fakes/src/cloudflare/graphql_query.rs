//! Reads a GraphQL query: one operation with fields, aliases, arguments and variables. Fragments and directives, which storex
//! and the documentation's examples do not use for analytics, are refused rather than misread.

use serde_json::{Map, Value};

/// A selected field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// What it is called in the answer.
    pub(super) alias: String,
    /// What it is.
    pub(super) name: String,
    /// Its arguments, variables filled in.
    pub(super) arguments: Map<String, Value>,
    /// What is selected of it.
    pub(super) fields: Vec<Self>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(String),
    Number(String),
    Variable(String),
    Sign(char),
}

/// Reads `query`.
///
/// # Errors
/// What is wrong, in a few words.
pub(super) fn read(query: &str, variables: &Map<String, Value>) -> Result<Vec<Field>, String> {
    let mut reader = Reader { tokens: tokens(query)?, at: 0, variables };
    if reader.take_name("mutation") || reader.take_name("subscription") {
        return Err("only queries are served".to_owned());
    }
    if reader.take_name("query") {
        if matches!(reader.peek(), Some(Token::Name(_))) {
            reader.at += 1;
        }
        reader.skip_definitions()?;
    }
    let fields = reader.selection(0)?;
    if reader.peek().is_some() { Err("only one operation is served".to_owned()) } else { Ok(fields) }
}

fn tokens(query: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut symbols = query.chars().peekable();
    while let Some(symbol) = symbols.next() {
        let mut rest = |first: Option<char>, fits: fn(char) -> bool| {
            let mut word: String = first.into_iter().collect();
            while let Some(next) = symbols.next_if(|next| fits(*next)) {
                word.push(next);
            }
            word
        };
        match symbol {
            '#' => drop(rest(None, |next| next != '\n')),
            '"' => {
                let mut text = String::new();
                loop {
                    match symbols.next().ok_or("a text is not closed")? {
                        '"' => break,
                        '\\' => text.extend(symbols.next()),
                        other => text.push(other),
                    }
                }
                tokens.push(Token::Text(text));
            }
            '$' => tokens.push(Token::Variable(rest(None, is_word))),
            '-' | '0'..='9' => tokens.push(Token::Number(rest(Some(symbol), |next| next.is_ascii_digit() || next == '.'))),
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '!' | '=' => tokens.push(Token::Sign(symbol)),
            ',' => {}
            blank if blank.is_whitespace() => {}
            first if is_word(first) => tokens.push(Token::Name(rest(Some(first), is_word))),
            other => return Err(format!("unexpected {other:?}")),
        }
    }
    Ok(tokens)
}

fn is_word(symbol: char) -> bool {
    symbol.is_ascii_alphanumeric() || symbol == '_'
}

struct Reader<'v> {
    tokens: Vec<Token>,
    at: usize,
    variables: &'v Map<String, Value>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("the query ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn take(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    fn take_name(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Name(known)) if known == name);
        self.at += usize::from(found);
        found
    }

    /// Variable definitions: their types are not checked.
    fn skip_definitions(&mut self) -> Result<(), String> {
        if self.take('(') {
            while self.next()? != Token::Sign(')') {}
        }
        Ok(())
    }

    fn selection(&mut self, depth: usize) -> Result<Vec<Field>, String> {
        if !self.take('{') || depth > 16 {
            return Err("a selection is missing or too deep".to_owned());
        }
        let mut fields = Vec::new();
        while !self.take('}') {
            let first = self.name()?;
            let name = if self.take(':') { self.name()? } else { first.clone() };
            let mut arguments = Map::new();
            if self.take('(') {
                while !self.take(')') {
                    let key = self.name()?;
                    self.colon()?;
                    arguments.insert(key, self.value()?);
                }
            }
            let fields_of = if self.peek() == Some(&Token::Sign('{')) { self.selection(depth + 1)? } else { Vec::new() };
            fields.push(Field { alias: first, name, arguments, fields: fields_of });
        }
        Ok(fields)
    }

    fn name(&mut self) -> Result<String, String> {
        match self.next()? {
            Token::Name(name) => Ok(name),
            other => Err(format!("a name was expected, not {other:?}")),
        }
    }

    fn colon(&mut self) -> Result<(), String> {
        if self.take(':') { Ok(()) } else { Err("a colon was expected".to_owned()) }
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.next()? {
            Token::Text(text) => Ok(Value::String(text)),
            Token::Number(number) => serde_json::from_str(&number).map_err(|_| format!("{number} is not a number")),
            Token::Variable(name) => {
                self.variables.get(&name).cloned().ok_or_else(|| format!("the variable ${name} is not given"))
            }
            Token::Name(word) => Ok(match word.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                _ => Value::String(word),
            }),
            Token::Sign('[') => {
                let mut items = Vec::new();
                while !self.take(']') {
                    items.push(self.value()?);
                }
                Ok(Value::Array(items))
            }
            Token::Sign('{') => {
                let mut fields = Map::new();
                while !self.take('}') {
                    let key = self.name()?;
                    self.colon()?;
                    fields.insert(key, self.value()?);
                }
                Ok(Value::Object(fields))
            }
            Token::Sign(sign) => Err(format!("unexpected {sign:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_is_its_fields_with_variables_filled_in() {
        let variables = json!({"zone": "abc"}).as_object().cloned().expect("an object");
        let text =
            "query Shops($zone: string!) { viewer { all: zones(filter: {zoneTag_in: [$zone]}, limit: 5) { n: count } } } # end";
        let fields = read(text, &variables).expect("a query");
        let zones = &fields[0].fields[0];
        assert_eq!((zones.alias.as_str(), zones.name.as_str()), ("all", "zones"));
        assert_eq!(Value::Object(zones.arguments.clone()), json!({"filter": {"zoneTag_in": ["abc"]}, "limit": 5}));
        assert_eq!(zones.fields[0].alias, "n");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in ["", "{", "{ a ( }", "mutation { a }", "{ a } { b }", "{ a(b: $c) }", "{ ...x }", "{ a(b: \"open) }"] {
            assert!(read(text, &Map::new()).is_err(), "{text}");
        }
    }
}
