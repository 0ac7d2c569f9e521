//! From a connection string to a database handle.

use mongodb::options::{ClientOptions, DriverInfo, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern};
use mongodb::{Client, Database};
use std::time::Duration;
use storex_core::{Code, Error, Result, Secret};

/// The setting that holds the string.
const SETTING: &str = "STOREX_MONGODB_URI";
/// The database when the connection string names none.
const DATABASE: &str = "storex";
/// How long a primary is waited for; an election takes longer now and then, and the caller asks again.
const SELECTION: Duration = Duration::from_secs(5);
/// How long a connection may take to be made.
const CONNECTION: Duration = Duration::from_secs(4);
/// How long a majority may take to confirm a write before it counts as unclear. Below the limit of a command, so that the server's word comes first.
const CONFIRMATION: Duration = Duration::from_secs(4);
/// Most connections to one server.
const CONNECTIONS: u32 = 64;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A controller's repo.
    Serve,
    /// A copy of it.
    Copy,
    /// A check of the server.
    Check,
}

impl Purpose {
    /// How the connections of this purpose to a database are marked, so that others see them in the server's list.
    pub(crate) fn mark(self, database: &str) -> String {
        let purpose = match self {
            Self::Serve => "serve",
            Self::Copy => "copy",
            Self::Check => "check",
        };
        format!("storex-{purpose}:{database}")
    }
}

/// The database the string names. Connects when it is used first.
///
/// # Errors
/// `unusable`, without a part of the string.
pub(crate) async fn database(uri: &Secret<String>, purpose: Purpose) -> Result<Database> {
    let mut options = options(SETTING, uri.expose()).await?;
    let name = options.default_database.clone().unwrap_or_else(|| DATABASE.to_owned());
    options.driver_info = Some(DriverInfo::builder().name(purpose.mark(&name)).build());
    Ok(client(SETTING, options)?.database(&name))
}

/// A client with these options.
///
/// # Errors
/// `unusable`, without a part of the string.
pub(crate) fn client(setting: &str, options: ClientOptions) -> Result<Client> {
    // The driver's text may quote the string.
    Client::with_options(options).map_err(|_| unusable(setting, "a part of it contradicts another"))
}

/// What the string of this setting says, with what storex needs in place of what would weaken it.
///
/// # Errors
/// `unusable`, without a part of the string.
pub(crate) async fn options(setting: &str, uri: &str) -> Result<ClientOptions> {
    let unusable = |why| unusable(setting, why);
    if uri.starts_with("mongodb+srv://") {
        return Err(unusable(
            "this build does not look up mongodb+srv: name the hosts, as in mongodb://a,b,c/storex?replicaSet=rs0",
        ));
    }
    let mut options = ClientOptions::parse(uri).await.map_err(|_| {
        unusable(
            "it has to be mongodb://user:password@host:port/database?options, and in user and password each of : / ? # [ ] @ % is written as %XX",
        )
    })?;
    if options.load_balanced == Some(true) {
        return Err(unusable("a load balancer hides which server is the primary: name the hosts of the replica set"));
    }
    options.app_name.get_or_insert_with(|| "storex".to_owned());
    options.server_selection_timeout.get_or_insert(SELECTION);
    options.connect_timeout.get_or_insert(CONNECTION);
    options.max_pool_size.get_or_insert(CONNECTIONS);
    options.max_connecting.get_or_insert(8);
    options.retry_reads = Some(true);
    options.retry_writes = Some(true);
    options.read_concern = Some(ReadConcern::majority());
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    let mut concern = WriteConcern::majority();
    concern.journal = Some(true);
    concern.w_timeout = Some(CONFIRMATION);
    options.write_concern = Some(concern);
    Ok(options)
}

fn unusable(setting: &str, why: &str) -> Error {
    Error::new(Code::Unusable, format!("{setting} cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_string_cannot_weaken_what_storex_needs() {
        let weak =
            "mongodb://u:p@127.0.0.1:1/own?w=0&journal=false&readPreference=secondary&readConcernLevel=local&retryWrites=false";
        let options = options(SETTING, weak).await.unwrap();
        let concern = options.write_concern.unwrap();
        assert_eq!((concern.w, concern.journal), (WriteConcern::majority().w, Some(true)));
        assert_eq!(options.read_concern, Some(ReadConcern::majority()));
        assert_eq!(options.selection_criteria, Some(SelectionCriteria::ReadPreference(ReadPreference::Primary)));
        assert_eq!(options.default_database.as_deref(), Some("own"));
    }

    #[tokio::test]
    async fn no_part_of_a_string_that_cannot_be_used_is_shown() {
        let bad = [
            "",
            "canary",
            "mongodb://",
            "mongodb://user:canary:canary@host/",
            "mongodb://user:can@ry@canary@host/",
            "mongodb://user:canary@host:99999/db",
            "mongodb://user:canary@host/db?directConnection=canary",
            "mongodb://user:canary@a,b/db?directConnection=true",
            "mongodb+srv://user:canary@cluster.example.net/",
            "mongodb://user:canary@host/?loadBalanced=true",
            "postgres://user:canary@host/",
        ];
        for text in bad {
            let error = database(&Secret::new(text.to_owned()), Purpose::Serve).await.unwrap_err();
            assert_eq!(error.code(), Code::Unusable, "{text}");
            assert!(error.message().contains("STOREX_MONGODB_URI"), "{error}");
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("canary") && !shown.contains("can@ry"), "{shown}");
        }
    }
}
