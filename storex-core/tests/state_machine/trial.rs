//! One trial: a sequence of commands on a world of its own, until all is at rest, and the judgement.

use crate::base::{Assemble, base, runtime};
use crate::book::{Asked, Book, Disturbances, Told};
use crate::command::{Act, Command, DOMAINS, NAMES, Pace, Side, Trouble};
use crate::hands;
use crate::model::Model;
use crate::seats::Seats;
use crate::verdict::Verdict;
use proptest_state_machine::ReferenceStateMachine;
use std::time::Duration;
use storex_core::operation::{Direction, OperationDoc};
use storex_core::resource::DriftAction;
use storex_core::{
    Controller, CreateStoreRequest, DriftQuery, IdempotencyKey, OperationId, ReconcileOptions, RequestOptions, StoreId, Table,
};
use storex_fakes::{Allowance, FaultRule, World};

/// How long a trial may take to come to rest.
const PATIENCE: Duration = Duration::from_hours(8);
/// How long nothing must happen after the end.
const AFTERMATH: Duration = Duration::from_mins(10);
/// Passes of a reconcile after which nothing may be left to do.
const PASSES: usize = 6;
/// How often an operator takes up what waits for one before all else is at rest for good.
const RETRIES: usize = 8;

/// Runs the commands on controllers made like this; answers everything that is wrong.
pub(crate) fn run(model: &Model, commands: &[Command], seed: u64, assemble: Assemble) -> Vec<String> {
    // The base is made in a runtime of its own.
    let base = base();
    runtime().block_on(async {
        let world = World::of(base);
        world.seed(seed);
        let seats = Seats::start(&world, assemble).await;
        let mut trial = Trial { world, seats, book: Book::default(), model: model.clone() };
        for command in commands {
            trial.obey(command).await;
        }
        trial.end().await
    })
}

struct Trial {
    world: World,
    seats: Seats,
    book: Book,
    model: Model,
}

impl Trial {
    async fn obey(&mut self, command: &Command) {
        self.act(&command.act).await;
        self.model = Model::apply(self.model.clone(), command);
        match command.pace {
            Pace::Turns(turns) => {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                self.seats.tend(&self.world).await;
            }
            Pace::Seconds(seconds) => self.seats.pass(&self.world, Duration::from_secs(u64::from(seconds))).await,
        }
    }

    async fn act(&mut self, act: &Act) {
        match act {
            Act::Create { by, name, domain, key } => self.create(*by, *name, *domain, *key, act),
            Act::Delete { by, name, older, key } => self.delete(*by, *name, *older, *key, act),
            Act::Cancel { by, age } => self.cancel(*by, *age, act),
            Act::Retry { by } => self.retry(*by, act),
            Act::Reconcile { by, name, dry_run } => self.reconcile(*by, *name, *dry_run, act),
            Act::Strike { end, nth, when } => {
                self.seats.accidents.strike(*end, *nth, *when);
                self.book.disturb(|_| ());
            }
            Act::Halt { by, end } => {
                self.seats.halt(*by, *end);
                self.book.disturb(|_| ());
            }
            Act::Wake => self.seats.wake(),
            Act::Trouble { trouble, nth } => self.trouble(*trouble, *nth),
            Act::Edit(edit) => hands::edit(&self.world, &self.book, &self.seats.accidents, *edit),
            Act::Jump { minutes } => {
                self.book.disturb(|_| ());
                self.seats.sleep(Duration::from_mins(u64::from(*minutes))).await;
            }
            Act::Rest => drop(self.rest().await),
        }
    }

    fn trouble(&self, trouble: Trouble, nth: u32) {
        match trouble {
            Trouble::StaleRead => {
                self.seats.accidents.lag();
                self.book.disturb(|so_far| so_far.stale = true);
            }
            Trouble::Call(call, when, fault) => {
                self.world.script.add(FaultRule { nth, ..FaultRule::next(call, "", when, fault) });
                let refused = matches!(fault, storex_fakes::Fault::Refuse(_));
                self.book.disturb(|so_far| so_far.refused |= refused);
            }
        }
    }

