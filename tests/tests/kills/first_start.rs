//! The very first start of the controller, which makes the platform, is killed before and after each of its calls to Cloudflare.

use super::failpoints::PLATFORM;
use super::judge::breaches;
use super::world::{Role, World, until};
use std::collections::BTreeSet;

#[test]
fn a_first_start_killed_anywhere_is_finished_by_the_next() {
    let mut world = World::start();
    for (method, path) in PLATFORM {
        for when in ["before", "after"] {
            let point = format!("kill [Controller] {when} {method} {path}");
            world.cloud.hold(method, path, 1, when);
            world.spawn(Role::Controller);
            until(&point, || {
                world.assert_runs(Role::Controller);
                world.cloud.holds().then_some(())
            });
            world.kill(Role::Controller);
            world.cloud.clear();
            println!("{point}");
        }
    }
    world.spawn(Role::Controller);
    world.await_ready(Role::Controller);
    assert_eq!(breaches(&world, &BTreeSet::new()), Vec::<String>::new());
    assert_eq!(world.stop(), Vec::<u32>::new());
}
