//! What the answers promised and the reference foresaw, held against what became of it.

use crate::book::{Answer, Asked, Book, Disturbances, Request, Told};
use crate::command::{DOMAINS, NAMES};
use crate::model::{Fate, Foreseen, Model};
use std::collections::{BTreeMap, BTreeSet};
use storex_core::operation::{Direction, OperationDoc, Outcome};
use storex_core::record::StoreRecord;
use storex_core::{Code, OperationId, StoreId, Table};
use storex_fakes::World;

/// A trial that is over.
pub(crate) struct Verdict<'a> {
    pub(crate) book: &'a Book,
    pub(crate) model: &'a Model,
    operations: BTreeMap<OperationId, OperationDoc>,
    stores: Vec<StoreRecord>,
    disturbances: Disturbances,
}

impl<'a> Verdict<'a> {
    pub(crate) fn of(world: &World, book: &'a Book, model: &'a Model) -> Self {
        let operations = world.stores.rows(Table::Operations);
        let operations = operations.iter().map(|row| row.body.read::<OperationDoc>().unwrap());
        let stores = world.stores.rows(Table::Stores);
        Self {
            book,
            model,
            operations: operations.map(|doc| (doc.id.clone(), doc)).collect(),
            stores: stores.iter().map(|row| row.body.read::<StoreRecord>().unwrap()).collect(),
            disturbances: book.disturbances(),
        }
    }

    /// Everything that is wrong; each line begins with its class.
    pub(crate) fn problems(&self) -> Vec<String> {
        let requests = self.book.requests();
        let mut problems = self.twice();
        for request in &requests {
            if let Some(answer) = &request.answer {
                let wrong = self.wrong(request, answer, &requests).or_else(|| unforeseen(request, answer));
                problems.extend(wrong.map(|why| format!("{why} ({})", request.act)));
            }
        }
        problems.extend(self.operations.values().filter_map(|doc| self.unreasoned(doc)));
        problems.extend(self.keys(&requests));
        problems.extend(self.fates());
        problems
    }

    /// Stores that share a username or a domain.
    fn twice(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut problems = Vec::new();
        for store in &self.stores {
            let custom = store.domains.custom.iter().map(ToString::to_string);
            for name in custom.chain([store.store_id.username().to_string()]) {
                if !seen.insert(name.clone()) {
                    problems.push(format!("I1: two stores have {name}"));
                }
            }
        }
        problems
    }

    fn ended(&self, id: &OperationId) -> Option<Direction> {
        self.operations.get(id).map(|doc| doc.direction)
    }

    fn lives(&self, store: &StoreId) -> bool {
        self.stores.iter().any(|record| record.store_id == *store)
    }

    fn wrong(&self, request: &Request, answer: &Answer, all: &[Request]) -> Option<String> {
        let begun = !matches!(answer.told, Told::Refused { .. });
        if let Some(operation) = answer.told.operation().filter(|id| begun && !self.operations.contains_key(id)) {
            return Some(format!("answer: names the operation {operation}, which is not on record"));
        }
        match (&request.asked, &answer.told) {
            (Asked::Create { name, .. }, Told::Created { answer, .. }) => {
                (answer.store_id.username().as_str() != NAMES[*name]).then(|| format!("answer: names {}", answer.store_id))
            }
            (Asked::Create { .. }, Told::Refused { code, operation: Some(id), .. }) => self.wrong_error(*code, id),
            (Asked::Delete { store, .. }, told) => self.wrong_deletion(store, told, request, answer),
            (Asked::Cancel(id), told) => self.wrong_cancellation(id, told, request, all),
            (Asked::Reconcile { dry_run: true, .. }, Told::Reconciling(begun)) if !begun.is_empty() => {
                Some(format!("answer: a reconcile that only says began {begun:?}"))
            }
            (_, told) => unexpected(told, answer),
        }
    }

