//! `storex store`: what people read, what programs read, and how it fails.

use crate::served::{Served, run, storex, words};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

const OWNER: &str = "--owner John_Smith --email john@oceanbreezestore.com";

#[tokio::test(flavor = "multi_thread")]
async fn a_store_lives_from_create_to_delete_in_json() {
    let served = Served::new().await;
    let created =
        served.run(&format!("store create oceanbreeze --domain oceanbreezestore.com {OWNER} --plan professional --json")).await;
    assert_eq!((created.exit, created.err.as_str()), (Some(0), ""));
    let document = created.json();
    assert_eq!(document.as_object().unwrap().keys().collect::<Vec<_>>(), ["status", "store_id", "domains", "configuration"]);
    let id = document["store_id"].as_str().unwrap();

    let again = served.run(&format!("store create oceanbreeze {OWNER} --json")).await;
    assert_eq!(again.failed(5, "username_taken")["pointer"], "/username");

    let listed = served.run("store list --json").await.json();
    assert_eq!((listed["stores"].as_array().unwrap().len(), listed["stores"][0]["store_id"].as_str()), (1, Some(id)));
    let operation = served.run(&format!("store get {id} --json")).await.json()["operation"].as_str().unwrap().to_owned();
    let mut arguments = served.with_connection("operation get --wait --json");
    arguments.insert(2, operation);
    assert_eq!(run(arguments).await.json()["state"], "succeeded");

    let deleted = served.run(&format!("store delete {id} --wait --json")).await;
    assert_eq!((deleted.json()["state"].as_str(), deleted.err.as_str()), (Some("succeeded"), ""));
    served.run(&format!("store get {id} --json")).await.failed(3, "not_found");
    served.run(&format!("store delete {id} --json")).await.failed(3, "not_found");
    while served.controller.deliver_due().await.unwrap() > 0 {}
    assert_eq!(served.world.store_traces(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn people_read_aligned_pairs_a_table_and_the_next_step() {
    let served = Served::new().await;
    let created = served.run(&format!("store create oceanbreeze --domain oceanbreezestore.com {OWNER} --wait")).await;
    assert_eq!(created.exit, Some(0), "{}", created.err);
    for line in [
        "state          active",
        "custom domain  oceanbreezestore.com",
        "next steps     Update domain nameservers",
        "               Wait for DNS propagation",
    ] {
        assert!(created.out.lines().any(|shown| shown == line), "{line}\n{}", created.out);
    }
    for task in [
        "succeeded  Initialize Store / Create database entries",
        "succeeded  Activate Store / Verify connectivity",
        "skipped    Deploy Infrastructure / Setup database: ",
    ] {
        assert!(created.err.contains(task), "{task}\n{}", created.err);
    }
    let listed = served.run("store list").await;
    assert!(listed.out.starts_with("STORE ") && listed.out.lines().count() == 2, "{}", listed.out);
    let failed = served.run("store get nobody-99999").await;
    assert_eq!((failed.exit, failed.out.as_str()), (Some(3), ""));
    assert!(
        failed.err.starts_with("error: there is no such store (not_found)\n") && failed.err.contains("  next step: "),
        "{}",
        failed.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_followed_and_joined() {
    let served = Served::new().await;
    for username in ["auk", "bittern", "crane"] {
        served.create(username).await;
    }
    let first = served.run("store list --page-size 2 --json").await.json();
    let token = first["next_page_token"].as_str().unwrap();
    assert_eq!((first["stores"].as_array().unwrap().len(), token.is_empty()), (2, false));
    let mut arguments = served.with_connection("store list --page-size 2 --json");
    arguments.extend(["--page-token".to_owned(), token.to_owned()]);
    let second = run(arguments).await.json();
    assert_eq!((second["stores"].as_array().unwrap().len(), second["next_page_token"].as_str()), (1, Some("")));
    let all = served.run("store list --all --page-size 1 --json").await.json();
    assert_eq!((all["stores"].as_array().unwrap().len(), all["next_page_token"].as_str()), (3, Some("")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_refuses_is_shown_with_its_pointer() {
    let served = Served::new().await;
    let refused = served.run("store create oceanbreeze --json").await;
    assert_eq!(refused.failed(6, "missing_field")["pointer"], "/storeDetails/owner");
    let refused = served.run(&format!("store create Ocean {OWNER} --json")).await;
    assert_eq!(refused.failed(6, "invalid_username")["pointer"], "/username");
    let refused = served.run("store list --page-token nonsense --json").await;
    assert_eq!(refused.failed(6, "invalid_field")["pointer"], "/page_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_gone_ends_the_command_quietly() {
    let served = Served::new().await;
    served.create("auk").await;
    let arguments = served.with_connection("store list --all --json");
    let exit = tokio::task::spawn_blocking(move || {
        let mut child = storex().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_to_string(&mut said).unwrap();
        (child.wait().unwrap().code(), said)
    });
    assert_eq!(exit.await.unwrap(), (Some(0), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn help_shows_examples_and_usage_errors_end_with_2() {
    const COMMANDS: &str = ",up,store create,store list,store get,store delete,operation get,operation find,operation cancel,operation retry,plan create,plan delete,drift,reconcile";
    for command in COMMANDS.split(',') {
        let help = run(words(&format!("{command} --help"))).await;
        assert_eq!(help.exit, Some(0));
        assert!(help.out.contains("Examples:"), "{command}: {}", help.out);
    }
    let version = run(words("--version")).await;
    assert_eq!(version.out, format!("storex {}\n", env!("CARGO_PKG_VERSION")));
    for wrong in ["store creat x", "store create", "--nonsense", "store list --page-size x", "up --store-ports 9-1", ""] {
        let refused = run(words(wrong)).await;
        assert_eq!((refused.exit, refused.out.as_str()), (Some(2), ""), "{wrong}");
        assert!(BufReader::new(refused.err.as_bytes()).lines().count() > 1, "{wrong}");
    }
}
