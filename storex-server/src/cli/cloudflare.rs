//! `storex cloudflare`: what the token can do, asked of Cloudflare itself; making the platform.

use super::args::{CheckArgs, CloudflareCommand, SetupArgs};
use super::failure::{Failure, Outcome};
use super::show;
use super::streams::Streams;
use crate::up::{SetUp, set_up};
use crate::{ApiToken, Environment, Problem};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use storex_cloudflare::{
    Capability, CapabilityState, CloudflareAccount, CloudflareClient, PrimaryZone, TokenOwner, TokenReport, WildcardCertificate,
};
use storex_core::{
    CertificateStatus, Clock, Code, Error, Hostname, Result, Secret, Settings, SystemClock, TunnelHealth, TunnelRoutes,
    TunnelState,
};

const EDIT: &str = "Edit the token on https://dash.cloudflare.com/profile/api-tokens (an account's: Manage Account, Account API Tokens): add the permissions \
                    named above and choose all zones of the account as its resources.";
const RENEW: &str = "Make a token on https://dash.cloudflare.com/profile/api-tokens and set CLOUDFLARE_API_TOKEN, or write the file \
                     CLOUDFLARE_API_TOKEN_FILE names.";
const DAY: u64 = 86_400;

pub(super) async fn run(command: CloudflareCommand, environment: &Environment, streams: &mut Streams) -> Outcome {
    match command {
        CloudflareCommand::Check(args) => check(args, environment, streams).await,
        CloudflareCommand::Dns(command) => super::dns::run(command, environment, streams).await,
        CloudflareCommand::Setup(args) => setup(args, environment, streams).await,
    }
}

async fn setup(args: SetupArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let dry_run = args.dry_run;
    let document = match set_up(&super::serve::setup(args, environment)?, dry_run).await? {
        SetUp::Planned(plan) => serde_json::to_value(plan),
        SetUp::Stands(tunnel) => serde_json::to_value(tunnel),
    };
    let document = document.map_err(|error| Error::new(Code::Internal, format!("an answer is no JSON: {error}")))?;
    let shown = if dry_run { show::plan(&document) } else { super::tunnel::connectors(&document) };
    streams.answer(&document, || Ok(shown))
}

async fn check(args: CheckArgs, environment: &Environment, streams: &mut Streams) -> Outcome {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let primary = primary(&args, environment)?;
    let client = client(&args, environment, Arc::clone(&clock))?;
    let report = TokenReport::probe(&client, &primary).await.map_err(|error| refused_token(&error))?;
    let tunnel = SeenTunnel::look(&client, &report, &primary, clock.as_ref()).await;
    let document = document(&report, &primary, &tunnel, clock.now());
    if let Some(warning) = document.get("warning").and_then(Value::as_str) {
        streams.note(&format!("warning: {warning}"));
    }
    match failure(&report, &primary) {
        None => streams.answer(&document, || Ok(people(&document))),
        Some(mut problem) => {
            if !streams.json {
                streams.error(&people(&document));
            }
            if let Some(fields) = document.as_object().filter(|_| streams.json) {
                problem.context.extend(fields.clone());
            }
            Err(problem.into())
        }
    }
}

pub(super) fn primary(args: &CheckArgs, environment: &Environment) -> Result<Hostname> {
    match &args.primary_domain {
        Some(named) => Ok(named.clone()),
        None if args.simulator_port.is_some() => "storex.com".parse(),
        None if !environment.cloudflare_api_token.is_set() => Err(no_token()),
        None => Err(Error::new(Code::Unusable, "name the primary domain with --primary-domain")),
    }
}

pub(super) fn no_token() -> Error {
    let why =
        "set CLOUDFLARE_API_TOKEN or CLOUDFLARE_API_TOKEN_FILE for a real account, or name a simulator with --simulator-port";
    Error::new(Code::Unusable, why)
}

