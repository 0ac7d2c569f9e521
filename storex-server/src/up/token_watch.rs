//! Looks once a day whether the Cloudflare token can still do what storex needs, and says in the log what will not work before it fails.

use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use storex_cloudflare::{CloudflareClient, PrimaryZone, TokenReport};
use storex_core::{Clock, Hostname};

/// Pause between two looks; each costs at most ten reads, behind whatever somebody waits for.
const PAUSE: Duration = Duration::from_hours(24);
const DAY: u64 = 86_400;

/// Looks now and then once a day, without end.
pub(super) async fn watch(client: CloudflareClient, primary: Hostname, clock: Arc<dyn Clock>) {
    loop {
        match TokenReport::probe(&client, &primary).await {
            Ok(report) => warnings(&report, &primary, clock.now()).iter().for_each(|warning| tracing::warn!("{warning}")),
            Err(error) => tracing::warn!(%error, "the Cloudflare token could not be checked; see storex cloudflare check"),
        }
        clock.sleep(PAUSE).await;
    }
}

/// What does not work or soon will not, each with what helps.
fn warnings(report: &TokenReport, primary: &Hostname, now: Timestamp) -> Vec<String> {
    let mut warnings: Vec<String> = report
        .missing()
        .map(|lacking| {
            let (permission, needed_for) = (lacking.permission, lacking.needed_for);
            format!("the Cloudflare token lacks {permission}, needed for {needed_for}; see storex cloudflare check")
        })
        .collect();
    if let Some(left) = report.token.as_ref().and_then(|token| token.ends_soon(now)) {
        warnings.push(format!(
            "the Cloudflare token ends in {} days; make a new one and restart storex with it",
            left.as_secs() / DAY
        ));
    }
    if let PrimaryZone::Inactive { name_servers, .. } = &report.primary_zone {
        let servers = name_servers.join(" and ");
        warnings.push(format!("the zone {primary} is not active; let its registrar name {servers} as its name servers"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use storex_core::Secret;
    use storex_fakes::cloudflare::{Permission, Simulator, TokenSettings, ZoneStatus};

    async fn said(token: TokenSettings, zone: ZoneStatus) -> Vec<String> {
        let simulator = Simulator::builder().primary_domain("storex.com").token_with(token).build().expect("a simulator");
        simulator.set_zone_status("storex.com", zone).expect("a zone");
        let running = simulator.start_on_loopback().await.expect("a port");
        let base = format!("http://{}/client/v4", running.address());
        let client = CloudflareClient::builder().base_url(base).loopback_only(true).token(Secret::new("simulated".to_owned()));
        let primary = "storex.com".parse().expect("a name");
        let report = TokenReport::probe(&client.build().expect("a client"), &primary).await.expect("a report");
        warnings(&report, &primary, "2026-03-01T00:00:00Z".parse().expect("a time"))
    }

    fn token() -> TokenSettings {
        TokenSettings::new("simulated")
    }

    #[tokio::test]
    async fn a_token_that_can_do_everything_needs_no_word() {
        assert_eq!(said(token(), ZoneStatus::Active).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_is_missing_or_ends_soon_is_said_with_what_helps() {
        let lacking = said(token().without(Permission::Dns), ZoneStatus::Active).await;
        assert!(
            matches!(lacking.as_slice(), [one] if one.contains("lacks DNS Write") && one.contains("storex cloudflare check"))
        );
        let ending = said(token().expires_on("2026-03-04T00:00:00Z".parse().expect("a time")), ZoneStatus::Active).await;
        assert_eq!(ending, ["the Cloudflare token ends in 3 days; make a new one and restart storex with it"]);
        let moved = said(token(), ZoneStatus::Moved).await;
        assert!(matches!(moved.as_slice(), [one] if one.contains("storex.com is not active; let its registrar name ")));
    }
}
