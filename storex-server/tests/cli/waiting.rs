//! `--wait`: how following an operation ends.

use crate::served::{Served, run, start};
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;
use storex_core::Code;
use storex_core::record::StoreState;
use storex_fakes::{Fault, FaultRule, When};

const CREATE: &str = "store create oceanbreeze --owner John_Smith --email john@example-mail.com --wait";

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_is_rolled_back_ends_with_10_the_cause_and_the_last_log_lines() {
    let served = Served::new().await;
    served.world.host.silence("oceanbreeze");
    let problem = served.run(&format!("{CREATE} --json")).await.failed(10, "rolled_back");
    assert_eq!(problem["context"]["cause"], "process_not_serving");
    assert_eq!(problem["log"], serde_json::json!(["starting", "Error: the application does not listen"]));
    assert_eq!(problem["next_step"], Code::ProcessNotServing.entry().next_step);
    assert_eq!(served.world.store_traces(), Vec::<String>::new());

    let said = served.run(CREATE).await;
    assert_eq!((said.exit, said.out.as_str()), (Some(10), ""));
    for part in [
        "(rolled_back)",
        "cause: process_not_serving",
        "next step: Read the last log lines",
        "Error: the application does not listen",
    ] {
        assert!(said.err.contains(part), "{part}\n{}", said.err);
    }
    assert!(said.err.contains("Activate Store / Start application process"), "progress is told: {}", said.err);

    let operation = problem["operation"].as_str().unwrap().to_owned();
    let mut arguments = served.with_connection("operation get --json --wait");
    arguments.insert(2, operation);
    run(arguments.clone()).await.failed(10, "rolled_back");
    arguments.retain(|argument| argument != "--wait");
    assert_eq!(run(arguments).await.json()["state"], "rolled_back", "without --wait it is data");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_ends_with_5_also_when_waiting() {
    let served = Served::new().await;
    served.create("oceanbreeze").await;
    served.run(&format!("{CREATE} --json")).await.failed(5, "username_taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_needs_an_operator_ends_with_11() {
    let served = Served::new().await;
    let id = served.create("oceanbreeze").await;
    served.world.script.add(FaultRule::next("host.withdraw", "", When::Before, Fault::Refuse(Code::Corrupt)).forever());
    let problem = served.run(&format!("store delete {id} --wait --json")).await.failed(11, "poisoned");
    assert_eq!(problem["context"]["cause"], "corrupt");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_time_is_over_it_ends_with_8_and_says_how_to_go_on() {
    let served = Served::new().await;
    served.world.script.add(FaultRule::next("host.apply", "files", When::Before, Fault::Hold));
    let problem = served.run(&format!("{CREATE} --timeout 1 --json")).await.failed(8, "timeout");
    let operation = problem["operation"].as_str().unwrap();
    assert_eq!(problem["next_step"], format!("Follow it with: storex operation get {operation} --wait"));
    served.world.script.clear();
    let mut arguments = served.with_connection("operation get --wait --json");
    arguments.insert(2, operation.to_owned());
    assert_eq!(run(arguments).await.json()["state"], "succeeded", "the operation went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_detaches_and_the_operation_goes_on() {
    for (signal, exit) in [(rustix::process::Signal::INT, 130), (rustix::process::Signal::TERM, 143)] {
        let served = Served::new().await;
        served.world.script.add(FaultRule::next("host.apply", "files", When::Before, Fault::Hold));
        let arguments = served.with_connection(CREATE);
        let (code, out, err) = tokio::task::spawn_blocking(move || {
            let mut child = start(arguments);
            let mut lines = BufReader::new(child.stderr.take().unwrap());
            let mut err = String::new();
            while !err.contains("operation op_") {
                assert!(lines.read_line(&mut err).unwrap() > 0, "it ended early: {err}");
            }
            let pid = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
            rustix::process::kill_process(pid, signal).unwrap();
            lines.read_to_string(&mut err).unwrap();
            let mut out = String::new();
            child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
            (child.wait().unwrap().code(), out, err)
        })
        .await
        .unwrap();
        assert_eq!((code, out.as_str()), (Some(exit), ""), "{err}");
        assert!(err.contains("goes on") && err.contains("storex operation get op_"), "{err}");
        served.world.script.clear();
        until_one_store_is_active(&served).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_waiting_the_command_says_how_to_follow() {
    let served = Served::new().await;
    let run = served.run(&CREATE.replace(" --wait", "")).await;
    assert_eq!(run.exit, Some(0));
    assert!(
        run.out.contains("store          oceanbreeze-") && run.err.contains("storex operation get op_"),
        "{}{}",
        run.out,
        run.err
    );
}

/// Waits for the operation that was detached from.
async fn until_one_store_is_active(served: &Served) {
    let active = async {
        loop {
            let page = served.controller.list_stores(0, None).await.unwrap();
            if page.stores.iter().any(|store| store.state == StoreState::Active) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_mins(1), active).await.is_ok(), "the operation did not go on");
}
