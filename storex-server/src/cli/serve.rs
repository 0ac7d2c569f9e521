//! The commands that run storex rather than ask it.

use super::args::{AgentArgs, ControllerArgs, ServeCommand, SetupArgs, SimulatorArgs, UpArgs};
use super::failure::Outcome;
use super::streams::Streams;
use crate::Environment;
use crate::up::{self, DatabaseOptions, DomainOptions, EdgeOptions, Ports, RoleName, UpOptions};
use std::path::PathBuf;
use std::time::Duration;
use storex_core::record::Routing;
use storex_core::{Code, Error, Hostname, PortRange, Result, Secret};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How long a store's process may take until it listens on its port.
const START_LIMIT: Duration = Duration::from_secs(20);
/// The simulated account's zone, and so the primary domain, when none is named.
const USUAL_PRIMARY: &str = "storex.com";
/// Where the example shop lies in a checkout.
const USUAL_CORE: &str = "examples/store-core";
/// Ports for stores when none are named.
const USUAL_STORE_PORTS: &str = "4001-4999";
/// Ports of the roles when none are named.
const USUAL_PORTS: Ports = Ports { controller: 8080, agent: 8081, router: 3000, simulator: 8090 };

/// `storex up`.
pub(super) async fn up(args: UpArgs, environment: Environment, streams: &mut Streams) -> Outcome {
    log(&environment, streams.json);
    let token = environment.cloudflare_api_token.read()?;
    let options = UpOptions {
        data_dir: args.data.or_usual(&environment),
        ports: Ports {
            controller: args.controller_port,
            agent: args.agent_port,
            router: args.router_port,
            simulator: args.simulator_port,
        },
        store_ports: args.store_ports,
        core: core(args.core)?,
        primary_domain: primary(args.primary_domain, token.as_ref())?,
        routing: args.routing,
        domains: args.domains.options(),
        edge: args.edge.options(),
        cloudflare_token: token,
        mongodb: environment.mongodb_uri.read()?,
        databases: databases(&environment)?,
        tool_prefixes: tool_prefixes(&environment),
        make_tokens: true,
        start_limit: START_LIMIT,
    };
    let json = streams.json;
    let announce = |announced: &up::Announced| {
        let line = if json {
            serde_json::to_string(announced).unwrap_or_default()
        } else {
            let simulated = announced.simulator.as_ref().map(|place| format!(" simulator={}", place.url)).unwrap_or_default();
            let (controller, agent, router) = (&announced.controller.url, &announced.agent.url, &announced.router.url);
            format!(
                "ready controller={controller} agent={agent} router={router}{simulated} token-file={}",
                announced.admin_token_file.display()
            )
        };
        // A reader that is gone must not stop the stores.
        let _gone = streams.data(&format!("{line}\n"));
    };
    Ok(up::run(options, stopped()?, announce).await?)
}

/// `storex serve`.
pub(super) async fn role(role: ServeCommand, environment: Environment, streams: &mut Streams) -> Outcome {
    log(&environment, streams.json);
    let (name, options) = match role {
        ServeCommand::Controller(args) => (RoleName::Controller, controller(args, &environment)?),
        ServeCommand::Agent(args) => (RoleName::Agent, agent(args, &environment)?),
        ServeCommand::Simulator(args) => (RoleName::Simulator, simulator(args, &environment)?),
    };
    let ready = |role: &str| {
        let _gone = streams.data(&format!("ready {role}\n"));
    };
    Ok(up::serve(name, options, stopped()?, ready).await?)
}

fn controller(args: ControllerArgs, environment: &Environment) -> Result<UpOptions> {
    let platform = platform(args, environment)?;
    Ok(UpOptions { mongodb: environment.mongodb_uri.read()?, databases: databases(environment)?, ..platform })
}

/// Options of what all stores share; no document of a store's is opened with them.
fn platform(args: ControllerArgs, environment: &Environment) -> Result<UpOptions> {
    let token = match args.simulator_port {
        Some(_) => None,
        None => Some(environment.cloudflare_api_token.read()?.ok_or_else(super::cloudflare::no_token)?),
    };
    let primary_domain = primary(args.primary_domain, token.as_ref())?;
    let simulator = args.simulator_port.unwrap_or(USUAL_PORTS.simulator);
    let ports = Ports { controller: args.controller_port, agent: args.agent_port, router: args.router_port, simulator };
    let usual = usual(args.data.or_usual(environment), environment)?;
    Ok(UpOptions {
        ports,
        primary_domain,
        routing: args.routing,
        domains: args.domains.options(),
        edge: args.edge.options(),
        cloudflare_token: token,
        ..usual
    })
}

/// Options of `storex cloudflare setup`.
pub(super) fn setup(args: SetupArgs, environment: &Environment) -> Result<UpOptions> {
    let controller = ControllerArgs {
        data: args.data,
        controller_port: USUAL_PORTS.controller,
        agent_port: USUAL_PORTS.agent,
        router_port: args.router_port,
        simulator_port: args.simulator_port,
        primary_domain: args.primary_domain,
        routing: args.routing,
        domains: args.domains,
        edge: args.edge,
    };
    platform(controller, environment)
}

