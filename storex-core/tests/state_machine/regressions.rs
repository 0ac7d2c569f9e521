//! Sequences that once showed something wrong, each as short as it could be made.

use crate::base::parts;
use crate::command::Side::{A, B};
use crate::command::{Act, Command, Edit, End, Pace, Trouble};
use crate::model::{Model, Mood};
use crate::trial::run;
use storex_core::Code;
use storex_fakes::{Fault, When};

/// What is wrong after the sequence on sound controllers.
fn problems(seed: u64, commands: &[(Act, Pace)]) -> Vec<String> {
    let commands: Vec<Command> = commands.iter().cloned().map(|(act, pace)| Command { act, pace }).collect();
    run(&Model::begun(Mood::Storm), &commands, seed, parts)
}

fn holds(seed: u64, commands: &[(Act, Pace)]) {
    assert_eq!(problems(seed, commands), Vec::<String>::new());
}

/// The same for every number in the sequence, such as the call at which a controller stops.
fn holds_at_each(numbers: std::ops::Range<u16>, sequence: impl Fn(u16) -> Vec<(Act, Pace)>) {
    let wrong = numbers.map(|number| (number, problems(1, &sequence(number)))).filter(|(_, problems)| !problems.is_empty());
    let wrong: Vec<String> = wrong.map(|(number, problems)| format!("{number}: {}", problems.join("; "))).collect();
    assert_eq!(wrong, Vec::<String>::new());
}

fn create(name: usize, domain: Option<usize>) -> Act {
    Act::Create { by: A, name, domain, key: None }
}

fn delete(name: usize) -> Act {
    Act::Delete { by: A, name, older: false, key: None }
}

const REST: Pace = Pace::Seconds(10);

#[test]
fn a_store_whose_username_is_used_again_is_there() {
    holds(1, &[(create(0, Some(0)), REST), (delete(0), REST), (create(0, Some(0)), REST)]);
}

#[test]
fn a_cancellation_that_was_accepted_is_accepted_again_once_the_operation_is_over() {
    let cancel = || Act::Cancel { by: A, age: 0 };
    // Somebody has the zone already: the operation turns back by itself, and a lost answer keeps it on its way back for a while.
    let lost = Trouble::Call("host.withdraw", When::Before, Fault::Unclear);
    holds_at_each(0..30, |turns| {
        vec![
            (Act::Trouble { trouble: lost, nth: 1 }, REST),
            (Act::Edit(Edit::ForeignZone(1)), REST),
            (create(0, Some(1)), Pace::Turns(turns)),
            (cancel(), REST),
            (cancel(), REST),
        ]
    });
}

#[test]
fn a_controller_that_slept_past_its_lease_changes_nothing_of_a_store_that_is_gone_or_was_made_again() {
    let by_b = |name| Act::Delete { by: B, name, older: false, key: None };
    let again = Act::Create { by: B, name: 2, domain: Some(0), key: None };
    for end in [When::Before, When::After] {
        holds_at_each(1..70, |nth| {
            let pause = Act::Strike { end: End::Pause, nth: u32::from(nth), when: end };
            let key = Act::Create { by: B, name: 2, domain: Some(0), key: Some(0) };
            vec![
                (Act::Create { by: A, name: 2, domain: Some(0), key: Some(0) }, Pace::Turns(0)),
                (pause, Pace::Seconds(20)),
                (key, Pace::Seconds(20)),
                (by_b(2), Pace::Seconds(120)),
                (again.clone(), Pace::Turns(8)),
                (Act::Wake, REST),
            ]
        });
    }
}

#[test]
fn a_zone_that_lands_after_its_store_was_deleted_is_removed_too() {
    let late = |seconds| Trouble::Call("domains.create_zone", When::Before, Fault::Late(seconds));
    for seconds in [12, 25, 45] {
        let late = (Act::Trouble { trouble: late(seconds), nth: 1 }, Pace::Turns(0));
        holds(4, &[late, (create(0, Some(1)), Pace::Seconds(10)), (delete(0), Pace::Seconds(10))]);
    }
}

#[test]
fn a_repair_that_waits_for_a_deletion_goes_on_when_an_operator_takes_the_deletion_up() {
    let refused = Trouble::Call("domains.remove", When::Before, Fault::Refuse(Code::CloudflareRefused));
    holds(
        3,
        &[
            (create(2, Some(0)), REST),
            (Act::Edit(Edit::LinkRemoved(2)), REST),
            (Act::Trouble { trouble: refused, nth: 1 }, REST),
            (delete(2), Pace::Turns(6)),
            (Act::Reconcile { by: B, name: None, dry_run: false }, REST),
        ],
    );
}

#[test]
fn a_deletion_does_not_overlap_with_the_way_back_of_the_create_before_it() {
    let cancel = || Act::Cancel { by: B, age: 0 };
    holds(
        0xa708_a824_f612_cf62,
        &[
            (Act::Create { by: A, name: 0, domain: None, key: Some(2) }, Pace::Turns(33)),
            (Act::Wake, Pace::Seconds(36)),
            (Act::Halt { by: B, end: End::Pause }, Pace::Seconds(31)),
            (delete(0), Pace::Seconds(4)),
            (Act::Strike { end: End::Pause, nth: 38, when: When::After }, Pace::Turns(16)),
            (cancel(), Pace::Turns(39)),
            (create(0, None), Pace::Seconds(52)),
            (Act::Delete { by: B, name: 0, older: false, key: None }, Pace::Seconds(30)),
            (cancel(), Pace::Seconds(33)),
        ],
    );
}

#[test]
fn a_controller_that_takes_its_lost_lease_again_counts_on_nothing_it_knew() {
    let pause = |nth| Act::Strike { end: End::Pause, nth, when: When::After };
    for first in 40..60 {
        holds(
            0x4540_21de_755d_5ee4,
            &[
                (pause(first), Pace::Turns(4)),
                (pause(first + 10), Pace::Seconds(7)),
                (Act::Edit(Edit::ForeignZone(1)), Pace::Seconds(25)),
                (create(2, Some(1)), Pace::Seconds(28)),
                (Act::Jump { minutes: 99 }, Pace::Seconds(3)),
            ],
        );
    }
}

#[test]
fn a_zone_that_a_controller_asks_for_after_the_calls_deadline_is_not_made() {
    let late = Trouble::Call("domains.create_zone", When::Before, Fault::Late(45));
    let refused = Trouble::Call("host.apply", When::Before, Fault::Refuse(Code::HostRefused));
    holds(
        0xb569_4327_53c9_915b,
        &[
            (Act::Halt { by: A, end: End::Crash }, Pace::Seconds(1)),
            (Act::Strike { end: End::Pause, nth: 24, when: When::After }, Pace::Turns(0)),
            (Act::Create { by: A, name: 0, domain: Some(0), key: None }, Pace::Turns(0)),
            (Act::Trouble { trouble: late, nth: 2 }, Pace::Turns(1)),
            (Act::Trouble { trouble: refused, nth: 1 }, Pace::Seconds(24)),
            (Act::Wake, Pace::Seconds(10)),
        ],
    );
}
