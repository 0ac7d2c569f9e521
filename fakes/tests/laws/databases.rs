//! The laws of database administration, sat by the twin, by the twin under an empty fault script, and by broken twins.

mod flawed_databases;
mod flawed_world;

use crate::tally::{Tally, on_a_runtime};
use flawed_databases::{Flaw, FlawedDatabases};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use storex_core::{DatabaseAdmin, DatabaseName, EffectCx, Epoch};
use storex_fakes::laws::broken_laws;
use storex_fakes::laws::database_admin::{self, DatabaseSubject};
use storex_fakes::{Fault, FaultRule, FaultScript, Faulty, Gate, Line, MemoryClock, MemoryDatabases, When};

fn server() -> MemoryDatabases {
    MemoryDatabases::new("mongodb://localhost:27017".parse().unwrap())
}

#[tokio::test]
async fn the_twin_of_databases_obeys_every_law() {
    let twin = server();
    let subject = DatabaseSubject { admin: Arc::new(twin.clone()), world: Arc::new(twin) };
    assert_eq!(broken_laws(&database_admin::laws(), &Arc::new(subject)).await, []);
    let (twin, script) = (server(), FaultScript::new());
    let inner: Arc<dyn DatabaseAdmin> = Arc::new(twin.clone());
    let admin = Arc::new(Faulty::new(inner, script.clone()));
    assert_eq!(broken_laws(&database_admin::laws(), &Arc::new(DatabaseSubject { admin, world: Arc::new(twin) })).await, []);
    assert!(script.count("databases.ensure_user") > 20, "the wrapper was in the way of the calls");
}

#[tokio::test(start_paused = true)]
async fn an_effect_can_be_lost_before_or_after_and_come_late() {
    use storex_core::Clock;
    let twin = server().with_late_effect_window(Duration::from_secs(3));
    assert_eq!(twin.capabilities().late_effect_window, Duration::from_secs(3));
    let (clock, script) = (Arc::new(MemoryClock::default()), FaultScript::new());
    let inner: Arc<dyn DatabaseAdmin> = Arc::new(twin.clone());
    let faulty = Faulty::on(inner, Line::new(script.clone(), Gate::default(), Arc::clone(&clock) as Arc<dyn Clock>));
    let cx = |seconds| EffectCx {
        mark: "storex/1 i=0a1b2c3d s=12345 e=x.0f".parse().unwrap(),
        epoch: Epoch(1),
        deadline: clock.now() + Duration::from_secs(seconds),
    };
    for (number, when, fault, there) in [
        (1, When::Before, Fault::Unclear, false),
        (2, When::After, Fault::Unclear, true),
        (3, When::Before, Fault::Late(2), false),
    ] {
        let name: DatabaseName = format!("store_fault{number}").parse().unwrap();
        script.add(FaultRule::next("databases.ensure_database", name.as_str(), when, fault));
        let error = faulty.ensure_database(&cx(5), &name).await.unwrap_err();
        assert!(error.is_unclear(), "{error:?}");
        assert_eq!(twin.find(&name).await.unwrap().is_some(), there, "{fault:?}");
    }
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(twin.find(&"store_fault3".parse().unwrap()).await.unwrap().is_some(), "the late effect never came");
}

/// What the flawed twins of databases did; computed once.
pub(crate) fn tally() -> &'static Tally {
    static TALLY: OnceLock<Tally> = OnceLock::new();
    let flawed = |flaw: &Flaw| {
        let twin = Arc::new(FlawedDatabases::new(*flaw, server()));
        (*flaw, Arc::new(DatabaseSubject { admin: Arc::clone(&twin) as Arc<dyn DatabaseAdmin>, world: twin }))
    };
    TALLY.get_or_init(|| {
        on_a_runtime(false, async {
            Tally::count("DatabaseAdmin", database_admin::laws(), Flaw::ALL.iter().map(flawed).collect()).await
        })
    })
}

#[test]
fn every_law_of_databases_is_broken_by_a_flawed_twin() {
    tally().assert_whole();
}