    /// A create that was answered with its operation's error ends with it.
    fn wrong_error(&self, code: Code, id: &OperationId) -> Option<String> {
        if matches!(code, Code::Timeout | Code::IdempotencyKeyReused) {
            return None;
        }
        let doc = self.operations.get(id)?;
        let retried = |request: &Request| matches!(&request.asked, Asked::Retry(other) if other == id);
        let same = doc.error.as_ref().is_some_and(|error| error.code == code);
        let rolled_back = doc.direction == Direction::Done(Outcome::RolledBack);
        let excused = self.book.requests().iter().any(retried) || self.disturbances.refused;
        (!rolled_back || !(same || excused))
            .then(|| format!("answer: {code:?}, and the operation ended {:?} with {:?}", doc.direction, doc.error))
    }

    fn wrong_deletion(&self, store: &StoreId, told: &Told, request: &Request, answer: &Answer) -> Option<String> {
        match told {
            Told::Deleting { operation, .. } => {
                let ended = self.ended(operation);
                let gone = ended == Some(Direction::Done(Outcome::Succeeded)) && !self.lives(store);
                (!gone).then(|| format!("delete: {store} was to be deleted; its operation is {ended:?}"))
            }
            Told::Refused { code: Code::NotFound, .. } => {
                self.lives(store).then(|| format!("delete: {store} was not found and is there"))
            }
            Told::Refused { code: Code::OperationInProgress, operation: Some(id), .. } => {
                let over = self.operations.get(id).is_some_and(|doc| doc.updated_at < request.at);
                over.then(|| format!("delete: refused for the operation {id}, which was over"))
            }
            told => unexpected(told, answer),
        }
    }

    fn wrong_cancellation(&self, id: &OperationId, told: &Told, request: &Request, all: &[Request]) -> Option<String> {
        let ended = self.ended(id);
        match told {
            Told::Accepted if ended == Some(Direction::Done(Outcome::RolledBack)) => None,
            Told::Accepted => Some(format!("cancel: accepted, and the operation ended {ended:?}")),
            Told::Refused { code: Code::PastPointOfNoReturn, .. } => {
                let before = |other: &&Request| {
                    matches!(&other.asked, Asked::Cancel(same) if same == id)
                        && matches!(&other.answer, Some(Answer { told: Told::Accepted, place, .. }) if *place < request.place)
                };
                let accepted = all.iter().find(before)?;
                Some(format!("cancel: refused after it was accepted by request {}", accepted.place))
            }
            Told::Refused { code: Code::VersionConflict, .. } => Some("cancel: answered with a version conflict".to_owned()),
            _ => None,
        }
    }

    /// An operation that turned back without a reason the trial gave it.
    fn unreasoned(&self, doc: &OperationDoc) -> Option<String> {
        if doc.direction != Direction::Done(Outcome::RolledBack) || doc.flow != "create_store" {
            return None;
        }
        let error = doc.error.as_ref()?;
        let domain = domain_of(doc);
        let index = domain.as_deref().and_then(|domain| DOMAINS.iter().position(|one| *one == domain));
        let somebody = |domains: &BTreeSet<usize>| index.is_some_and(|index| domains.contains(&index));
        let reasoned = match error.code {
            Code::UsernameTaken => self.has_rival(doc, |rival| rival.label == doc.label),
            Code::DomainTaken => self.has_rival(doc, |rival| domain_of(rival) == domain),
            Code::Cancelled => doc.cancelled_at.is_some(),
            Code::ZoneExists => somebody(&self.disturbances.foreign) || self.disturbances.stale,
            Code::ForeignObject => somebody(&self.disturbances.foreign),
            Code::NotFound => somebody(&self.disturbances.lost),
            Code::StaleEpoch | Code::VersionConflict | Code::Internal | Code::Corrupt => false,
            _ => self.disturbances.count > 0,
        };
        (!reasoned).then(|| format!("reason: {} rolled back for {}: {}", doc.label, error.code.as_str(), error.message))
    }

    /// True when another operation's store stood in the way while this one went.
    fn has_rival(&self, doc: &OperationDoc, same: impl Fn(&OperationDoc) -> bool) -> bool {
        self.operations.values().any(|rival| {
            let before = rival.created_at <= doc.updated_at;
            let ended_before = rival.direction == Direction::Done(Outcome::RolledBack) && rival.updated_at < doc.created_at;
            rival.id != doc.id && rival.flow == "create_store" && same(rival) && before && !ended_before
        })
    }

