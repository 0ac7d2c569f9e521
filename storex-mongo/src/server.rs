//! What the server is: its version, its topology, whether it has a primary.

use crate::failure::{Failure, limited};
use mongodb::Database;
use mongodb::bson::{Document, doc};
use storex_core::{Code, Error, Result};

/// The oldest release this build works with.
const OLDEST: u32 = 6;

/// How servers belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// One server by itself.
    Standalone,
    /// A replica set, of one member or more.
    ReplicaSet,
}

/// Proves that the server can be worked with.
///
/// # Errors
/// `unusable` for wrong credentials, a server that is too old, and a router of a sharded cluster; `unavailable` without a primary.
pub(crate) async fn check(database: &Database) -> Result<Topology> {
    let hello = limited(database.run_command(doc! { "hello": 1 })).await.map_err(Failure::of_read)?;
    let build = limited(database.run_command(doc! { "buildInfo": 1 })).await.map_err(Failure::of_read)?;
    judge(&hello, build.get_str("version").unwrap_or_default())
}

/// What the answers to `hello` and `buildInfo` say (<https://www.mongodb.com/docs/manual/reference/command/hello/>).
fn judge(hello: &Document, version: &str) -> Result<Topology> {
    judge_version(version)?;
    judge_place(hello)?;
    Ok(topology(hello))
}

/// Whether this build works with a server of this version.
///
/// # Errors
/// `unusable`.
pub(crate) fn judge_version(version: &str) -> Result<()> {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST) {
        return Err(unusable(format!("MongoDB {version} is older than {OLDEST}.0: upgrade the server")));
    }
    Ok(())
}

/// Whether this server is the one to write to.
///
/// # Errors
/// `unusable` for the router of a sharded cluster, `unavailable` for a server that is no primary.
pub(crate) fn judge_place(hello: &Document) -> Result<()> {
    if hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
        return Err(unusable("this is the router of a sharded cluster: give the address of a replica set".to_owned()));
    }
    if !hello.get_bool("isWritablePrimary").unwrap_or_default() {
        let what = "this MongoDB server is no primary: name all hosts of the replica set, without directConnection, and check that one of them is the primary";
        return Err(Error::new(Code::Unavailable, what));
    }
    Ok(())
}

/// How the server belongs to others.
pub(crate) fn topology(hello: &Document) -> Topology {
    if hello.get_str("setName").is_ok() { Topology::ReplicaSet } else { Topology::Standalone }
}

fn unusable(what: String) -> Error {
    Error::new(Code::Unusable, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_judged_by_its_version_and_its_place() {
        let primary = doc! { "isWritablePrimary": true, "setName": "rs0" };
        let alone = doc! { "isWritablePrimary": true };
        assert_eq!(judge(&primary, "6.0.5").unwrap(), Topology::ReplicaSet);
        assert_eq!(judge(&alone, "8.0.1-rc0").unwrap(), Topology::Standalone);
        for (hello, version, code, word) in [
            (&primary, "5.0.32", Code::Unusable, "upgrade"),
            (&primary, "4.4", Code::Unusable, "upgrade"),
            (&primary, "", Code::Unusable, "upgrade"),
            (&doc! { "isWritablePrimary": true, "msg": "isdbgrid" }, "7.0.0", Code::Unusable, "sharded"),
            (&doc! { "isWritablePrimary": false, "setName": "rs0" }, "7.0.0", Code::Unavailable, "primary"),
        ] {
            let error = judge(hello, version).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            assert!(error.message().contains(word), "{error}");
        }
    }
}
