//! The router's configuration as text, made of typed values only: parsed host names, port numbers, numbers. No text of a user gets here.
//!
//! All paths are relative: to the prefix for nginx (`-p`), to the working directory for the socket of `listen unix:`. So the place of the prefix
//! does not enter the text either.

use super::settings::NginxSettings;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use storex_core::{Hostname, Port, Result, RouteTable};

/// Socket of the generation probe, below the prefix.
pub(super) const PROBE_SOCKET: &str = "run/probe.sock";

/// Which of the two configurations of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The one the master reads.
    Serve,
    /// The one a candidate is tried with: no router port, no other user.
    Trial,
}

/// The main configuration. The routes are in the file it includes.
pub(super) fn main(settings: &NginxSettings, purpose: Purpose) -> Result<String> {
    let user = match (purpose, settings.worker_names()?) {
        (Purpose::Serve, Some((user, group))) => format!("user {user} {group};\n"),
        _ => String::new(),
    };
    let listen = match purpose {
        Purpose::Serve => settings.listen.to_string(),
        Purpose::Trial => "unix:run/trial.sock".to_owned(),
    };
    let workers = settings.workers;
    Ok(format!(
        "# The router of storex, written by its agent; changes are overwritten.\n\
         daemon off;\n{user}worker_processes {workers};\n{GLOBAL}http {{\n{HTTP}    server {{\n        listen {listen} default_server;\n{VISITORS}    }}\n{PROBE}}}\n"
    ))
}

const GLOBAL: &str = "worker_shutdown_timeout 30s;
worker_rlimit_nofile 16384;
pid run/nginx.pid;
error_log logs/error.log crit;
events {
    worker_connections 4096;
}
";

/// `keepalive_timeout` is longer than the 90 s for which cloudflared keeps idle connections to an origin (its `ingress/config.go`), so that it
/// never writes into one that is being closed. The routes come first: they set the sizes of all maps.
const HTTP: &str = r#"    include routes.conf;
    map $http_upgrade $storex_upgrade {
        default "";
        websocket websocket;
    }
    map $storex_upgrade $storex_connection {
        default "";
        websocket upgrade;
    }
    map $http_x_forwarded_proto $storex_forwarded_proto {
        default http;
        https https;
    }
    map $http_cf_visitor $storex_proto {
        default $storex_forwarded_proto;
        '{"scheme":"https"}' https;
        '{"scheme":"http"}' http;
    }
    default_type text/plain;
    server_tokens off;
    access_log off;
    client_body_temp_path tmp/client_body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    uwsgi_temp_path tmp/uwsgi;
    scgi_temp_path tmp/scgi;
    client_header_timeout 15s;
    client_body_timeout 30s;
    client_max_body_size 25m;
    large_client_header_buffers 4 16k;
    keepalive_timeout 120s;
    reset_timedout_connection on;
"#;

/// Every header that could tell a store who the visitor is, is overwritten: what the visitor sent of them is gone. Only `websocket` upgrades pass.
/// 502 and 504 keep their status: there is no `error_page`.
const VISITORS: &str = r#"        set_real_ip_from 127.0.0.1;
        set_real_ip_from ::1;
        real_ip_header CF-Connecting-IP;
        location / {
            if ($storex_upstream = "") {
                return 421 "no store has this host name\n";
            }
            proxy_pass http://$storex_upstream;
            proxy_http_version 1.1;
            proxy_redirect off;
            proxy_next_upstream off;
            proxy_connect_timeout 5s;
            proxy_send_timeout 60s;
            proxy_read_timeout 100s;
            proxy_set_header Host $host;
            proxy_set_header Connection $storex_connection;
            proxy_set_header Upgrade $storex_upgrade;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header X-Forwarded-Proto $storex_proto;
            proxy_set_header X-Forwarded-Port "";
            proxy_set_header Forwarded "";
            proxy_set_header CF-Connecting-IP $remote_addr;
            proxy_set_header True-Client-IP "";
        }
"#;

const PROBE: &str = r#"    server {
        listen unix:run/probe.sock default_server;
        return 200 "$storex_generation\n";
    }
"#;

/// Bytes a name may have for buckets of 128 bytes: an entry is a pointer, the length and the name, and each bucket ends with a pointer
/// (`NGX_HASH_ELT_SIZE` in nginx's `ngx_hash.c`). Longer names, up to 253 bytes, need the next size.
const SHORT_NAME: usize = 104;

/// The routes and their generation, in one text: a crash cannot leave the number of one table with the rows of another. The number of rows
/// in front tells a text that lost some.
pub(super) fn routes(generation: u64, table: &RouteTable) -> String {
    let longest = table.routes.keys().map(|name| name.as_str().len()).max().unwrap_or_default();
    let bucket = if longest > SHORT_NAME { 512 } else { 128 };
    let size = (table.routes.len() * 2).next_power_of_two().max(2048);
    let mut text = format!(
        "# {} routes, written by storex and overwritten by it.\nmap_hash_max_size {size};\nmap_hash_bucket_size {bucket};\n\
         map \"\" $storex_generation {{\n    default \"{generation}\";\n}}\nmap $host $storex_upstream {{\n    default \"\";\n",
        table.routes.len()
    );
    for (name, port) in &table.routes {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {name} 127.0.0.1:{port};");
    }
    text.push_str("}\n");
    text
}