    /// One key, one request, one operation, one answer.
    fn keys(&self, requests: &[Request]) -> Vec<String> {
        let mut problems = Vec::new();
        let mut operations: BTreeMap<&str, &OperationId> = BTreeMap::new();
        for doc in self.operations.values() {
            if let Some(key) = &doc.idempotency
                && let Some(other) = operations.insert(&key.name, &doc.id)
            {
                problems.push(format!("I11: one key began {other} and {}", doc.id));
            }
        }
        let mut stands: BTreeMap<usize, (String, &Told)> = BTreeMap::new();
        for request in requests {
            let (Some((key, payload)), Some(answer)) = (request.asked.key(), &request.answer) else { continue };
            if !matches!(answer.told, Told::Created { .. } | Told::Deleting { .. }) {
                continue;
            }
            match stands.get(&key) {
                None => drop(stands.insert(key, (payload, &answer.told))),
                Some((first, _)) if *first != payload => {
                    problems.push(format!("I11: key {key} stood for {first} and for {payload}"));
                }
                Some((_, told)) => problems.extend(differ(told, &answer.told).map(|how| format!("I11: key {key}: {how}"))),
            }
        }
        problems
    }

    /// What the reference foresaw, when nothing disturbed it.
    fn fates(&self) -> Vec<String> {
        if self.model.disturbed {
            return Vec::new();
        }
        let mut problems = Vec::new();
        for (name, fate) in NAMES.iter().zip(self.model.fates) {
            let store = self.stores.iter().find(|store| store.store_id.username().as_str() == *name);
            let custom = store.and_then(|store| store.domains.custom.as_ref()).map(ToString::to_string);
            let wrong = match fate {
                Fate::Unknown => false,
                Fate::Absent | Fate::Going => store.is_some(),
                Fate::Live(domain) | Fate::Making(domain) => {
                    store.is_none() || custom != domain.map(|domain| DOMAINS[domain].to_owned())
                }
            };
            if wrong {
                problems.push(format!("foreseen: {name} {fate:?}; there is {:?}", store.map(|store| &store.domains)));
            }
        }
        problems
    }
}

fn domain_of(doc: &OperationDoc) -> Option<String> {
    let params: serde_json::Value = doc.params.read().ok()?;
    Some(params.get("domain")?.as_str()?.to_owned())
}

/// An error that nothing in an undisturbed world explains.
fn unexpected(told: &Told, answer: &Answer) -> Option<String> {
    let Told::Refused { code, text, .. } = told else { return None };
    let passing = matches!(
        code,
        Code::Timeout
            | Code::Unavailable
            | Code::CloudflareAnswer
            | Code::CloudflareDenied
            | Code::RateLimited
            | Code::VersionConflict
    );
    let odd = match code {
        Code::SafeMode | Code::Internal | Code::Corrupt | Code::StaleEpoch | Code::PlatformNotReady | Code::Exhausted => true,
        _ => passing && !answer.troubled,
    };
    odd.then(|| format!("answer: {text}"))
}

fn unforeseen(request: &Request, answer: &Answer) -> Option<String> {
    let foreseen = request.foreseen.filter(|_| !answer.troubled)?;
    let as_foreseen = match (foreseen, &answer.told) {
        (Foreseen::Begins, Told::Created { replayed, .. } | Told::Deleting { replayed, .. }) => !replayed,
        (Foreseen::Refused(wanted), Told::Refused { code, .. }) => wanted == *code,
        _ => false,
    };
    (!as_foreseen).then(|| format!("foreseen: {foreseen:?}; it was answered {:?}", answer.told))
}

/// How two answers under one key differ. Name servers that were not known in time are left out of an answer.
fn differ(one: &Told, other: &Told) -> Option<String> {
    let same = match (one, other) {
        (Told::Created { answer, operation, .. }, Told::Created { answer: again, operation: twice, .. }) => {
            let servers = (&answer.configuration.nameservers, &again.configuration.nameservers);
            let known = !servers.0.is_empty() && !servers.1.is_empty();
            operation == twice && answer.store_id == again.store_id && (!known || answer == again)
        }
        (Told::Deleting { operation, .. }, Told::Deleting { operation: twice, .. }) => operation == twice,
        _ => false,
    };
    (!same).then(|| format!("{one:?} and {other:?}"))
}