fn agent(args: AgentArgs, environment: &Environment) -> Result<UpOptions> {
    let usual = usual(args.data.or_usual(environment), environment)?;
    let ports = Ports { agent: args.agent_port, router: args.router_port, ..USUAL_PORTS };
    Ok(UpOptions { ports, store_ports: args.store_ports, core: core(args.core)?, ..usual })
}

fn simulator(args: SimulatorArgs, environment: &Environment) -> Result<UpOptions> {
    let usual = usual(args.data.or_usual(environment), environment)?;
    let ports = Ports { simulator: args.simulator_port, ..USUAL_PORTS };
    Ok(UpOptions { ports, primary_domain: args.primary_domain, ..usual })
}

/// Options of a role served alone: no token is made for it, and it is given no secret of the controller's.
fn usual(data_dir: PathBuf, environment: &Environment) -> Result<UpOptions> {
    Ok(UpOptions {
        data_dir,
        ports: USUAL_PORTS,
        store_ports: USUAL_STORE_PORTS.parse::<PortRange>()?,
        core: PathBuf::from(USUAL_CORE),
        primary_domain: USUAL_PRIMARY.parse()?,
        routing: Routing::Router,
        domains: DomainOptions::default(),
        edge: EdgeOptions::default(),
        cloudflare_token: None,
        mongodb: None,
        databases: DatabaseOptions::default(),
        tool_prefixes: tool_prefixes(environment),
        make_tokens: false,
        start_limit: START_LIMIT,
    })
}

/// Databases of stores, as the environment says: a connection string holds a password, which is no argument.
fn databases(environment: &Environment) -> Result<DatabaseOptions> {
    let address = environment.databases_address.as_deref().map(str::parse).transpose();
    let address = address.map_err(|error: Error| {
        Error::new(Code::Unusable, format!("STOREX_DATABASES_ADDRESS cannot be used: {}", error.message()))
    })?;
    let largest_snapshot = environment.largest_snapshot_gib.as_deref().map(gibibytes).transpose()?;
    let keyring = environment.keyring_file.clone();
    Ok(DatabaseOptions { uri: environment.databases_uri.read()?, address, largest_snapshot, keyring })
}

/// Bytes of so many GiB.
fn gibibytes(text: &str) -> Result<u64> {
    let bytes = text.parse::<u64>().ok().filter(|number| *number > 0).and_then(|number| number.checked_mul(1 << 30));
    bytes.ok_or_else(|| {
        let why = format!("STOREX_LARGEST_SNAPSHOT_GIB cannot be used: it has to be a whole number of GiB from 1, not {text:?}");
        Error::new(Code::Unusable, why)
    })
}

/// The domain below which stores have their names. A real account's is never guessed.
fn primary(named: Option<Hostname>, token: Option<&Secret<String>>) -> Result<Hostname> {
    match (named, token) {
        (Some(named), _) => Ok(named),
        (None, None) => USUAL_PRIMARY.parse(),
        (None, Some(_)) => {
            Err(Error::new(Code::Unusable, "with CLOUDFLARE_API_TOKEN set, name the primary domain with --primary-domain"))
        }
    }
}

fn core(named: Option<PathBuf>) -> Result<PathBuf> {
    let core = named.unwrap_or_else(|| PathBuf::from(USUAL_CORE));
    if core.join("app.js").is_file() {
        return Ok(core);
    }
    let why = format!("{} holds no app.js; name the folder with the stores' shared core with --core", core.display());
    Err(Error::new(Code::Unusable, why))
}

/// Where `scripts/install-host.sh` puts programs.
fn tool_prefixes(environment: &Environment) -> Vec<PathBuf> {
    let own = environment.home.as_ref().map(|home| home.join(".local/share/storex"));
    [environment.tools.clone(), Some(PathBuf::from("/opt/storex")), own].into_iter().flatten().collect()
}

/// Resolves on SIGTERM and SIGINT.
fn stopped() -> Result<impl Future<Output = ()> + Send> {
    let broken = |error| Error::new(Code::Internal, format!("signals cannot be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(broken)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The log goes to standard error, filtered by `STOREX_LOG` (default `info`).
fn log(environment: &Environment, json: bool) {
    let filter = environment.log.as_deref().unwrap_or("info").parse::<EnvFilter>().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // Somebody who embeds the command line may have a subscriber already; theirs stays.
    let _already = if json { builder.json().try_init() } else { builder.try_init() };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_snapshot_is_a_number_of_gib_or_refused_by_its_name() {
        let of = |text: &str| {
            let environment = Environment { largest_snapshot_gib: Some(text.to_owned()), ..Environment::default() };
            databases(&environment).map(|options| options.largest_snapshot)
        };
        assert_eq!(of("16").unwrap(), Some(16 << 30));
        for text in ["0", "-1", "4GiB", "1.5", " 4", "18446744073709551615"] {
            let error = of(text).unwrap_err();
            assert!(error.code() == Code::Unusable && error.message().contains("STOREX_LARGEST_SNAPSHOT_GIB"), "{error}");
        }
        assert_eq!(databases(&Environment::default()).unwrap().largest_snapshot, None);
    }
}
