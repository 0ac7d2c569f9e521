//! Proving on somebody's own server the facts that storex relies on, in a database of the check's own.

mod fact;
mod keys;
mod layout;
mod leases;
mod rights;
mod scratch;
mod server_facts;
mod times;
mod wakes;

pub use fact::{Fact, FactState};

use crate::connect;
use fact::{Finding, NAMES};
use mongodb::Database;
use mongodb::bson::oid::ObjectId;
use scratch::Scratch;
use std::time::Duration;
use storex_core::{Error, Result, Secret};

/// How long one fact may take to prove.
const PATIENCE: Duration = Duration::from_secs(20);

/// What [`check`] found out: every fact, in the order in which they were looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The facts.
    pub facts: Vec<Fact>,
}

impl CheckReport {
    /// Whether the server serves: every fact was proved, or is one that storex can do without.
    pub fn is_good(&self) -> bool {
        self.facts.iter().all(|fact| matches!(fact.state, FactState::Holds | FactState::Warning))
    }
}

/// Proves on a server of one's own what storex relies on: who may log in, how old it is, that unique keys, compare-and-set, majority writes, fences
/// and leases by the server's time, change streams and time limits do what they should.
///
/// It works in a database of its own with a name that never was (`storex_check_…`) and drops it at the end, also when a fact fails and when `stop`
/// ends the check early. The database named in `uri` is not opened; only the user's rights on it are asked for. Neither `uri` nor a part of it
/// appears in the report, except host names in what the server says.
///
/// # Cancellation
/// Dropping the future may leave the database of the check; use `stop`.
pub async fn check(uri: &Secret<String>, stop: impl Future<Output = ()>) -> CheckReport {
    let mut book = Book::default();
    let (facts, cleaned) = match connect::database(uri, connect::Purpose::Check).await {
        Err(error) => {
            book.note("connection", Err(error));
            (book.0, Finding::holds("nothing was made"))
        }
        Ok(deployment) => {
            let scratch = deployment.client().database(&format!("storex_check_{}", ObjectId::new().to_hex()));
            tokio::select! {
                () = book.fill(&deployment, &scratch) => {}
                () = stop => {}
            }
            let is_reached = book.0.iter().any(|fact| fact.name == "connection" && fact.state == FactState::Holds);
            let cleaned = if is_reached { scratch::remove(&scratch).await } else { Finding::holds("nothing was made") };
            (book.0, cleaned)
        }
    };
    report(facts, cleaned)
}

/// All facts in their order; those nobody came to are untested.
fn report(mut found: Vec<Fact>, cleaned: Finding) -> CheckReport {
    found.push(cleaned.of("cleaning up"));
    let look = |name: &&'static str| {
        let seen = found.iter().find(|fact| fact.name == *name).cloned();
        seen.unwrap_or_else(|| Finding::untested().of(name))
    };
    CheckReport { facts: NAMES.iter().map(look).collect() }
}

/// The facts so far.
#[derive(Default)]
struct Book(Vec<Fact>);

impl Book {
    /// Writes a fact down; answers whether to go on.
    fn note(&mut self, name: &'static str, found: Result<Finding>) -> bool {
        let fact = found.unwrap_or_else(|error| Finding::failed(&error)).of(name);
        let goes_on = fact.state != FactState::Fails;
        self.0.push(fact);
        goes_on
    }

    async fn prove(&mut self, name: &'static str, proof: impl Future<Output = Result<Finding>>) -> bool {
        let found = tokio::time::timeout(PATIENCE, proof).await;
        self.note(name, found.unwrap_or_else(|_| Err(late())))
    }

    /// Everything that can be found out. What rests on a fact that failed stays untested.
    async fn fill(&mut self, deployment: &Database, scratch: &Database) {
        let client = deployment.client();
        let answers = match server_facts::ask(client).await {
            Ok(answers) => answers,
            Err(error) => {
                self.note("connection", Err(error));
                return;
            }
        };
        self.note("connection", Ok(Finding::holds("the server answers")));
        let is_recent = self.note("version", server_facts::version(&answers));
        let is_primary = self.note("primary", server_facts::primary(&answers));
        self.note("fail-over", Ok(server_facts::failover(&answers)));
        let may = self.prove("rights", rights::look(client, deployment.name())).await;
        if !(is_recent && is_primary && may && self.prove("scratch database", scratch::may_write(scratch)).await) {
            return;
        }
        match Scratch::make(scratch, answers.topology()).await {
            Ok(made) => {
                self.note("collections and indexes", Ok(Finding::holds("made and found again")));
                self.fill_in(&made).await;
            }
            Err(error) => {
                self.note("collections and indexes", Err(error));
            }
        }
    }

    async fn fill_in(&mut self, scratch: &Scratch) {
        self.prove("unique keys", keys::unique(scratch)).await;
        self.prove("compare-and-set", keys::compare_and_set(scratch)).await;
        self.prove("confirmed writes", keys::confirmed(scratch)).await;
        self.prove("order of texts", keys::order(scratch)).await;
        self.prove("server time", times::fences(scratch)).await;
        self.prove("leases", leases::pass_on(scratch)).await;
        self.prove("time limits", times::limits(scratch)).await;
        self.prove("change notices", wakes::notices(scratch)).await;
        self.prove("layout", layout::forward(scratch)).await;
    }
}

fn late() -> Error {
    Error::new(storex_core::Code::Timeout, format!("the server did not show it within {} s", PATIENCE.as_secs()))
}