    fn send<F>(&mut self, by: Side, asked: Asked, act: &Act, ask: impl FnOnce(Controller) -> F)
    where
        F: Future<Output = storex_core::Result<Told>> + Send + 'static,
    {
        let number = self.book.ask(asked, act, self.world.clock().now(), self.model.foresees(act));
        let (book, asking) = (self.book.clone(), ask(self.seats.controller(by)));
        let request = tokio::spawn(async move {
            let told = asking.await.unwrap_or_else(|error| Told::refused(&error));
            book.answer(number, told);
        });
        self.seats.serves(by, request);
    }

    fn create(&mut self, by: Side, name: usize, domain: Option<usize>, key: Option<usize>, act: &Act) {
        let body = serde_json::json!({
            "username": NAMES[name], "domain": domain.map(|domain| DOMAINS[domain]),
            "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" }
        });
        let (request, options) = (CreateStoreRequest::from_json(&body).unwrap(), options(key));
        self.send(by, Asked::Create { name, domain, key }, act, |controller| async move {
            let accepted = controller.create_store_with(&request, &options).await?;
            Ok(Told::Created { answer: accepted.answer, operation: accepted.operation.into(), replayed: accepted.replayed })
        });
    }

    fn delete(&mut self, by: Side, name: usize, older: bool, key: Option<usize>, act: &Act) {
        let known = self.book.stores(NAMES[name]);
        let store = known.iter().rev().nth(usize::from(older)).or(known.last()).cloned();
        // Nobody was told of one: then somebody guesses.
        let store: StoreId = store.unwrap_or_else(|| format!("{}-999999999", NAMES[name]).parse().unwrap());
        let (id, options) = (store.clone(), options(key));
        self.send(by, Asked::Delete { store, key }, act, |controller| async move {
            let accepted = controller.delete_store_with(&id, &options).await?;
            Ok(Told::Deleting { operation: accepted.operation.into(), replayed: accepted.replayed })
        });
    }

    /// The operations on stores, oldest first.
    fn operations(&self) -> Vec<OperationDoc> {
        let rows = self.world.stores.rows(Table::Operations);
        let docs = rows.iter().map(|row| row.body.read::<OperationDoc>().unwrap());
        docs.filter(|doc| doc.label != "platform").collect()
    }

    fn cancel(&mut self, by: Side, age: usize, act: &Act) {
        let Some(id) = self.operations().into_iter().rev().nth(age).map(|doc| doc.id) else { return };
        self.send(by, Asked::Cancel(id.clone()), act, |controller| async move {
            controller.cancel_operation(&id).await.map(|_| Told::Accepted)
        });
    }

    fn waiting_for_an_operator(&self) -> Option<OperationId> {
        let mut waiting = self.operations().into_iter().filter(|doc| doc.direction == Direction::Poisoned && !gives_way(doc));
        waiting.next().map(|doc| doc.id)
    }

    fn retry(&mut self, by: Side, act: &Act) {
        let Some(id) = self.waiting_for_an_operator() else { return };
        self.send(by, Asked::Retry(id.clone()), act, |controller| async move {
            controller.retry_operation(&id).await.map(|_| Told::Accepted)
        });
    }

    fn reconcile(&mut self, by: Side, name: Option<usize>, dry_run: bool, act: &Act) {
        let store = name.and_then(|name| self.book.stores(NAMES[name]).pop());
        let query = store.map_or_else(DriftQuery::default, DriftQuery::of_store);
        self.send(by, Asked::Reconcile { dry_run }, act, |controller| async move {
            let report = controller.reconcile(&ReconcileOptions::of(query).dry_run(dry_run)).await?;
            Ok(Told::Reconciling(report.operations))
        });
    }

    /// Takes every disturbance away and waits until nothing happens any more; an operator takes up what waits for one.
    async fn rest(&mut self) -> bool {
        let clock = self.world.clock();
        let end = clock.now() + PATIENCE;
        let mut pause = Duration::from_millis(500);
        self.world.script.clear();
        self.seats.accidents.clear();
        let mut retries = 0;
        while clock.now() < end {
            self.seats.wake();
            self.seats.pass(&self.world, pause).await;
            pause = (pause * 2).min(Duration::from_secs(30));
            // Before all is quiet: what takes turns with it waits for it.
            if retries < RETRIES && self.waiting_for_an_operator().is_some() {
                retries += 1;
                self.retry(Side::A, &Act::Retry { by: Side::A });
            } else if !self.is_quiet() {
                continue;
            }
            self.seats.pass(&self.world, AFTERMATH).await;
            if self.is_quiet() && (retries == RETRIES || self.waiting_for_an_operator().is_none()) {
                return true;
            }
        }
        false
    }

    fn is_quiet(&self) -> bool {
        let open = |row: &std::sync::Arc<storex_core::Row>| row.indexes.contains_key("open");
        let operations = self.world.stores.rows(Table::Operations);
        !operations.iter().any(open) && self.seats.is_answered() && self.world.script.late() == 0
    }

    /// What is not at rest, in words.
    fn unrest(&self) -> String {
        let open = self.operations().into_iter().filter(|doc| !doc.is_at_rest());
        let open: Vec<_> = open.map(|doc| format!("{} of {} {:?}", doc.flow, doc.label, doc.direction)).collect();
        let unanswered = self.book.requests().into_iter().filter(|request| request.answer.is_none()).count();
        let late = self.world.script.late();
        format!("I13: not at rest after {PATIENCE:?} (open: {open:?}; {unanswered} requests without answer; {late} late effects)")
    }

    async fn end(mut self) -> Vec<String> {
        if !self.rest().await {
            return vec![self.unrest()];
        }
        let mut problems = Vec::new();
        let disturbances = self.book.disturbances();
        if disturbances.edited || disturbances.refused {
            problems.extend(self.mend(&disturbances).await);
        }
        problems.extend(self.world.judge(Allowance::default()).await.into_iter().filter(|line| is_wrong(line, &disturbances)));
        problems.extend(Verdict::of(&self.world, &self.book, &self.model).problems());
        problems
    }

    /// What was changed by hand is brought back; afterwards nothing is left to repair.
    async fn mend(&mut self, disturbances: &Disturbances) -> Vec<String> {
        let mut left = Vec::new();
        for _ in 0..PASSES {
            let controller = self.seats.controller(Side::A);
            let report = match controller.reconcile(&ReconcileOptions::of(DriftQuery::default())).await {
                Ok(report) => report,
                Err(error) => return vec![format!("reconcile: {error}")],
            };
            for operation in &report.operations {
                controller.wait_operation(operation, PATIENCE).await.unwrap();
            }
            self.seats.pass(&self.world, Duration::from_secs(61)).await;
            left = report.drift;
            left.retain(|drift| drift.action != DriftAction::Report);
            if left.is_empty() {
                break;
            }
        }
        let lines =
            left.into_iter().map(|drift| format!("reconcile: still {:?}: {} {}", drift.state, drift.resource, drift.detail));
        lines.filter(|line| is_wrong(line, disturbances)).collect()
    }
}

/// A repair that cannot succeed gives way to others; it is begun anew, not retried.
fn gives_way(doc: &OperationDoc) -> bool {
    matches!(doc.flow.as_str(), "reconcile" | "remove_orphan")
}

/// False for what a disturbance made inevitable: a store whose zone somebody removed lacks it, and a repair that was refused was given up.
fn is_wrong(line: &str, disturbances: &Disturbances) -> bool {
    let lacks = line.starts_with("I4: ") || line.starts_with("the document of") || line.starts_with("reconcile: still");
    let gave_way =
        (line.starts_with("I13: reconcile of") || line.starts_with("I13: remove_orphan of")) && line.ends_with("Poisoned");
    let excused_lack = lacks && Disturbances::names(&disturbances.lost, line);
    !(excused_lack || (gave_way && (disturbances.refused || disturbances.edited)))
}

fn options(key: Option<usize>) -> RequestOptions {
    match key {
        Some(key) => RequestOptions::with_key(IdempotencyKey::new("operator", &format!("key-{key}")).unwrap()),
        None => RequestOptions::default(),
    }
}
