//! The live suite on a real Cloudflare account. It says what it would make, and does it only with `STOREX_CF_LIVE=1`:
//!
//! ```sh
//! cargo run -p storex-tests --example cloudflare_live -- platform-domain.com
//! STOREX_CF_LIVE=1 CLOUDFLARE_API_TOKEN=… cargo run -p storex-tests --example cloudflare_live -- platform-domain.com
//! ```
//!
//! The domain's zone must be active in the account; nothing of it is changed but records of the run's own names.

#![expect(clippy::print_stdout, reason = "a program that says what it does")]

use std::process::ExitCode;
use storex_cloudflare::CloudflareClient;
use storex_core::{Code, Error, Hostname, Result, Secret};
use storex_tests::live::{Live, fresh_run, plan};
use storex_tests::process::setting;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cloudflare_live: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let missing = |what: &str| Error::new(Code::MissingField, what);
    let zone = std::env::args().nth(1).ok_or_else(|| missing("name the domain of an active zone"))?;
    let zone: Hostname = zone.parse()?;
    let run = fresh_run()?;
    println!("In the account of {zone} this makes, and removes again:");
    for line in plan(&zone, &run) {
        println!("- {line}");
    }
    if setting("STOREX_CF_LIVE").as_deref() != Some("1") {
        println!("Nothing was done. Set STOREX_CF_LIVE=1 and CLOUDFLARE_API_TOKEN to do it.");
        return Ok(());
    }
    let token = setting("CLOUDFLARE_API_TOKEN").ok_or_else(|| missing("set CLOUDFLARE_API_TOKEN"))?;
    let client = CloudflareClient::builder().token(Secret::new(token)).build()?;
    let live = Live::prepare(client, &zone, &run).await?;
    let mut said = Vec::new();
    let outcome = live.run(&mut said).await;
    for line in said {
        println!("{line}");
    }
    outcome
}
