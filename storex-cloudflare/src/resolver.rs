//! The public DNS through Cloudflare's resolver, in the JSON form of DNS over HTTPS. Lookups cost nothing of the API's call budget and carry no token.
//! Source: Cloudflare 1.1.1.1 documentation, "Using JSON".

use crate::base_url::BaseUrl;
use crate::tls::ensure_crypto_provider;
use crate::wire::unquoted;
use async_trait::async_trait;
use reqwest::{redirect, retry};
use serde::Deserialize;
use std::time::Duration;
use storex_core::{Code, Error, Lookup, Resolver, Result};

/// Where Cloudflare's resolver is.
const CLOUDFLARE: &str = "https://cloudflare-dns.com/dns-query";
/// Longest time a lookup may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes.
const LONGEST: usize = 256 * 1024;
/// Most CNAMEs on the way are followed by the resolver; the types of the records asked for tell them apart (IANA, "DNS Parameters").
const TYPES: [(Lookup, u16); 2] = [(Lookup::Ns, 2), (Lookup::Txt, 16)];

/// The [`Resolver`] over Cloudflare's 1.1.1.1.
#[derive(Clone, Debug)]
pub struct CloudflareResolver {
    client: reqwest::Client,
    base: BaseUrl,
}

impl CloudflareResolver {
    /// The public resolver.
    ///
    /// # Errors
    /// `unusable` when the machine has no certificates to trust.
    pub fn new() -> Result<Self> {
        Self::at(CLOUDFLARE, false)
    }

    /// One at another address, such as a simulator's: https anywhere, http on loopback only.
    ///
    /// # Errors
    /// `unusable` for an address that cannot be used, or when the machine has no certificates to trust.
    pub fn at(url: &str, loopback_only: bool) -> Result<Self> {
        let base = BaseUrl::parse(url, loopback_only)?;
        ensure_crypto_provider();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("storex/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .timeout(LIMIT);
        if base.is_plain_loopback() {
            builder = builder.tls_certs_only([]);
        }
        let client = builder
            .build()
            .map_err(|error| Error::new(Code::Unusable, "cannot set up TLS for the resolver").caused_by(error.without_url()))?;
        Ok(Self { client, base })
    }

    async fn ask(&self, name: &str, kind: Lookup) -> Result<Answer> {
        let url = self.base.as_str();
        let request =
            self.client.get(url).query(&[("name", name), ("type", kind.as_str())]).header("accept", "application/dns-json");
        let mut response = request.send().await.map_err(|error| {
            let code = if error.is_timeout() { Code::Timeout } else { Code::Unavailable };
            Error::new(code, "the public resolver did not answer").caused_by(error.without_url())
        })?;
        match response.status().as_u16() {
            200 => {}
            429 => return Err(Error::new(Code::RateLimited, "the public resolver asks to slow down").retry_after(LIMIT)),
            status => return Err(Error::new(Code::Unavailable, "the public resolver refused the lookup").with("status", status)),
        }
        let unreadable = || Error::new(Code::CloudflareAnswer, "the public resolver answered something undecodable");
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreadable().caused_by(error.without_url()))? {
            if body.len() + chunk.len() > LONGEST {
                return Err(unreadable());
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|error| unreadable().caused_by(error))
    }
}

#[derive(Debug, Deserialize)]
struct Answer {
    /// The response code of DNS (RFC 1035 §4.1.1): 0 is an answer, 3 that there is no such name.
    #[serde(rename = "Status")]
    status: u16,
    #[serde(rename = "Answer", default)]
    records: Option<Vec<AnswerRecord>>,
}

#[derive(Debug, Deserialize)]
struct AnswerRecord {
    #[serde(rename = "type", default)]
    kind: u16,
    #[serde(default)]
    data: String,
}

impl Answer {
    /// The values of the records of this type.
    fn values(self, kind: Lookup) -> Result<Vec<String>> {
        match self.status {
            0 => {}
            3 => return Ok(Vec::new()),
            code => {
                let why = format!("the name could not be resolved: DNS response code {code}");
                return Err(Error::new(Code::Unavailable, why));
            }
        }
        let number = TYPES.iter().find(|(known, _)| *known == kind).map(|(_, number)| *number);
        let records = self.records.unwrap_or_default().into_iter().filter(|record| Some(record.kind) == number);
        Ok(records.map(|record| spelled(kind, &record.data)).collect())
    }
}

fn spelled(kind: Lookup, data: &str) -> String {
    match kind {
        Lookup::Txt => unquoted(data),
        _ => data.trim_end_matches('.').to_ascii_lowercase(),
    }
}

#[async_trait]
impl Resolver for CloudflareResolver {
    async fn lookup(&self, name: &str, kind: Lookup) -> Result<Vec<String>> {
        let found = self.ask(name, kind).await.and_then(|answer| answer.values(kind));
        found.map_err(|error| error.during("dns.lookup").with("domain", name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values(answer: serde_json::Value, kind: Lookup) -> Result<Vec<String>> {
        serde_json::from_value::<Answer>(answer).unwrap().values(kind)
    }

    /// Shapes of the documentation page "Using JSON"; aliases on the way stand in the same list.
    #[test]
    fn only_records_of_the_type_asked_for_count_and_texts_lose_their_quotes() {
        let answer = json!({"Status": 0, "TC": false, "Answer": [
            {"name": "a.com.", "type": 5, "TTL": 60, "data": "b.com."},
            {"name": "b.com.", "type": 16, "TTL": 60, "data": "\"storex-domain-\" \"verification=ab\""},
            {"name": "b.com.", "type": 16, "TTL": 60, "data": "plain"}]});
        assert_eq!(values(answer, Lookup::Txt).unwrap(), ["storex-domain-verification=ab", "plain"]);
        let servers = json!({"Status": 0, "Answer": [{"name": "a.com.", "type": 2, "data": "ADA.ns.cloudflare.com."}]});
        assert_eq!(values(servers, Lookup::Ns).unwrap(), ["ada.ns.cloudflare.com"]);
    }

    #[test]
    fn no_such_name_is_an_empty_answer_and_a_failed_lookup_is_none() {
        assert_eq!(values(json!({"Status": 3}), Lookup::Txt).unwrap(), Vec::<String>::new());
        assert_eq!(values(json!({"Status": 0}), Lookup::Txt).unwrap(), Vec::<String>::new());
        assert_eq!(values(json!({"Status": 2, "Answer": null}), Lookup::Txt).unwrap_err().code(), Code::Unavailable);
    }
}
