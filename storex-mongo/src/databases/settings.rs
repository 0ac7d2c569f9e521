//! What [`MongoDatabases`](crate::MongoDatabases) needs to know.

use mongodb::options::{ClientOptions, ServerAddress, Tls};
use std::path::PathBuf;
use std::time::Duration;
use storex_core::{DatabaseAddress, Result, Secret};

/// Snapshots are refused beyond this by default: 4 GiB.
const LARGEST: u64 = 4 << 30;
/// A command is given up by the server as long after it began as its caller would have waited, and no message stays on its way longer than the rest.
const LATE: Duration = Duration::from_secs(10);

/// What the databases of stores are made with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DatabaseSettings {
    /// Connection string `mongodb://…` of a user with the rights of `docs/adr/0011-databases.md`; its path names the database of storex's marks, by
    /// default `storex_databases`.
    pub uri: Secret<String>,
    /// Where stores reach the server, when it is not where storex reaches it.
    pub address: Option<DatabaseAddress>,
    /// Folder of the snapshots, made when missing, for its owner only. Controllers on several machines want it on storage they share.
    pub snapshots: PathBuf,
    /// Most bytes of documents in a snapshot.
    pub largest_snapshot: u64,
    /// Longest time after a call's deadline at which its effect can still appear.
    pub late_effect_window: Duration,
}

impl DatabaseSettings {
    /// The usual settings: snapshots of at most 4 GiB, effects at most 10 s late.
    pub fn new(uri: Secret<String>, snapshots: PathBuf) -> Self {
        Self { uri, address: None, snapshots, largest_snapshot: LARGEST, late_effect_window: LATE }
    }

    /// Where stores reach the server.
    ///
    /// # Errors
    /// `invalid_field` when the hosts of the connection string make no address: name one.
    pub(super) fn address(&self, options: &ClientOptions) -> Result<DatabaseAddress> {
        if let Some(address) = &self.address {
            return Ok(address.clone());
        }
        let hosts: Vec<String> = options.hosts.iter().map(host).collect();
        let set = options.repl_set_name.as_ref().map(|name| format!("replicaSet={name}"));
        let tls = matches!(options.tls, Some(Tls::Enabled(_))).then(|| "tls=true".to_owned());
        let options: Vec<String> = set.into_iter().chain(tls).collect();
        let tail = if options.is_empty() { String::new() } else { format!("/?{}", options.join("&")) };
        format!("mongodb://{}{tail}", hosts.join(",")).parse()
    }
}

/// A host with its port; the driver shows an IPv6 address without its brackets.
fn host(address: &ServerAddress) -> String {
    let text = address.to_string();
    match text.rsplit_once(':') {
        Some((host, port)) if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{port}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stores_get_the_hosts_of_the_connection_string_and_no_credentials() {
        for (uri, address) in [
            (
                "mongodb://u:canary@db1,db2:27018/marks?replicaSet=rs0&authSource=admin&w=1",
                "mongodb://db1:27017,db2:27018/?replicaSet=rs0",
            ),
            ("mongodb://u:canary@127.0.0.1:1", "mongodb://127.0.0.1:1"),
            ("mongodb://u:canary@[::1]:1/?tls=true", "mongodb://[::1]:1/?tls=true"),
        ] {
            let options = ClientOptions::parse(uri).await.unwrap();
            let mut settings = DatabaseSettings::new(Secret::new(uri.to_owned()), PathBuf::new());
            assert_eq!(settings.address(&options).unwrap().to_string(), address);
            settings.address = Some("mongodb://elsewhere".parse().unwrap());
            assert_eq!(settings.address(&options).unwrap().to_string(), "mongodb://elsewhere");
            assert!(!format!("{settings:?}").contains("canary"));
        }
    }
}
