//! The book of a trial: every request with its answer, what disturbed it, and what the answers promise.

use crate::command::{Act, DOMAINS};
use crate::model::Foreseen;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use storex_core::{Code, Error, OperationId, StoreCreated, StoreId};

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Create { name: usize, domain: Option<usize>, key: Option<usize> },
    Delete { store: StoreId, key: Option<usize> },
    Cancel(OperationId),
    Retry(OperationId),
    Reconcile { dry_run: bool },
}

impl Asked {
    /// The key and what it stands for.
    pub(crate) fn key(&self) -> Option<(usize, String)> {
        match self {
            Self::Create { name, domain, key: Some(key) } => Some((*key, format!("create {name} {domain:?}"))),
            Self::Delete { store, key: Some(key) } => Some((*key, format!("delete {store}"))),
            _ => None,
        }
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Created {
        answer: StoreCreated,
        operation: OperationId,
        replayed: bool,
    },
    Deleting {
        operation: OperationId,
        replayed: bool,
    },
    /// A cancellation or a retry was accepted.
    Accepted,
    Reconciling(Vec<OperationId>),
    Refused {
        code: Code,
        operation: Option<OperationId>,
        text: String,
    },
}

impl Told {
    pub(crate) fn refused(error: &Error) -> Self {
        let operation = error.context().find(|(key, _)| *key == "operation").and_then(|(_, id)| id.parse().ok());
        Self::Refused { code: error.code(), operation, text: error.to_string() }
    }

    pub(crate) fn operation(&self) -> Option<&OperationId> {
        match self {
            Self::Created { operation, .. } | Self::Deleting { operation, .. } => Some(operation),
            Self::Refused { operation, .. } => operation.as_ref(),
            _ => None,
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) told: Told,
    /// Its place among all requests and answers.
    pub(crate) place: usize,
    /// True when something had disturbed the world by then.
    pub(crate) troubled: bool,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) asked: Asked,
    pub(crate) act: Act,
    pub(crate) at: Timestamp,
    pub(crate) place: usize,
    pub(crate) foreseen: Option<Foreseen>,
    pub(crate) answer: Option<Answer>,
}

/// What disturbed the world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disturbances {
    /// Faults, strikes, halts, jumps and edits so far.
    pub(crate) count: usize,
    /// True when somebody edited something, so that a reconcile is needed.
    pub(crate) edited: bool,
    /// True when a read of the edge could lag behind.
    pub(crate) stale: bool,
    /// True when something was refused for good.
    pub(crate) refused: bool,
    /// Domains in which somebody else has something.
    pub(crate) foreign: BTreeSet<usize>,
    /// Domains whose zone somebody removed.
    pub(crate) lost: BTreeSet<usize>,
}

impl Disturbances {
    /// True when the domain in this text is one of these.
    pub(crate) fn names(domains: &BTreeSet<usize>, text: &str) -> bool {
        domains.iter().any(|domain| text.contains(DOMAINS[*domain]))
    }
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<Request>,
    places: usize,
    disturbances: Disturbances,
}

/// The book. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book(Arc<Mutex<State>>);

impl Book {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Writes a request down; answers its number.
    pub(crate) fn ask(&self, asked: Asked, act: &Act, at: Timestamp, foreseen: Option<Foreseen>) -> usize {
        let mut state = self.state();
        state.places += 1;
        let place = state.places;
        state.requests.push(Request { asked, act: act.clone(), at, place, foreseen, answer: None });
        state.requests.len() - 1
    }

    pub(crate) fn answer(&self, request: usize, told: Told) {
        let mut state = self.state();
        state.places += 1;
        let answer = Answer { told, place: state.places, troubled: state.disturbances.count > 0 };
        state.requests[request].answer = Some(answer);
    }

    pub(crate) fn disturb(&self, how: impl FnOnce(&mut Disturbances)) {
        let mut state = self.state();
        state.disturbances.count += 1;
        how(&mut state.disturbances);
    }

    pub(crate) fn disturbances(&self) -> Disturbances {
        self.state().disturbances.clone()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// The stores of this username that answers named, oldest first.
    pub(crate) fn stores(&self, username: &str) -> Vec<StoreId> {
        let state = self.state();
        let mut known: BTreeMap<&OperationId, StoreId> = BTreeMap::new();
        for request in &state.requests {
            if let Some(Answer { told: Told::Created { answer, operation, .. }, .. }) = &request.answer
                && answer.store_id.username().as_str() == username
            {
                known.insert(operation, answer.store_id.clone());
            }
        }
        known.into_values().collect()
    }
}
