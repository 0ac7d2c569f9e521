//! `storex tunnel`: the tunnel's connectors, asked of the API; documents of a tunnel, read from files.

use super::args::{CheckTunnelArgs, ConnectorsArgs, ResetConnectorArgs, TunnelCommand, TunnelSettingsArgs, TunnelUnitArgs};
use super::connection::connect;
use super::failure::{Failure, Outcome};
use super::http::segment;
use super::show;
use super::streams::{Streams, paragraph};
use crate::Environment;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::Path;
use storex_cloudflare::ingress::{Ingress, Invalid, LocalTunnel, UnitOptions};
use storex_core::{Code, Error};

pub(super) async fn run(command: TunnelCommand, environment: &Environment, streams: &mut Streams) -> Outcome {
    match command {
        TunnelCommand::Connectors(ConnectorsArgs { connection }) => {
            let view = connect(&connection, environment)?.get("/api/tunnel/connectors").await?.body;
            streams.answer(&view, || Ok(connectors(&view)))
        }
        TunnelCommand::Reset(ResetConnectorArgs { id, force, connection }) => {
            let path = format!("/api/tunnel/connectors/{}/reset", segment(&id));
            let view = connect(&connection, environment)?.post(&path, &json!({ "force": force }), None).await?.body;
            streams.answer(&view, || Ok(connectors(&view)))
        }
        TunnelCommand::Check(args) => check(&args, streams),
        TunnelCommand::Config(args) => {
            let text = settings(&args)?.config_yml();
            streams.answer(&json!({ "config_yml": text }), || Ok(text.clone()))
        }
        TunnelCommand::Unit(TunnelUnitArgs { settings: args, program, config, user }) => {
            let text = settings(&args)?.unit(&UnitOptions { program, config, user })?;
            streams.answer(&json!({ "unit": text }), || Ok(text.clone()))
        }
    }
}

/// The tunnel for people: what it is, then a line for each connector.
pub(super) fn connectors(view: &Value) -> String {
    let text = |row: &Value, pointer: &str| show::text(row, pointer);
    let rows: Vec<&Value> = view.get("connectors").and_then(Value::as_array).into_iter().flatten().collect();
    let serving = match (rows.is_empty(), view.get("serving").and_then(Value::as_bool)) {
        (true, _) => "no: no connector runs, what is routed is accepted and not yet reached",
        (false, Some(true)) => "yes",
        _ => "no: no connector serves the newest configuration",
    };
    let head = [
        ("tunnel", text(view, "/tunnel")),
        ("routing", text(view, "/routing")),
        ("configuration", text(view, "/config_version")),
        ("serving", serving.to_owned()),
    ];
    let line = |row: &Value| {
        let (id, status, connections) = (text(row, "/id"), text(row, "/status"), text(row, "/connections"));
        let (serves, program, since) = (text(row, "/config_version"), text(row, "/version"), text(row, "/opened_at"));
        format!("{id}  {status}  {connections} connections  serves {serves}  cloudflared {program}  since {since}")
    };
    format!("{}{}", show::pairs(&head), paragraph(rows.into_iter().map(line)))
}

/// With `--json` an invalid document is an answer too, on standard output; only the exit code tells them apart.
fn check(args: &CheckTunnelArgs, streams: &mut Streams) -> Outcome {
    let document = read(&args.file)?;
    let parsed = if args.strict { Ingress::parse_own(&document) } else { Ingress::parse(&document) };
    match parsed {
        Ok(ingress) => {
            let found: Vec<(&str, Option<usize>)> =
                args.urls.iter().map(|url| (url.as_str(), ingress.rule_for_url(url))).collect();
            streams.answer(&verdict(None, &found), || Ok(shown(&ingress, &found)))
        }
        Err(invalid) if streams.json => {
            streams.answer(&verdict(Some(&invalid), &[]), || Ok(String::new()))?;
            Err(Failure::Answered(Code::InvalidField.entry().exit_code))
        }
        Err(invalid) => Err(Error::from(invalid).with("file", args.file.display()).into()),
    }
}

fn verdict(invalid: Option<&Invalid>, found: &[(&str, Option<usize>)]) -> Value {
    let matches: Vec<Value> = found.iter().map(|(url, rule)| json!({ "url": url, "rule": rule })).collect();
    json!({ "valid": invalid.is_none(), "error": invalid.map(ToString::to_string), "matches": matches })
}

fn shown(ingress: &Ingress, found: &[(&str, Option<usize>)]) -> String {
    let line = |(url, rule): &(&str, Option<usize>)| match rule.and_then(|rule| Some((rule, ingress.rules().get(rule)?))) {
        Some((number, rule)) => format!("{url} → rule {number}, {}", rule.service()),
        None => format!("{url} is no URL"),
    };
    paragraph([format!("valid: {} rules", ingress.rules().len())].into_iter().chain(found.iter().map(line)))
}

fn settings(args: &TunnelSettingsArgs) -> Outcome<LocalTunnel> {
    Ok(LocalTunnel::from_json(&read(&args.file)?)?)
}

fn read(file: &Path) -> Outcome<Value> {
    let bytes = std::fs::read(file).map_err(|error| {
        let code = if error.kind() == ErrorKind::NotFound { Code::NotFound } else { Code::Unusable };
        Error::new(code, format!("{} cannot be read: {error}", file.display())).with("file", file.display())
    })?;
    let invalid =
        |error| Error::new(Code::InvalidJson, format!("{} is not JSON: {error}", file.display())).with("file", file.display());
    Ok(serde_json::from_slice(&bytes).map_err(invalid)?)
}
