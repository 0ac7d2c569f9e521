//! The batch of record changes: deletes, then patches, then puts, then posts, each in the order given; one transaction.
//! The first refusal is the answer and nothing is applied (documentation page "Batch record changes").

use serde_json::{Map, Value};

use super::dns_records::render;
use super::envelope::{Outcome, Refusal, Success};
use super::exchange::Exchange;
use super::record_book::{Fields, RecordBook};

/// The lists of a batch in the order they are executed.
const ORDER: [&str; 4] = ["deletes", "patches", "puts", "posts"];

/// `POST /zones/{zone}/dns_records/batch`
pub(super) fn apply(exchange: &mut Exchange<'_>) -> Outcome {
    let body = exchange.body()?;
    let mut book = RecordBook::open(exchange)?;
    let lists = ORDER.iter().map(|key| operations(&body, key)).collect::<Result<Vec<_>, _>>()?;
    let total: usize = lists.iter().map(Vec::len).sum();
    if total > book.allowance.batch {
        let text = format!("Batch has {total} operations, exceeding the limit of {}.", book.allowance.batch);
        return Err(Refusal::new(400, 9208, text));
    }
    let mut result = Map::new();
    for (key, operations) in ORDER.into_iter().zip(lists) {
        let records = operations.into_iter().map(|fields| execute(&mut book, key, fields)).collect::<Result<Vec<_>, _>>()?;
        result.insert(key.to_owned(), Value::Array(records));
    }
    book.close(exchange)?;
    Ok(Success::of(Value::Object(result)))
}

/// One list of the batch; absent and `null` are empty.
fn operations<'b>(body: &'b Fields, key: &str) -> Result<Vec<&'b Fields>, Refusal> {
    let items = match body.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(malformed(key)),
    };
    items.iter().map(|item| item.as_object().ok_or_else(|| malformed(key))).collect()
}

fn execute(book: &mut RecordBook, key: &str, fields: &Fields) -> Result<Value, Refusal> {
    let id = || fields.get("id").and_then(Value::as_str).ok_or_else(|| malformed(key));
    let record = match key {
        "deletes" => book.delete(id()?)?,
        "patches" => book.patch(id()?, fields)?,
        "puts" => book.put(id()?, fields)?,
        _ => book.post(fields)?,
    };
    Ok(render(&record))
}

fn malformed(key: &str) -> Refusal {
    Refusal::new(400, 9207, format!("Request body is invalid: {key}")).at(&format!("/{key}"))
}
