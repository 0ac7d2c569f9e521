//! Where every trial begins: a platform that stands, among foreign objects.

use std::sync::OnceLock;
use std::time::Duration;
use storex_fakes::{Allowance, Parts, Snapshot, World};

/// Longest time after a call's deadline at which an effect of the edge lands.
const LATE_EFFECTS: Duration = Duration::from_mins(1);

/// What a controller of a trial is made of.
pub(crate) type Assemble = fn(&World) -> Parts;

/// The parts of a sound controller, with settings under which a trial takes little virtual time.
pub(crate) fn parts(world: &World) -> Parts {
    let mut settings = world.settings();
    settings.effect_limit = Duration::from_secs(5);
    // Shorter than an effect, as in production: a controller that took over meets effects that are still on their way.
    settings.lease = Duration::from_secs(3);
    settings.tries = 3;
    Parts { settings, ..world.parts() }
}

/// A runtime whose time is virtual.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// The world every trial begins in, made once.
pub(crate) fn base() -> &'static Snapshot {
    static BASE: OnceLock<Snapshot> = OnceLock::new();
    BASE.get_or_init(|| runtime().block_on(prepare()))
}

async fn prepare() -> Snapshot {
    let mut world = World::new().unwrap();
    world.domains = world.domains.with_late_effect_window(LATE_EFFECTS);
    let process = world.start(world.parts()).await.unwrap();
    process.controller.ensure_platform("http://localhost:3000").await.unwrap();
    world.plant_sentinels("storex-main-tunnel").await.unwrap();
    assert_eq!(world.judge(Allowance::default()).await, Vec::<String>::new());
    world.snapshot()
}
