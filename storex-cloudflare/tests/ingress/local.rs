//! The files of a locally managed tunnel.

use serde_json::{Value, json};
use storex_cloudflare::ingress::{LocalTunnel, UnitOptions};
use storex_core::Code;

/// The specification's example.
fn example() -> Value {
    json!({ "tunnel_config": {
        "tunnel_id": "storex-main-tunnel",
        "credentials_file": "/etc/cloudflared/creds/tunnel.json",
        "ingress_rules": [
            { "hostname": "*.storex.com", "service": "http://localhost:3000" },
            { "hostname": "oceanbreezestore.com", "service": "http://localhost:4001" },
            { "hostname": "*", "service": "http://localhost:3000" }
        ],
        "origin_config": { "http2_origin": true, "no_tls_verify": true, "proxy_address": "127.0.0.1" },
        "metrics": "localhost:2000",
        "retries": 5,
        "grace_period": "30s"
    } })
}

fn changed(pointer: &str, value: Value) -> Value {
    let mut settings = example();
    *settings.pointer_mut(&format!("/tunnel_config{pointer}")).unwrap() = value;
    settings
}

fn options() -> UnitOptions {
    UnitOptions {
        program: "/usr/local/bin/cloudflared".to_owned(),
        config: "/etc/cloudflared/config.yml".to_owned(),
        user: "cloudflared".to_owned(),
    }
}

#[test]
fn the_specifications_example_has_every_key_under_its_real_name() {
    let expected = r#"tunnel: "storex-main-tunnel"
credentials-file: "/etc/cloudflared/creds/tunnel.json"
metrics: "localhost:2000"
retries: 5
grace-period: "30s"
originRequest:
  http2Origin: true
  noTLSVerify: true
  proxyAddress: "127.0.0.1"
ingress:
  - hostname: "oceanbreezestore.com"
    service: "http://localhost:4001"
  - hostname: "*.storex.com"
    service: "http://localhost:3000"
  - hostname: "*"
    service: "http://localhost:3000"
"#;
    assert_eq!(LocalTunnel::from_json(&example()).unwrap().config_yml(), expected);
    assert_eq!(LocalTunnel::from_json(&example()["tunnel_config"]).unwrap().config_yml(), expected);
}

#[test]
fn what_is_not_set_is_left_to_cloudflared() {
    let settings = json!({
        "tunnel_id": "6ff42ae2-765d-4adf-8112-31c55c1551ef", "credentials_file": "/c.json",
        "ingress_rules": [{ "hostname": "a.com", "path": "^/\"api\"$", "service": "https://10.0.0.1" }, { "service": "http_status:404" }]
    });
    let expected = r#"tunnel: "6ff42ae2-765d-4adf-8112-31c55c1551ef"
credentials-file: "/c.json"
ingress:
  - hostname: "a.com"
    path: "^/\"api\"$"
    service: "https://10.0.0.1"
  - service: "http_status:404"
"#;
    assert_eq!(LocalTunnel::from_json(&settings).unwrap().config_yml(), expected);
}

#[test]
fn the_unit_runs_the_tunnel_and_waits_for_its_grace_period() {
    let expected = "\
[Unit]
Description=Cloudflare Tunnel client
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
User=cloudflared
ExecStart=/usr/local/bin/cloudflared --no-autoupdate --config /etc/cloudflared/config.yml tunnel run
Restart=on-failure
RestartSec=5s
TimeoutStartSec=15
TimeoutStopSec=40
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=strict

[Install]
WantedBy=multi-user.target
";
    assert_eq!(LocalTunnel::from_json(&example()).unwrap().unit(&options()).unwrap(), expected);
    let longer = LocalTunnel::from_json(&changed("/grace_period", "1m30s".into())).unwrap();
    assert!(longer.unit(&options()).unwrap().contains("TimeoutStopSec=100\n"));
}

#[test]
fn nothing_that_a_unit_file_would_read_otherwise_gets_into_one() {
    let tunnel = LocalTunnel::from_json(&example()).unwrap();
    for (program, config, user) in [
        ("cloudflared", "/c.yml", "a"),
        ("/bin/cloudflared -x", "/c.yml", "a"),
        ("/bin/cloudflared", "/c\nExecStartPre=/bin/x", "a"),
        ("/bin/cloudflared", "/%h/c.yml", "a"),
        ("/bin/cloudflared", "/c.yml", "root\nGroup=x"),
        ("/bin/cloudflared", "/c.yml", ""),
    ] {
        let options = UnitOptions { program: program.to_owned(), config: config.to_owned(), user: user.to_owned() };
        assert_eq!(tunnel.unit(&options).unwrap_err().code(), Code::InvalidField, "{options:?}");
    }
}

#[test]
fn certificates_go_unverified_only_where_there_are_none() {
    for service in
        ["https://localhost:8443", "http://10.0.0.1:80", "http://storex.com", "tcp://localhost:22", "unix+tls:/s", "hello_world"]
    {
        let refused = LocalTunnel::from_json(&changed("/ingress_rules/1/service", service.into())).unwrap_err();
        assert_eq!(refused.pointer_str(), Some("/tunnel_config/origin_config/no_tls_verify"), "{service}");
        let mut verified = changed("/ingress_rules/1/service", service.into());
        verified["tunnel_config"]["origin_config"]["no_tls_verify"] = false.into();
        assert!(LocalTunnel::from_json(&verified).unwrap().config_yml().contains("noTLSVerify: false"), "{service}");
    }
    for service in ["http://127.0.0.1:4001", "http://127.8.0.1", "http://[::1]:4001", "http_status:404"] {
        assert!(LocalTunnel::from_json(&changed("/ingress_rules/1/service", service.into())).is_ok(), "{service}");
    }
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    let refusals = [
        ("/tunnel_id", json!(" "), "/tunnel_config/tunnel_id"),
        ("/credentials_file", json!("tunnel.json"), "/tunnel_config/credentials_file"),
        ("/metrics", json!("localhost"), "/tunnel_config/metrics"),
        ("/metrics", json!("local host:1"), "/tunnel_config/metrics"),
        ("/grace_period", json!("30"), "/tunnel_config/grace_period"),
        ("/grace_period", json!("4m"), "/tunnel_config/grace_period"),
        ("/ingress_rules/2", json!({ "hostname": "a.com", "service": "http://localhost" }), "/tunnel_config/ingress_rules"),
        (
            "/ingress_rules/1",
            json!({ "hostname": "*.storex.com", "service": "http://localhost" }),
            "/tunnel_config/ingress_rules",
        ),
        ("/origin_config/proxy_address", json!("localhost"), "/tunnel_config"),
        ("/origin_config", json!({ "noTLSVerify": true }), "/tunnel_config"),
        ("/retries", json!(-1), "/tunnel_config"),
    ];
    for (pointer, value, named) in refusals {
        let refused = LocalTunnel::from_json(&changed(pointer, value.clone())).unwrap_err();
        assert_eq!((refused.code(), refused.pointer_str()), (Code::InvalidField, Some(named)), "{pointer} {value}");
    }
}
