//! `storex cloudflare check` against the simulator over HTTP.

use crate::served::{Run, finish, run, storex, words};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::Write;
use storex_fakes::cloudflare::{Permission, RunningSimulator, Simulator, TokenKind, TokenSettings, ZoneStatus};
use storex_server::ApiToken;
use tempfile::TempDir;

struct Account {
    simulator: RunningSimulator,
    folder: TempDir,
}

impl Account {
    /// A simulator that knows the token of the folder, with what `settings` makes of it.
    async fn new(settings: impl FnOnce(TokenSettings) -> TokenSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token = ApiToken::create(&folder.path().join("simulator.token")).unwrap();
        let simulator = Simulator::builder().token_with(settings(TokenSettings::new(token.expose()))).build().unwrap();
        Self { simulator: simulator.start_on_loopback().await.unwrap(), folder }
    }

    fn arguments(&self, more: &str) -> Vec<String> {
        let url = self.simulator.base_url();
        let port = url.trim_start_matches("http://127.0.0.1:").split('/').next().unwrap().to_owned();
        let mut all = words("cloudflare check --simulator-port");
        all.extend([port, "--data-dir".to_owned(), self.folder.path().display().to_string()]);
        all.extend(words(more));
        all
    }

    async fn check(&self, more: &str) -> Run {
        run(self.arguments(more)).await
    }
}

