//! What the server says of itself.

use super::fact::Finding;
use crate::failure::{Failure, limited};
use crate::server::{self, Topology};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use storex_core::Result;

/// Members that have a say, of which two can lose one and still elect a primary.
const MEMBERS: usize = 3;

/// Answers to `hello` and `buildInfo`.
pub(super) struct Answers {
    hello: Document,
    version: String,
}

impl Answers {
    pub(super) fn topology(&self) -> Topology {
        server::topology(&self.hello)
    }
}

/// Asks; the first command is also the one for which the connection is made and the user logs in.
pub(super) async fn ask(client: &Client) -> Result<Answers> {
    let admin = client.database("admin");
    let hello = limited(admin.run_command(doc! { "hello": 1 })).await.map_err(Failure::of_read)?;
    let build = limited(admin.run_command(doc! { "buildInfo": 1 })).await.map_err(Failure::of_read)?;
    Ok(Answers { hello, version: build.get_str("version").unwrap_or_default().to_owned() })
}

pub(super) fn version(answers: &Answers) -> Result<Finding> {
    server::judge_version(&answers.version)?;
    Ok(Finding::holds(format!("MongoDB {}", answers.version)))
}

pub(super) fn primary(answers: &Answers) -> Result<Finding> {
    server::judge_place(&answers.hello)?;
    Ok(Finding::holds(match answers.hello.get_str("setName") {
        Ok(set) => format!("the primary of {set} answers"),
        Err(_) => "a standalone server answers".to_owned(),
    }))
}

/// Whether another member can become the primary (<https://www.mongodb.com/docs/manual/core/replica-set-architectures/>).
pub(super) fn failover(answers: &Answers) -> Finding {
    let of = |key: &str| answers.hello.get_array(key).map_or(0, Vec::len);
    let (with_data, voting) = (of("hosts"), of("hosts") + of("arbiters"));
    match answers.topology() {
        Topology::Standalone => Finding::warns(
            "a standalone server cannot fail over",
            "For a deployment that outlives a server, use a replica set of three.",
        ),
        Topology::ReplicaSet if with_data < MEMBERS => Finding::warns(
            format!("{with_data} of {voting} members hold data: when one is lost, no majority confirms writes"),
            "For a deployment that outlives a server, give the replica set three members that hold data.",
        ),
        Topology::ReplicaSet => Finding::holds(format!("{with_data} members hold data")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::FactState;
    use super::*;

    #[test]
    fn a_set_that_cannot_lose_a_member_is_warned_of() {
        let state = |hello: Document| failover(&Answers { hello, version: "6.0.5".to_owned() }).of("fail-over").state;
        assert_eq!(state(doc! { "isWritablePrimary": true }), FactState::Warning);
        assert_eq!(state(doc! { "setName": "rs0", "hosts": ["a"] }), FactState::Warning);
        assert_eq!(state(doc! { "setName": "rs0", "hosts": ["a", "b"], "arbiters": ["c"] }), FactState::Warning);
        assert_eq!(state(doc! { "setName": "rs0", "hosts": ["a", "b", "c"] }), FactState::Holds);
    }
}
