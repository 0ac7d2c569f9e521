//! Lists, read to their end or not at all.

use crate::client::CloudflareClient;
use crate::endpoint::Endpoint;
use crate::error::Failure;
use crate::wire::ResultInfo;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use storex_core::{Code, Error};

/// How often a list is read from its beginning when its pages do not fit together.
const ROUNDS: u32 = 3;

/// All items of a list. A short page, a total that changes between pages or does not fit the items means that the list changed or was cut
/// short while it was read: it is read again, and after three times that is an error. It is never taken for a shorter list.
///
/// How far a list goes is what its `result_info` says, not what was asked for, since Cloudflare clamps `per_page`: a total of items, else a total of
/// pages, else a cursor to the next page. A list that says none of them proves nothing.
pub(crate) async fn read_all<T: DeserializeOwned>(
    client: &CloudflareClient,
    endpoint: &Endpoint<Vec<T>>,
    per_page: u32,
    deadline: Option<Timestamp>,
) -> Result<Vec<T>, Failure> {
    for _ in 0..ROUNDS {
        if let Some(items) = read_once(client, endpoint, per_page, deadline).await? {
            return Ok(items);
        }
    }
    Err(Failure::Doubt(Error::new(Code::CloudflareAnswer, format!("the pages of {} do not fit together", endpoint.name()))))
}

/// Where a list ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// After this many items.
    Items(u64),
    /// After this many pages.
    Pages(u64),
    /// When there is no cursor to a next page.
    NoCursor,
}

/// Where the list ends by what a page says.
fn end(info: &ResultInfo) -> Option<End> {
    let cursor = info.cursor.as_ref().map(|_| End::NoCursor);
    info.total_count.map(End::Items).or(info.total_pages.map(End::Pages)).or(cursor)
}

async fn read_once<T: DeserializeOwned>(
    client: &CloudflareClient,
    endpoint: &Endpoint<Vec<T>>,
    per_page: u32,
    deadline: Option<Timestamp>,
) -> Result<Option<Vec<T>>, Failure> {
    let (mut items, mut announced, mut cursor) = (Vec::new(), None, None::<String>);
    for page in 1_u64.. {
        let mut wanted = endpoint.clone().query("per_page", per_page.to_string());
        wanted = match &cursor {
            Some(cursor) => wanted.query("cursor", cursor.as_str()),
            None => wanted.query("page", page.to_string()),
        };
        let answer = client.read(&wanted, deadline).await?;
        let info = answer.info.unwrap_or_default();
        // Without an end nothing proves that this is all: an error, since asking again will not bring one.
        let Some(end) = end(&info) else {
            let message = format!("{} answered a list without a total", endpoint.name());
            return Err(Failure::Doubt(Error::new(Code::CloudflareAnswer, message)));
        };
        let here = answer.result.len() as u64;
        items.extend(answer.result);
        let read = items.len() as u64;
        if info.count.unwrap_or(here) != here || *announced.get_or_insert_with(|| end.clone()) != end {
            return Ok(None);
        }
        let (whole, short) = match end {
            End::Items(total) => (read == total, read > total || here == 0),
            End::Pages(total) => (page >= total, here == 0),
            End::NoCursor => (info.cursor.as_deref() == Some(""), info.cursor == cursor),
        };
        if whole {
            return Ok(Some(items));
        }
        if short {
            return Ok(None);
        }
        cursor = info.cursor.filter(|_| end == End::NoCursor);
    }
    Ok(None)
}