fn state_of<'d>(document: &'d Value, permission: &str) -> &'d Value {
    let rows = document["capabilities"].as_array().unwrap();
    &rows.iter().find(|row| row["permission"] == permission).unwrap()["state"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_can_do_all_ends_with_0_and_shows_account_zone_and_permissions() {
    for kind in [TokenKind::User, TokenKind::Account] {
        let account = Account::new(|token| token.kind(kind)).await;
        let found = account.check("--json").await;
        assert_eq!((found.exit, found.err.as_str()), (Some(0), ""));
        let document = found.json();
        assert_eq!(document["account"], account.simulator.account().id);
        assert_eq!((&document["primary_zone"]["state"], &document["token"]["status"]), (&"active".into(), &"active".into()));
        assert_eq!(document["wildcard_ssl"], serde_json::json!({"name": "*.storex.com", "state": "active"}));
        assert_eq!(document["tunnel"], serde_json::json!({"name": "storex-main-tunnel", "state": "missing"}));
        assert_eq!(document["token"]["owner"], if kind == TokenKind::User { "user" } else { "account" });
        for permission in ["Zone Write", "DNS Write", "Cloudflare Tunnel Write"] {
            assert_eq!(state_of(&document, permission), "granted", "{document}");
        }
        let people = account.check("").await;
        assert_eq!((people.exit, people.err.as_str()), (Some(0), ""));
        assert!(people.out.contains("storex.com, active") && people.out.contains("DNS Write"), "{}", people.out);
        assert_eq!(account.simulator.counts().mutating, 0, "nothing is changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_ends_with_4_and_says_which_what_for_and_what_to_do() {
    let account = Account::new(|token| token.without(Permission::Dns).without(Permission::Tunnel)).await;
    let problem = account.check("--json").await.failed(4, "denied");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("DNS Write, Cloudflare Tunnel Write"), "{problem}");
    assert!(problem["next_step"].as_str().unwrap().contains("dash.cloudflare.com"), "{problem}");
    assert_eq!(state_of(&problem["context"], "DNS Write"), "missing");
    assert_eq!(problem["context"]["tunnel"]["state"], "unknown", "it may not look at it");
    assert_eq!(state_of(&problem["context"], "Zone Write"), "granted");
    let people = account.check("").await;
    assert_eq!((people.exit, people.out.as_str()), (Some(4), ""));
    assert!(people.err.contains("missing: the records of the platform"), "{}", people.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_valid_ends_with_4() {
    let account = Account::new(|_| TokenSettings::new("another")).await;
    let problem = account.check("--json").await.failed(4, "denied");
    assert!(problem["next_step"].as_str().unwrap().contains("CLOUDFLARE_API_TOKEN"), "{problem}");
    let disabled = Account::new(|token| token.status(storex_fakes::cloudflare::TokenStatus::Disabled)).await;
    disabled.check("--json").await.failed(4, "denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_zone_that_is_missing_or_inactive_and_a_cloudflare_that_is_away_end_with_7() {
    let account = Account::new(|token| token).await;
    account.check("--json --primary-domain elsewhere.com").await.failed(7, "primary_zone_missing");
    account.simulator.set_zone_status("storex.com", ZoneStatus::Pending).unwrap();
    let problem = account.check("--json").await.failed(7, "primary_zone_missing");
    assert!(problem["next_step"].as_str().unwrap().contains("name servers"), "{problem}");
    let mut arguments = account.arguments("--json");
    // Nobody listens below the ports that anybody may take, also no other test.
    "1".clone_into(&mut arguments[3]);
    run(arguments).await.failed(7, "unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_soon_is_warned_of() {
    use storex_core::{Clock, SystemClock};
    let end = SystemClock.now() + std::time::Duration::from_hours(24 * 3 + 1);
    let account = Account::new(|token| token.expires_on(end)).await;
    let people = account.check("").await;
    assert_eq!((people.exit, people.err.as_str()), (Some(0), "warning: the token ends in 3 days\n"));
    assert_eq!(account.check("--json").await.json()["warning"], "the token ends in 3 days");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_or_a_primary_domain_it_ends_with_2_and_says_what_to_set() {
    let bare = run(words("cloudflare check --json")).await.failed(2, "unusable");
    assert!(bare["detail"].as_str().unwrap().contains("CLOUDFLARE_API_TOKEN"), "{bare}");
    let mut unnamed = storex();
    unnamed.args(words("cloudflare check --json")).env("CLOUDFLARE_API_TOKEN", "never-sent");
    let unnamed = finish(unnamed).await.failed(2, "unusable");
    assert!(unnamed["detail"].as_str().unwrap().contains("--primary-domain"), "{unnamed}");
    let mut missing = storex();
    missing
        .args(words("cloudflare check --json --primary-domain storex.com"))
        .env("CLOUDFLARE_API_TOKEN_FILE", "/nonexistent/token");
    let missing = finish(missing).await.failed(2, "unusable");
    assert!(
        missing["detail"].as_str().unwrap().contains("CLOUDFLARE_API_TOKEN_FILE /nonexistent/token does not exist"),
        "{missing}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_says_its_plan_makes_the_platform_once_and_finds_it_the_next_time() {
    let account = Account::new(|token| token).await;
    let arguments = |more: &str| {
        let mut all = account.arguments(more);
        "setup".clone_into(&mut all[1]);
        all
    };
    let plan = run(arguments("--dry-run --json")).await;
    assert_eq!(plan.exit, Some(0), "{}", plan.err);
    assert_eq!(plan.json()["operation"], "ensure_platform");
    assert!(plan.json()["cloudflare_calls"].as_u64() >= Some(6), "{}", plan.out);
    assert_eq!(account.simulator.counts().mutating, 0, "a plan changes nothing");
    assert!(!account.folder.path().join("storex.redb").exists(), "nor does it begin an installation");
    let made = run(arguments("--json")).await;
    assert_eq!(made.exit, Some(0), "{}", made.err);
    assert_eq!((&made.json()["tunnel"], &made.json()["serving"]), (&"storex-main-tunnel".into(), &false.into()));
    assert_eq!(account.simulator.state().tunnels.len(), 1);
    let before = account.simulator.counts().mutating;
    assert!(before >= 3, "a tunnel, a record and the rules");
    let again = run(arguments("")).await;
    assert!(again.exit == Some(0) && again.out.contains("storex-main-tunnel"), "{} {}", again.out, again.err);
    assert_eq!(account.simulator.counts().mutating, before, "what stands is left as it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_without_connectors_or_with_stale_ones_is_warned_of_and_is_no_failure() {
    let account = Account::new(|token| token).await;
    let mut setup = account.arguments("");
    "setup".clone_into(&mut setup[1]);
    assert_eq!(run(setup).await.exit, Some(0));
    let down = account.check("").await;
    assert_eq!(down.exit, Some(0), "{}", down.err);
    assert!(down.err.starts_with("warning: no connector of the tunnel storex-main-tunnel is connected"), "{}", down.err);
    assert!(down.out.contains("storex-main-tunnel, down, connectors 0"), "{}", down.out);
    let tunnel = account.simulator.state().tunnels[0].id.clone();
    let connector = account.simulator.attach_connector(&tunnel).unwrap();
    let healthy = account.check("--json").await.json();
    let counted =
        serde_json::json!({"name": "storex-main-tunnel", "state": "healthy", "connectors": 1, "connected": 1, "stale": 0});
    assert_eq!((&healthy["tunnel"], &healthy["warning"]), (&counted, &Value::Null));
    // It stays where it is while the rules follow the router.
    account.simulator.stick_connector(&tunnel, &connector, true).unwrap();
    let mut moved = account.arguments("--router-port 3001");
    "setup".clone_into(&mut moved[1]);
    assert_eq!(run(moved).await.exit, Some(0));
    let stale = account.check("--json").await.json();
    assert_eq!((&stale["tunnel"]["state"], &stale["tunnel"]["stale"]), (&"degraded".into(), &1.into()), "{stale}");
    assert!(stale["warning"].as_str().unwrap().contains("with an older configuration 1"), "{stale}");
}

impl Account {
    async fn dns(&self, command: &str, more: &[&str]) -> Run {
        let mut all = words("cloudflare dns");
        all.extend(words(command));
        all.extend(self.arguments("").into_iter().skip(2));
        all.extend(more.iter().map(|word| (*word).to_owned()));
        run(all).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_file_goes_in_and_comes_out_and_what_was_left_out_is_said() {
    let account = Account::new(|token| token).await;
    let file = account.folder.path().join("old.zone");
    let mut zone = OpenOptions::new().write(true).create_new(true).open(&file).unwrap();
    zone.write_all(b"mail A 198.51.100.8\n@ MX 10 mail\ngeo LOC 51 30 N\n").unwrap();
    let path = file.display().to_string();
    let imported = account.dns("import --zone storex.com --json", &["--file", &path]).await;
    assert_eq!((imported.exit, imported.err.as_str()), (Some(0), ""));
    let document = imported.json();
    assert_eq!(document["imported"].as_array().unwrap().len(), 2);
    assert_eq!((&document["skipped"][0]["line"], document["skipped"].as_array().unwrap().len()), (&3.into(), 1), "{document}");
    let again = account.dns("import --zone storex.com", &["--file", &path]).await;
    assert!(again.out.starts_with("0 records imported, 3 left out\n"), "{}", again.out);
    let exported = account.dns("export --zone storex.com", &[]).await;
    assert!(exported.out.contains("mail.storex.com.\t1\tIN\tA\t198.51.100.8"), "{}", exported.out);
    account.dns("export --zone nobodys.com --json", &[]).await.failed(3, "not_found");
    account.dns("scan --zone storex.com --start", &[]).await;
    assert_eq!(account.dns("scan --zone storex.com --json", &[]).await.json()["found"], Value::Array(Vec::new()));
}
