//! The systemd unit that keeps `cloudflared tunnel run` running.

use super::LocalTunnel;
use std::time::Duration;
use storex_core::{Code, Error, Result};

/// How long cloudflared takes to end without a grace period of its own: its default, 30 seconds.
const USUAL_GRACE: Duration = Duration::from_secs(30);
/// What systemd waits beyond the grace period before it kills.
const MARGIN: Duration = Duration::from_secs(10);

/// Where things are on the machine the unit is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitOptions {
    /// cloudflared's program.
    pub program: String,
    /// The `config.yml`.
    pub config: String,
    /// User it runs as, who can read the configuration and the credentials file.
    pub user: String,
}

impl LocalTunnel {
    /// The text of a unit file. Names and options are those of the unit that `cloudflared service install` writes (`cmd/cloudflared/linux_service.go`), with
    /// an unprivileged user, no way to gain privileges, and time to finish requests on a stop.
    ///
    /// # Errors
    /// `invalid_field` for a path that is not absolute, or a path or user with characters that mean something in a unit file.
    pub fn unit(&self, options: &UnitOptions) -> Result<String> {
        let UnitOptions { program, config, user } = options;
        path(program, "/program")?;
        path(config, "/config")?;
        if user.is_empty()
            || !user.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
        {
            return Err(Error::new(Code::InvalidField, "a user name has lower-case letters, digits, - and _").pointer("/user"));
        }
        let stop = (self.grace_period.unwrap_or(USUAL_GRACE) + MARGIN).as_secs();
        Ok(format!(
            "\
[Unit]
Description=Cloudflare Tunnel client
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
User={user}
ExecStart={program} --no-autoupdate --config {config} tunnel run
Restart=on-failure
RestartSec=5s
TimeoutStartSec=15
TimeoutStopSec={stop}
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=strict

[Install]
WantedBy=multi-user.target
"
        ))
    }
}

/// Nothing that a unit file quotes, expands or splits at.
fn path(path: &str, pointer: &str) -> Result<()> {
    let plain = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte));
    let message = "a path in a unit file is absolute, of letters, digits and / . _ - +";
    if plain { Ok(()) } else { Err(Error::new(Code::InvalidField, format!("{message}: {path:?}")).pointer(pointer)) }
}
