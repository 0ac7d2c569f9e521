//! Lists, read to their end or not at all.

use crate::client::CloudflareClient;
use crate::endpoint::Endpoint;
use crate::error::Failure;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use storex_core::{Code, Error};

/// How often a list is read from its beginning when its pages do not fit together.
const ROUNDS: u32 = 3;

/// All items of a list. A short page, a total that changes between pages or does not fit the items means that the list changed or was cut
/// short while it was read: it is read again, and after three times that is an error. It is never taken for a shorter list.
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

async fn read_once<T: DeserializeOwned>(
    client: &CloudflareClient,
    endpoint: &Endpoint<Vec<T>>,
    per_page: u32,
    deadline: Option<Timestamp>,
) -> Result<Option<Vec<T>>, Failure> {
    let mut items = Vec::new();
    let mut announced = None;
    for page in 1_u64.. {
        let wanted = endpoint.clone().query("page", page.to_string()).query("per_page", per_page.to_string());
        let answer = client.read(&wanted, deadline).await?;
        // Without a total nothing proves that this is all: an error, since asking again will not bring one.
        let Some(total) = answer.info.as_ref().and_then(|info| info.total_count) else {
            return Err(Failure::Doubt(Error::new(
                Code::CloudflareAnswer,
                format!("{} answered a list without a total", endpoint.name()),
            )));
        };
        let here = answer.result.len() as u64;
        let counted = answer.info.and_then(|info| info.count).unwrap_or(here);
        items.extend(answer.result);
        let read = items.len() as u64;
        if counted != here || *announced.get_or_insert(total) != total || read > total {
            return Ok(None);
        }
        if read == total {
            return Ok(Some(items));
        }
        if here == 0 {
            return Ok(None);
        }
    }
    Ok(None)
}