/// Generation of a text that [`routes`] made, its rows unread; `None` when the text does not begin as ours.
pub(super) fn parse_generation(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("map \"\" $storex_generation {\n    default \"")?;
    rest.split_once("\";\n}\n")?.0.parse().ok()
}

/// Generation and table of a text that [`routes`] made; `None` for any other text, down to the last byte.
pub(super) fn parse_routes(text: &str) -> Option<(u64, RouteTable)> {
    let generation = parse_generation(text)?;
    let (_, rows) = text.split_once("\nmap $host $storex_upstream {\n    default \"\";\n")?;
    let routes: BTreeMap<Hostname, Port> = rows.strip_suffix("}\n")?.lines().map(parse_row).collect::<Option<_>>()?;
    let table = RouteTable { routes };
    (self::routes(generation, &table) == text).then_some((generation, table))
}

fn parse_row(line: &str) -> Option<(Hostname, Port)> {
    let (name, port) = line.strip_prefix("    ")?.strip_suffix(';')?.split_once(" 127.0.0.1:")?;
    Some((name.parse().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(rows: &[(&str, u16)]) -> RouteTable {
        RouteTable { routes: rows.iter().map(|(name, port)| (name.parse().unwrap(), (*port).try_into().unwrap())).collect() }
    }

    #[test]
    fn routes_and_generation_are_one_text() {
        let text = routes(7, &table(&[("b.storex.com", 4002), ("a.storex.com", 4001)]));
        assert_eq!(
            text,
            "# 2 routes, written by storex and overwritten by it.\nmap_hash_max_size 2048;\nmap_hash_bucket_size 128;\nmap \"\" $storex_generation {\n    \
             default \"7\";\n}\nmap $host $storex_upstream {\n    default \"\";\n    a.storex.com 127.0.0.1:4001;\n    b.storex.com 127.0.0.1:4002;\n}\n"
        );
    }

    #[test]
    fn sizes_follow_the_number_and_the_length_of_names() {
        let many = RouteTable {
            routes: (0..3000).map(|n| (format!("s{n}.storex.com").parse().unwrap(), 4001.try_into().unwrap())).collect(),
        };
        assert!(routes(1, &many).contains("map_hash_max_size 8192;\nmap_hash_bucket_size 128;"));
        let long = format!("{0}.{0}.com", "a".repeat(63));
        assert!(routes(1, &table(&[(&long, 4001)])).contains("map_hash_bucket_size 512;"));
    }

    #[test]
    fn a_text_changed_in_any_line_is_not_ours() {
        let text = routes(7, &table(&[("a.storex.com", 4001)]));
        assert!(parse_routes(&text).is_some());
        for line in text.lines() {
            assert_eq!(parse_routes(&text.replacen(&format!("{line}\n"), "", 1)), None, "without {line:?}");
            assert_eq!(parse_routes(&text.replacen(line, &format!("{line} "), 1)), None, "a blank after {line:?}");
        }
        for (from, to) in [
            ("127.0.0.1", "10.0.0.1"),
            ("a.storex.com", "A.storex.com"),
            ("4001", "04001"),
            ("\"7\"", "\"x\""),
            ("4001;", "4001; include x;"),
        ] {
            assert_eq!(parse_routes(&text.replacen(from, to, 1)), None, "{to}");
        }
        assert_eq!(parse_routes(""), None);
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_read_back(
            generation: u64,
            names in proptest::collection::btree_map("[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?\\.[a-z]{2,10}", 1024_u16.., 0..40)
        ) {
            let rows = names.into_iter().filter_map(|(name, port)| Some((name.parse().ok()?, port.try_into().ok()?)));
            let table = RouteTable { routes: rows.collect() };
            let text = routes(generation, &table);
            prop_assert_eq!(text.matches(';').count(), 4 + table.routes.len());
            prop_assert_eq!(parse_generation(&text), Some(generation));
            prop_assert_eq!(parse_routes(&text), Some((generation, table)));
        }

        #[test]
        fn any_text_is_read_without_harm(text in "\\PC{0,200}") {
            prop_assert_eq!(parse_routes(&text), None);
        }
    }

    #[test]
    fn a_trial_takes_neither_the_port_nor_another_user() {
        let user = rustix::process::geteuid().is_root().then(|| crate::proc::User::named("nobody").unwrap());
        let settings = NginxSettings {
            binary: "/nginx".into(),
            prefix: "/prefix".into(),
            listen: "127.0.0.1:3000".parse().unwrap(),
            user,
            workers: 3,
            patience: super::super::PATIENCE,
        };
        let (serve, trial) = (main(&settings, Purpose::Serve).unwrap(), main(&settings, Purpose::Trial).unwrap());
        assert!(serve.contains("listen 127.0.0.1:3000 default_server;") && serve.contains("worker_processes 3;"));
        assert_eq!(serve.contains("\nuser nobody "), settings.user.is_some());
        assert!(!trial.contains("127.0.0.1:3000") && !trial.contains("\nuser "));
        assert!(!serve.contains("/prefix"), "the place of the prefix stands in no configuration");
        assert_eq!(serve.matches('{').count(), serve.matches('}').count());
    }
}
