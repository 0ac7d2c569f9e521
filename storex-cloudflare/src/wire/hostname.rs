//! A custom hostname and a fallback origin as answered. Source: Cloudflare API reference, "Custom Hostnames".

use super::or_default;
use serde::Deserialize;
use storex_core::{
    CertificateStatus, Code, DnsProof, Error, Hostname, HostnameFacts, OriginStatus, Result, RoutingStatus, ValidationRecord,
};

/// A custom hostname.
#[derive(Debug, Deserialize)]
pub(crate) struct WireHostname {
    id: String,
    hostname: String,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    #[serde(default)]
    ssl: Option<WireHostnameCertificate>,
    #[serde(default)]
    ownership_verification: Option<WireOwnership>,
    #[serde(default, deserialize_with = "or_default")]
    verification_errors: Vec<serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    created_at: String,
}

#[derive(Debug, Deserialize)]
struct WireHostnameCertificate {
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    method: String,
    #[serde(default, deserialize_with = "or_default")]
    validation_records: Vec<WireValidation>,
    #[serde(default, deserialize_with = "or_default")]
    dcv_delegation_records: Vec<WireValidation>,
    #[serde(default, deserialize_with = "or_default")]
    validation_errors: Vec<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct WireValidation {
    txt_name: Option<String>,
    txt_value: Option<String>,
    http_url: Option<String>,
    http_body: Option<String>,
    cname: Option<String>,
    cname_target: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WireOwnership {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    value: String,
}

impl WireValidation {
    fn facts(self) -> Option<ValidationRecord> {
        match self {
            Self { txt_name: Some(name), txt_value: Some(value), .. } => Some(ValidationRecord::Txt(DnsProof { name, value })),
            Self { http_url: Some(url), http_body: Some(body), .. } => Some(ValidationRecord::Http { url, body }),
            Self { cname: Some(name), cname_target: Some(target), .. } => Some(ValidationRecord::Delegated { name, target }),
            _ => None,
        }
    }
}

impl WireHostname {
    /// Whether it is the hostname of this name. Wildcards of others are no host names.
    pub(crate) fn is_named(&self, name: &Hostname) -> bool {
        self.hostname.parse::<Hostname>().is_ok_and(|own| own == *name)
    }

    /// How its certificate is validated, as Cloudflare spells it; `http` where it has none.
    pub(crate) fn method(&self) -> &str {
        self.ssl.as_ref().map(|ssl| ssl.method.as_str()).filter(|method| !method.is_empty()).unwrap_or("http")
    }

    /// What is known of the hostname.
    ///
    /// # Errors
    /// `cloudflare_answer` when the identifier or the name cannot be one.
    pub(crate) fn facts(self) -> Result<HostnameFacts> {
        let name =
            self.hostname.parse().map_err(|_| Error::new(Code::CloudflareAnswer, "the custom hostname is no host name"))?;
        let certificate = self.ssl.as_ref().map(|ssl| certificate(&ssl.status));
        let mut errors: Vec<String> = self.verification_errors.iter().filter_map(message).collect();
        let mut validation = Vec::new();
        if let Some(ssl) = self.ssl {
            errors.extend(ssl.validation_errors.iter().filter_map(message));
            let records = ssl.validation_records.into_iter().chain(ssl.dcv_delegation_records);
            validation.extend(records.filter_map(WireValidation::facts));
        }
        let ownership = self.ownership_verification.filter(|proof| !proof.name.is_empty());
        Ok(HostnameFacts {
            id: self.id.parse()?,
            name,
            routing: routing(&self.status),
            certificate,
            ownership: ownership.map(|proof| DnsProof { name: proof.name, value: proof.value }),
            validation,
            errors,
            created_at: self.created_at.parse().ok(),
        })
    }
}

/// Errors are texts at a hostname and objects at its certificate.
fn message(error: &serde_json::Value) -> Option<String> {
    let text = error.as_str().or_else(|| error.get("message")?.as_str())?;
    Some(text.chars().take(300).collect())
}

/// Statuses of a hostname (docs, "Hostname validation statuses").
fn routing(word: &str) -> RoutingStatus {
    match word {
        "pending" => RoutingStatus::Pending,
        "active" | "active_redeploying" => RoutingStatus::Active,
        "moved" => RoutingStatus::Moved,
        "blocked" | "pending_blocked" => RoutingStatus::Blocked,
        other => RoutingStatus::Other(other.to_owned()),
    }
}

/// Statuses of a certificate (docs, "Certificate statuses").
pub(crate) fn certificate(word: &str) -> CertificateStatus {
    match word {
        "initializing" => CertificateStatus::Initializing,
        "pending_validation" => CertificateStatus::PendingValidation,
        "pending_issuance" => CertificateStatus::PendingIssuance,
        "pending_deployment" => CertificateStatus::PendingDeployment,
        "active" => CertificateStatus::Active,
        other => CertificateStatus::Other(other.to_owned()),
    }
}

/// A fallback origin.
#[derive(Debug, Deserialize)]
pub(crate) struct WireFallbackOrigin {
    #[serde(default, deserialize_with = "or_default")]
    origin: String,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
}

impl WireFallbackOrigin {
    /// Whether there is one, and it is this name.
    pub(crate) fn is(&self, origin: &Hostname) -> bool {
        self.origin.parse::<Hostname>().is_ok_and(|own| own == *origin)
    }

    /// Whether one is set at all: one that is being removed is on its way out.
    pub(crate) fn is_set(&self) -> bool {
        !self.origin.is_empty() && self.status != "pending_deletion"
    }

    /// The name, as Cloudflare spells it.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// How far it is.
    pub(crate) fn status(&self) -> OriginStatus {
        match self.status.as_str() {
            "active" => OriginStatus::Active,
            "initializing" | "pending_deployment" => OriginStatus::Pending,
            other => OriginStatus::Other(other.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The answer of the docs' page "Pre-validation", with a certificate as the API reference shows it.
    #[test]
    fn a_hostname_is_read_with_both_its_states_and_everything_that_proves_it() {
        let wire: WireHostname = serde_json::from_value(json!({
            "id": "3537a672-e4d8-4d89-aab9-26cb622918a1", "hostname": "App.Example-Shop.com", "status": "pending",
            "verification_errors": ["custom hostname does not CNAME to this zone."],
            "ownership_verification": {"type": "txt", "name": "_cf-custom-hostname.app.example-shop.com", "value": "0e2d5a7f"},
            "ssl": {"status": "pending_validation", "method": "txt", "validation_records": [
                {"status": "pending", "txt_name": "_acme-challenge.app.example-shop.com", "txt_value": "tok"},
                {"http_url": "http://app.example-shop.com/.well-known/pki-validation/x.txt", "http_body": "tok"},
                {"emails": ["administrator@example-shop.com"]}],
                "dcv_delegation_records": [{"cname": "_acme-challenge.app.example-shop.com", "cname_target": "x.dcv.cloudflare.com"}],
                "validation_errors": [{"message": "no record"}, 5]},
            "created_at": "2020-03-04T19:04:02.705068Z", "a_new_field": {}
        }))
        .unwrap();
        assert_eq!(wire.method(), "txt");
        let facts = wire.facts().unwrap();
        assert_eq!(facts.name.as_str(), "app.example-shop.com");
        assert_eq!(facts.routing, RoutingStatus::Pending);
        assert_eq!(facts.certificate, Some(CertificateStatus::PendingValidation));
        assert_eq!((facts.validation.len(), facts.errors.len()), (3, 2), "{facts:?}");
        assert!(facts.ownership.is_some() && facts.created_at.is_some() && !facts.is_active());
    }

    #[test]
    fn words_nobody_knows_are_kept_and_what_is_missing_is_no_error() {
        let wire: WireHostname =
            serde_json::from_value(json!({"id": "a-1", "hostname": "a.com", "status": "test_pending", "ssl": null})).unwrap();
        assert_eq!(wire.method(), "http");
        let facts = wire.facts().unwrap();
        assert_eq!(facts.routing, RoutingStatus::Other("test_pending".to_owned()));
        assert_eq!((facts.certificate, facts.ownership), (None, None));
        assert_eq!(certificate("backup_issued"), CertificateStatus::Other("backup_issued".to_owned()));
    }
}
