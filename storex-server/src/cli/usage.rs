//! What is wrong with the arguments, said without the credentials of an address among them.

use super::streams::Streams;
use clap::Error;

/// Prints what the parser says. It repeats what it did not expect, and that may be a connection string with its password.
pub(super) fn print(message: &Error) {
    let text = message.render().to_string();
    let shown = without_credentials(&text);
    if shown == text {
        // A reader that is gone needs no message.
        let _gone = message.print();
    } else {
        Streams::new(false).error(&shown);
    }
}

/// The text with `***` for what stands between `://` and the last `@` of the same word.
fn without_credentials(text: &str) -> String {
    let word = |word: &str| {
        let masked = word.find("://").and_then(|scheme| {
            let begin = scheme + "://".len();
            let end = word.rfind('@').filter(|end| *end >= begin)?;
            Some([word.get(..begin)?, "***", word.get(end..)?].concat())
        });
        masked.unwrap_or_else(|| word.to_owned())
    };
    text.split_inclusive(char::is_whitespace).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_and_all_else_stays() {
        let said = "error: unexpected argument 'mongodb://storex:p@ss:word@db1,db2/storex' found\n\nUsage: storex db check\n";
        let shown = "error: unexpected argument 'mongodb://***@db1,db2/storex' found\n\nUsage: storex db check\n";
        assert_eq!(without_credentials(said), shown);
        for plain in ["", "a@b", "http://127.0.0.1:8080/a", "mail me@shop.com  or\tsee https://shop.com\n"] {
            assert_eq!(without_credentials(plain), plain);
        }
    }
}
