//! Frames of PM2's sockets.
//!
//! A frame is one byte, version 1 in its high half and the number of parts in its low half, then each part as its length (u32, big endian) and its
//! bytes. A part that begins with `j:` is JSON, with `s:` text, anything else is bytes as they are.

use serde_json::Value;
use storex_core::{Code, Error, Result};

/// Frames above this size are refused. A process takes about 1 KiB of the largest answer, the list.
const FRAME_LIMIT: usize = 64 * 1024 * 1024;
const VERSION: u8 = 0x10;
const MOST_PARTS: usize = 15;

/// One part of a frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// A JSON value.
    Json(Value),
    /// Text.
    Text(String),
    /// Bytes that are neither.
    Bytes(Vec<u8>),
}

/// The bytes of a frame.
///
/// # Errors
/// `internal` for more than 15 parts or too large ones.
pub(super) fn encode(parts: &[Part]) -> Result<Vec<u8>> {
    let too_large = || Error::new(Code::Internal, "the frame is too large for PM2");
    let count = u8::try_from(parts.len()).ok().filter(|_| parts.len() <= MOST_PARTS).ok_or_else(too_large)?;
    let mut frame = vec![VERSION | count];
    for part in parts {
        let bytes = match part {
            Part::Json(value) => format!("j:{value}").into_bytes(),
            Part::Text(text) => format!("s:{text}").into_bytes(),
            Part::Bytes(bytes) => bytes.clone(),
        };
        frame.extend(u32::try_from(bytes.len()).map_err(|_| too_large())?.to_be_bytes());
        frame.extend(bytes);
    }
    Ok(frame)
}

/// The first frame in `bytes` and its length; `None` while it is incomplete.
///
/// # Errors
/// `unavailable` for bytes that begin no frame.
pub(super) fn decode(bytes: &[u8]) -> Result<Option<(Vec<Part>, usize)>> {
    let Some((first, mut rest)) = bytes.split_first() else {
        return Ok(None);
    };
    if first & 0xf0 != VERSION {
        return Err(undecodable("another version of the protocol"));
    }
    let mut raw = Vec::new();
    for _ in 0..first & 0x0f {
        let Some((length, behind)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > FRAME_LIMIT || bytes.len() > FRAME_LIMIT {
            return Err(undecodable("a frame of more than 64 MiB"));
        }
        let Some((part, behind)) = behind.split_at_checked(length) else {
            return Ok(None);
        };
        raw.push(part);
        rest = behind;
    }
    let parts = raw.into_iter().map(part).collect::<Result<_>>()?;
    Ok(Some((parts, bytes.len() - rest.len())))
}

fn part(bytes: &[u8]) -> Result<Part> {
    Ok(match bytes {
        [b'j', b':', json @ ..] => Part::Json(serde_json::from_slice(json).map_err(|_| undecodable("a part that is no JSON"))?),
        [b's', b':', text @ ..] => Part::Text(String::from_utf8_lossy(text).into_owned()),
        other => Part::Bytes(other.to_vec()),
    })
}

fn undecodable(what: &str) -> Error {
    Error::new(Code::Unavailable, format!("the PM2 daemon sent {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_ping_is_these_bytes() {
        let call = json!({"type": "call", "method": "ping", "args": [{}]});
        let frame = encode(&[Part::Json(call), Part::Text("1".to_owned())]).unwrap();
        let mut wanted = b"\x12\x00\x00\x00\x2d".to_vec();
        wanted.extend(br#"j:{"type":"call","method":"ping","args":[{}]}"#);
        wanted.extend(b"\x00\x00\x00\x03s:1");
        assert_eq!(frame, wanted);
        assert_eq!(frame.len(), 57);
    }

    #[test]
    fn what_begins_no_frame_is_refused() {
        assert!(decode(b"HTTP/1.1 200 OK").is_err());
        assert!(decode(b"\x22\x00").is_err());
        assert!(decode(b"\x11\xff\xff\xff\xff").is_err());
        assert!(decode(b"\x11\x00\x00\x00\x03j:{").is_err());
        assert_eq!(decode(b"").unwrap(), None);
        assert_eq!(decode(b"\x10").unwrap(), Some((Vec::new(), 1)));
        assert!(encode(&vec![Part::Text(String::new()); 16]).is_err());
    }

    fn any_part() -> impl Strategy<Value = Part> {
        prop_oneof![
            any::<String>().prop_map(Part::Text),
            proptest::collection::vec(any::<u8>(), 0..64)
                .prop_filter("would read as another part", |bytes| !bytes.starts_with(b"j:") && !bytes.starts_with(b"s:"))
                .prop_map(Part::Bytes),
            (any::<String>(), any::<i64>())
                .prop_map(|(text, number)| Part::Json(json!({"text": text, "list": [number, null, true]}))),
        ]
    }

    proptest! {
        #[test]
        fn a_frame_comes_back_as_it_was_and_only_when_it_is_whole(parts in proptest::collection::vec(any_part(), 0..=MOST_PARTS), behind in any::<Vec<u8>>()) {
            let frame = encode(&parts).unwrap();
            for cut in 0..frame.len() {
                prop_assert_eq!(decode(&frame[..cut]).unwrap(), None);
            }
            let length = frame.len();
            let bytes = [frame, behind].concat();
            prop_assert_eq!(decode(&bytes).unwrap(), Some((parts, length)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
            let _answer = decode(&bytes);
        }
    }
}
