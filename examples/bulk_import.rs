//! 200 stores from a CSV file: eight at a time, with progress; a row that cannot be used is told and skipped.
//!
//! `cargo run --example bulk_import`
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use std::error::Error;
use std::time::Duration;
use storex_core::{Controller, CreateStoreRequest, IdempotencyKey, RequestOptions, Result, StoreId};

/// Creates under way at a time. The platform queues what it must (new zones, say); this bounds what the importer asks for.
const AT_A_TIME: usize = 8;
/// How long one store may take.
const LIMIT: Duration = Duration::from_mins(5);
/// The file, compiled in so that the program runs from any folder.
const FILE: &str = include_str!("bulk_import.csv");

/// A row of the file.
#[derive(Debug, Deserialize)]
struct Row {
    username: String,
    domain: Option<String>,
    owner: String,
    email: String,
    plan: Option<String>,
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn Error>> {
    let controller = storex_fakes::sandbox().await?;
    let rows = csv::Reader::from_reader(FILE.as_bytes()).into_deserialize().collect::<std::result::Result<Vec<Row>, _>>()?;
    let total = rows.len();
    println!("{total} rows");

    let mut creates = stream::iter(rows).map(|row| create(&controller, row)).buffer_unordered(AT_A_TIME);
    let (mut done, mut made, mut refused) = (0, 0, Vec::new());
    while let Some((username, outcome)) = creates.next().await {
        done += 1;
        match outcome {
            Ok(_) => made += 1,
            Err(error) => refused.push(format!("{username}: {} ({error})", error.code().as_str())),
        }
        if done % 25 == 0 || done == total {
            println!("{done:>4} of {total}: {made} created, {} refused", refused.len());
        }
    }
    for line in &refused {
        println!("refused {line}");
    }

    // Importing the same file again creates nothing: each row has its key, which attaches to what it began.
    let again = create(&controller, row_again(FILE)?).await.1?;
    println!("the first row again: {again}");
    let mut stores = 0;
    let mut token = None;
    loop {
        let page = controller.list_stores(100, token.as_deref()).await?;
        stores += page.stores.len();
        if page.next_page_token.is_empty() {
            break;
        }
        token = Some(page.next_page_token);
    }
    println!("{stores} stores in the list");
    Ok(())
}

/// Creates the store of a row and waits until it stands.
async fn create(controller: &Controller, row: Row) -> (String, Result<StoreId>) {
    let outcome = async {
        let request = CreateStoreRequest::from_json(&json!({
            "username": row.username,
            "domain": row.domain,
            "storeDetails": { "owner": row.owner, "email": row.email, "plan": row.plan }
        }))?;
        let options = RequestOptions::with_key(IdempotencyKey::new("bulk-import", &row.username)?);
        let accepted = controller.create_store_with(&request, &options).await?;
        accepted.operation.success(LIMIT).await?;
        Ok(accepted.answer.store_id)
    };
    let outcome = outcome.await;
    (row.username, outcome)
}

/// The first row of the file.
fn row_again(file: &str) -> std::result::Result<Row, Box<dyn Error>> {
    let mut rows = csv::Reader::from_reader(file.as_bytes()).into_deserialize();
    Ok(rows.next().ok_or("the file has no row")??)
}
