//! Reads a form (RFC 7578) of a few small fields, as the import of records sends one.

/// The fields of a form in their order: name and bytes. `None` when the body is no such form.
pub(super) fn read(content_type: &str, body: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let boundary = parameter(content_type.strip_prefix("multipart/form-data")?, "boundary")?;
    let delimiter = format!("--{boundary}");
    let mut fields = Vec::new();
    for part in split(body, delimiter.as_bytes()).into_iter().skip(1) {
        if part.starts_with(b"--") {
            return Some(fields);
        }
        let part = part.strip_prefix(b"\r\n")?.strip_suffix(b"\r\n")?;
        let end = part.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(part.get(..end)?).ok()?;
        let disposition = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
        fields.push((parameter(disposition, "name")?, part.get(end + 4..)?.to_vec()));
    }
    None
}

/// The value of `; key=value` or `; key="value"`.
fn parameter(text: &str, key: &str) -> Option<String> {
    let start = format!("{key}=");
    let value = text.split(';').map(str::trim).find_map(|part| part.strip_prefix(&start))?;
    Some(value.trim_matches('"').to_owned())
}

fn split<'b>(body: &'b [u8], delimiter: &[u8]) -> Vec<&'b [u8]> {
    let (mut parts, mut rest) = (Vec::new(), body);
    while let Some(at) = rest.windows(delimiter.len()).position(|window| window == delimiter) {
        let (part, after) = rest.split_at(at);
        parts.push(part);
        rest = after.get(delimiter.len()..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_its_fields_and_anything_else_is_none() {
        let body = b"--x y\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Type: text/plain\r\n\r\n@ A 1\r\n\r\n--x y\r\nContent-Disposition: form-data; name=\"proxied\"\r\n\r\ntrue\r\n--x y--\r\n";
        let form = read("multipart/form-data; boundary=\"x y\"", body).expect("a form");
        assert_eq!(form, [("file".to_owned(), b"@ A 1\r\n".to_vec()), ("proxied".to_owned(), b"true".to_vec())]);
        assert_eq!(read("application/json", b"{}"), None);
        assert_eq!(read("multipart/form-data; boundary=z", body), None);
        assert_eq!(read("multipart/form-data; boundary=\"x y\"", &body[..body.len() - 10]), None, "cut off");
    }
}
