//! The goldens in `tests/goldens`: answers of Cloudflare, each with its source and the date of that, served by wiremock, and what a client makes of them.

use super::*;
use crate::client::CloudflareClient;
use crate::endpoint::Endpoint;
use crate::error::Failure;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use storex_core::{Clock, Error, Secret};
use storex_fakes::MemoryClock;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// One answer and what it means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    name: String,
    source: String,
    date: String,
    call: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Value,
    text: Option<String>,
    expect: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Expected {
    Failure {
        standing: String,
        code: String,
        kind: String,
        certainty: String,
        retry_after: Option<u64>,
        next_call_after: Option<u64>,
    },
    Success {
        result: Value,
        next_call_after: u64,
    },
}

fn goldens() -> Vec<Golden> {
    let files = [
        include_str!("../../tests/goldens/answers.json"),
        include_str!("../../tests/goldens/edge.json"),
        include_str!("../../tests/goldens/hostnames.json"),
        include_str!("../../tests/goldens/limits.json"),
        include_str!("../../tests/goldens/records.json"),
        include_str!("../../tests/goldens/tokens.json"),
        include_str!("../../tests/goldens/tunnels.json"),
        include_str!("../../tests/goldens/zones.json"),
    ];
    files.into_iter().flat_map(|file| serde_json::from_str::<Vec<Golden>>(file).expect("a list of goldens")).collect()
}

impl Golden {
    fn answer(&self) -> ResponseTemplate {
        let body = self.text.clone().unwrap_or_else(|| self.body.to_string());
        let kind = self.headers.get("content-type").map_or("application/json", String::as_str);
        let answer = ResponseTemplate::new(self.status).set_body_raw(body, kind);
        let others = self.headers.iter().filter(|(name, _)| *name != "content-type");
        others.fold(answer, |answer, (name, value)| answer.insert_header(name.as_str(), value.as_str()))
    }

    /// The call the answer is given to.
    fn endpoint(&self) -> Endpoint<Value> {
        let (method, template) = self.call.split_once(' ').expect("a method and a path");
        let method: Method = method.parse().expect("a method");
        // Paths of endpoints are constants; a test may leak a few.
        let template: &'static str = template.to_owned().leak();
        let endpoint = Endpoint::new(method, template, &["0123456789abcdef0123456789abcdef"; 2]);
        if self.call == "POST /zones" { endpoint.quota(crate::budget::Quota::ZoneSignup) } else { endpoint }
    }

    /// What a client makes of the answer, and when the next call may go.
    async fn played(&self) -> (Result<Value, Failure>, u64) {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(self.answer()).mount(&server).await;
        let clock = Arc::new(MemoryClock::new());
        let client = CloudflareClient::builder()
            .base_url(format!("{}/client/v4", server.uri()))
            .token(Secret::new("golden".to_owned()))
            .loopback_only(true)
            .clock(Arc::<MemoryClock>::clone(&clock));
        let client = client.build().expect("a client");
        let answer = client.effect(&self.endpoint(), clock.now() + Duration::from_mins(1)).await;
        let next =
            client.effect(&Endpoint::<Value>::new(Method::GET, "/next", &[]), clock.now() + Duration::from_millis(1)).await;
        let refused_here = |error: &Error| error.context().all(|(key, _)| key != "status");
        let wait = match next {
            Err(Failure::Unsent(error)) if refused_here(&error) => error.retry_delay().unwrap_or_default(),
            _ => Duration::ZERO,
        };
        (answer, wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }
}

fn standing_of(failure: &Failure) -> String {
    let standing = match failure {
        Failure::Refused(refusal) => refusal.standing(),
        Failure::Doubt(_) => Standing::Unclear,
        Failure::Unsent(_) => Standing::Pending,
    };
    format!("{standing:?}").to_lowercase()
}

#[tokio::test]
async fn every_golden_answer_means_what_it_says() {
    let (mut failures, mut successes) = (0, 0);
    for golden in goldens() {
        let what = format!("{}: {}", golden.call, golden.name);
        let (answer, wait) = golden.played().await;
        match (&golden.expect, answer) {
            (Expected::Failure { standing, code, kind, certainty, retry_after, next_call_after }, Err(failure)) => {
                assert_eq!(standing_of(&failure), *standing, "{what}");
                let error = Error::from(failure);
                let told = (error.code().as_str(), format!("{:?}", error.kind()), format!("{:?}", error.certainty()));
                assert_eq!(told, (code.as_str(), kind.clone(), certainty.clone()), "{what}: {error}");
                assert_eq!(error.retry_delay(), retry_after.map(Duration::from_secs), "{what}: {error}");
                assert_eq!(wait, next_call_after.unwrap_or_default(), "{what}: the next call");
                failures += 1;
            }
            (Expected::Success { result, next_call_after }, Ok(answer)) => {
                assert_eq!((&answer, wait), (result, *next_call_after), "{what}");
                successes += 1;
            }
            (expected, answer) => panic!("{what}: expected {expected:?}, got {answer:?}"),
        }
    }
    println!("{failures} refusals and failures and {successes} successes mean what they should");
    assert!(failures > 70 && successes > 10, "{failures} {successes}");
}

#[test]
fn every_row_has_a_source_and_a_golden_that_it_decides_and_every_golden_its_source_and_date() {
    let goldens = goldens();
    let decided_by = |golden: &Golden| {
        let body = golden.text.clone().unwrap_or_else(|| golden.body.to_string());
        let errors = match crate::wire::read::<Value>(golden.status, body.as_bytes()) {
            crate::wire::Reading::Refused(errors) => errors,
            _ => Vec::new(),
        };
        TABLE.iter().position(|row| row.fits(golden.status, &errors))
    };
    let decided: Vec<Option<usize>> = goldens.iter().map(decided_by).collect();
    for (index, row) in TABLE.iter().enumerate() {
        assert!(row.source.len() > 4, "{row:?}");
        assert!(decided.contains(&Some(index)), "no golden for {row:?}");
    }
    for golden in &goldens {
        let dated = golden.date.starts_with("20") && golden.date.len() >= 7;
        assert!(dated && (golden.source.starts_with("https://") || golden.source.starts_with("practice")), "{golden:?}");
    }
}

#[test]
fn a_row_for_a_hundred_statuses_fits_them_and_no_others() {
    assert_eq!(meaning(599, &[]), Meaning::ServerFailure);
    assert_eq!((meaning(400, &[]), meaning(422, &[]), meaning(302, &[])), (Meaning::Unknown, Meaning::Unknown, Meaning::Unknown));
}
