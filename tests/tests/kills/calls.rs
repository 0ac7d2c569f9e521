//! The calls of Cloudflare's API a plan predicts are the calls the operation makes, counted by the simulator.

use super::rounds::{create_body, operation};
use super::world::{Role, World, until};
use serde_json::{Value, json};

/// The request for a store without a domain of its own.
fn system_only(username: &str) -> Value {
    json!({ "username": username, "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" } })
}

/// What the plan of a request predicts.
fn predicted(world: &World, method: &str, path: &str, body: Option<&Value>) -> usize {
    let (status, _, plan) = world.api(method, &format!("{path}?dry_run=true"), body).unwrap();
    assert_eq!(status, 200, "{plan}");
    let steps: u64 = plan["steps"].as_array().unwrap().iter().map(|step| step["cloudflare_calls"].as_u64().unwrap()).sum();
    assert_eq!(plan["cloudflare_calls"].as_u64(), Some(steps), "the plan is the sum of its steps");
    usize::try_from(steps).unwrap()
}

/// The calls until the operation of the request is at rest; the second is the answer's body.
fn counted(world: &World, method: &str, path: &str, body: Option<&Value>) -> (Vec<String>, Value) {
    world.cloud.forget_calls();
    let (status, head, answer) = world.api(method, path, body).unwrap();
    assert!((200..300).contains(&status), "{answer}");
    let operation = operation(&head, &answer).unwrap();
    let view = until("the operation is at rest", || {
        let (_, _, view) = world.api("GET", &format!("/api/operations/{operation}?wait=20"), None).unwrap();
        (view["done"] == true).then_some(view)
    });
    assert_eq!(view["state"], "succeeded", "{view:#}");
    (world.cloud.calls().into_iter().filter(|call| !is_of_the_watch(call)).collect(), answer)
}

/// Whether the call is of the controller's own look at the tunnel's connectors, which comes by the minute and belongs to no operation: none of these has a
/// rule of its own in the tunnel.
fn is_of_the_watch(call: &str) -> bool {
    call.starts_with("GET ") && (call.ends_with("/connections") || call.ends_with("/configurations"))
}

#[test]
fn the_calls_to_cloudflare_a_plan_predicts_are_those_that_are_made() {
    let mut world = World::start();
    world.spawn(Role::Controller);
    world.await_ready(Role::Controller);
    let mut wrong = Vec::new();
    let mut compare = |what: &str, predicted: usize, calls: &[String]| {
        println!("calls: {what}: {predicted} predicted, {} counted: {calls:?}", calls.len());
        if calls.len() != predicted {
            wrong.push(format!("{what}: {predicted} predicted, counted {calls:?}"));
        }
    };
    for (what, body, at_least) in [("system-only", system_only("plain"), 0), ("custom domain", create_body("planned"), 6)] {
        let plan = predicted(&world, "POST", "/api/stores", Some(&body));
        assert!(plan >= at_least, "{what}: a plan of {plan} calls");
        let (calls, created) = counted(&world, "POST", "/api/stores", Some(&body));
        compare(&format!("create {what}"), plan, &calls);
        let path = format!("/api/stores/{}", created["store_id"].as_str().unwrap());
        let plan = predicted(&world, "DELETE", &path, None);
        let (calls, _) = counted(&world, "DELETE", &path, None);
        compare(&format!("delete {what}"), plan, &calls);
    }
    assert_eq!(wrong, Vec::<String>::new());
    // The control: an answer that fails costs calls no plan knows of, and they are counted.
    let body = create_body("stumbling");
    let plan = predicted(&world, "POST", "/api/stores", Some(&body));
    world.cloud.fail_once("POST", "/zones/{zone}/dns_records/batch");
    let (calls, _) = counted(&world, "POST", "/api/stores", Some(&body));
    println!("calls: control, create with one failed answer: {plan} predicted, {} counted", calls.len());
    assert!(calls.len() > plan, "the count does not see calls: {calls:?}");
    assert_eq!(world.stop(), Vec::<u32>::new());
}