pub(super) fn client(args: &CheckArgs, environment: &Environment, clock: Arc<dyn Clock>) -> Result<CloudflareClient> {
    let account = environment.cloudflare_account_id.as_deref().map(str::parse).transpose()?;
    let builder = CloudflareClient::builder().clock(clock).account(account);
    let Some(port) = args.simulator_port else {
        return builder.token(environment.cloudflare_api_token.read()?.ok_or_else(no_token)?).build();
    };
    let token = ApiToken::load(&args.data.or_usual(environment).join("simulator.token"))?;
    let token = Secret::new(token.expose().to_owned());
    builder.base_url(format!("http://127.0.0.1:{port}/client/v4")).loopback_only(true).token(token).build()
}

/// A token Cloudflare does not take is an access problem of whoever asks, not a dependency's failure.
fn refused_token(error: &Error) -> Failure {
    let mut problem = Problem::from(error);
    if error.code() == Code::CloudflareDenied {
        let context = std::mem::take(&mut problem.context);
        problem = Problem::from(&Error::new(Code::Denied, format!("the Cloudflare API token is not valid: {}", error.message())));
        problem.context = context;
        RENEW.clone_into(&mut problem.next_step);
    }
    problem.into()
}

/// What keeps the platform from standing, if anything does.
fn failure(report: &TokenReport, primary: &Hostname) -> Option<Problem> {
    let missing: Vec<&str> = report.missing().map(|capability| capability.permission).collect();
    if !missing.is_empty() {
        let error = Error::new(Code::Denied, format!("the Cloudflare API token lacks {}", missing.join(", ")));
        let mut problem = Problem::from(&error);
        EDIT.clone_into(&mut problem.next_step);
        return Some(problem);
    }
    let (why, next_step) = match &report.primary_zone {
        PrimaryZone::Active(_) => return None,
        PrimaryZone::Inactive { status, name_servers } => {
            let status = serde_json::to_value(status).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
            let servers = name_servers.join(" and ");
            (format!("is {status}, not active"), Some(format!("Let the domain's registrar name {servers} as its name servers.")))
        }
        _ => ("is in no Cloudflare account this token sees".to_owned(), None),
    };
    let mut problem = Problem::from(&Error::new(Code::PrimaryZoneMissing, format!("the zone {primary} {why}")));
    problem.next_step = next_step.unwrap_or(problem.next_step);
    Some(problem)
}

/// The tunnel, as it is found by its name.
struct SeenTunnel {
    name: String,
    state: Look,
}

enum Look {
    /// It is not made yet.
    Missing,
    /// It could not be looked at.
    Unknown,
    Seen(TunnelHealth),
}

impl SeenTunnel {
    /// Three reads. Why it cannot be looked at is told by the permissions.
    async fn look(client: &CloudflareClient, report: &TokenReport, primary: &Hostname, clock: &dyn Clock) -> Self {
        let name = Settings::new(primary.clone()).tunnel_name;
        let Some(account) = report.account.clone() else { return Self { name, state: Look::Unknown } };
        let tunnels = CloudflareAccount::new(client.clone(), account).tunnels();
        let look = async {
            let Some(facts) = tunnels.find(&name).await? else { return Ok(Look::Missing) };
            let (newest, _) = tunnels.load(&facts.id).await?;
            let connectors = tunnels.connectors(&facts.id).await?;
            Ok::<_, Error>(Look::Seen(TunnelHealth::of(&connectors, newest, clock.now())))
        };
        let state = look.await.unwrap_or(Look::Unknown);
        Self { name, state }
    }

    fn document(&self) -> Value {
        match &self.state {
            Look::Missing => json!({"name": self.name, "state": "missing"}),
            Look::Unknown => json!({"name": self.name, "state": "unknown"}),
            Look::Seen(TunnelHealth { state, connectors, connected, stale, .. }) => {
                json!({"name": self.name, "state": state, "connectors": connectors, "connected": connected, "stale": stale})
            }
        }
    }

    /// What keeps visitors from stores, or soon may. A tunnel that is not made yet is made by the controller.
    fn warning(&self) -> Option<String> {
        let Look::Seen(health) = &self.state else { return None };
        match health.state {
            TunnelState::Healthy => None,
            TunnelState::Down => Some(format!(
                "no connector of the tunnel {} is connected, so no store is reached through it: start cloudflared with the tunnel's token",
                self.name
            )),
            _ => Some(format!("the tunnel {} is {health}", self.name)),
        }
    }
}

fn document(report: &TokenReport, primary: &Hostname, tunnel: &SeenTunnel, now: Timestamp) -> Value {
    let token = report.token.as_ref();
    let owner = token.map(|token| if token.owner == TokenOwner::Account { "account" } else { "user" });
    let zone = match &report.primary_zone {
        PrimaryZone::Active(id) => json!({"name": primary, "state": "active", "id": id}),
        PrimaryZone::Inactive { status, name_servers } => json!({"name": primary, "state": status, "name_servers": name_servers}),
        PrimaryZone::Missing => json!({"name": primary, "state": "missing"}),
        _ => json!({"name": primary, "state": "unknown"}),
    };
    let ends = token.and_then(|token| token.ends_soon(now));
    let ends = ends.map(|left| format!("the token ends in {} days", left.as_secs() / DAY));
    let warnings = ends.into_iter().chain(unserved(&report.wildcard_certificate, primary)).chain(tunnel.warning());
    let warning = warnings.reduce(|one, other| format!("{one}; {other}"));
    let capabilities: Vec<Value> = report.capabilities.iter().map(capability).collect();
    json!({
        "token": {"owner": owner, "status": token.map(|token| token.status.to_string()), "expires_on": token.and_then(|token| token.expires_on)},
        "account": report.account.as_ref().map(ToString::to_string),
        "primary_zone": zone,
        "wildcard_ssl": {"name": format!("*.{primary}"), "state": report.wildcard_certificate.to_string()},
        "tunnel": tunnel.document(),
        "capabilities": capabilities,
        "warning": warning,
    })
}

/// What keeps stores from being reached over HTTPS under their system subdomains.
fn unserved(certificate: &WildcardCertificate, primary: &Hostname) -> Option<String> {
    match certificate {
        WildcardCertificate::Missing => {
            Some(format!("no certificate covers *.{primary}: switch Universal SSL on (SSL/TLS, Edge Certificates)"))
        }
        WildcardCertificate::Found(status) if *status != CertificateStatus::Active => {
            Some(format!("the certificate of *.{primary} is {status}: stores get HTTPS once it is active"))
        }
        _ => None,
    }
}

fn capability(capability: &Capability) -> Value {
    let why = match &capability.state {
        CapabilityState::Unproved(why) => Some(why),
        _ => None,
    };
    json!({
        "permission": capability.permission,
        "state": capability.state.to_string(),
        "required": capability.required,
        "needed_for": capability.needed_for,
        "detail": why,
    })
}

/// The same for people: a line for each fact and each permission.
fn people(document: &Value) -> String {
    let text = |pointer: &str| show::text(document, pointer);
    let expires = text("/token/expires_on");
    let until = if expires.is_empty() { "without end".to_owned() } else { format!("until {expires}") };
    let token = match text("/token/owner").as_str() {
        "" => "valid; its owner does not show".to_owned(),
        owner => format!("{}, of the {owner}, {until}", text("/token/status")),
    };
    let zone = format!("{}, {}", text("/primary_zone/name"), text("/primary_zone/state"));
    let certificate = format!("{}, {}", text("/wildcard_ssl/name"), text("/wildcard_ssl/state"));
    let [name, state, connectors, connected, stale] =
        ["name", "state", "connectors", "connected", "stale"].map(|key| text(&format!("/tunnel/{key}")));
    let tunnel = match connectors.as_str() {
        "" => format!("{name}, {state}"),
        _ => format!("{name}, {state}, connectors {connectors}, connected {connected}, with an older configuration {stale}"),
    };
    let mut rows =
        vec![("token", token), ("account", text("/account")), ("zone", zone), ("certificate", certificate), ("tunnel", tunnel)];
    for row in document.pointer("/capabilities").and_then(Value::as_array).into_iter().flatten() {
        let name = row.get("permission").and_then(Value::as_str).unwrap_or_default();
        let detail = show::text(row, "/detail");
        let why = if detail.is_empty() { detail } else { format!(" ({detail})") };
        rows.push((name, format!("{}: {}{why}", show::text(row, "/state"), show::text(row, "/needed_for"))));
    }
    show::pairs(&rows)
}
