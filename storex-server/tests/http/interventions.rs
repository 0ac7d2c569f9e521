//! Cancelling and retrying operations.

use crate::api::{Api, request};
use axum::body::Body;
use axum::http::Method;
use serde_json::json;
use storex_core::Code;
use storex_fakes::{Fault, FaultRule, When};

#[tokio::test(start_paused = true)]
async fn a_cancelled_create_turns_back_and_leaves_nothing_and_cancelling_again_answers_the_same() {
    let api = Api::new().await;
    api.world.script.add(FaultRule::next("host.apply", "files", When::Before, Fault::Hold));
    let location = api.post(request("oceanbreeze", None).to_string()).await.header("operation-location");
    for _ in 0..2 {
        let answer = api.call(Method::POST, &format!("{location}/cancel"), Body::empty()).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        assert_eq!(format!("/api/operations/{}", answer.json()["id"].as_str().unwrap()), location);
    }
    api.world.script.clear();
    let operation = api.rest(&location).await;
    assert_eq!((&operation["state"], &operation["error"]["code"]), (&json!("rolled_back"), &json!("cancelled")));
    assert_eq!(api.world.store_traces(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_can_no_longer_turn_back_is_409_and_goes_on() {
    let api = Api::new().await;
    let created = api.post(request("oceanbreeze", None).to_string()).await;
    let location = created.header("operation-location");
    api.rest(&location).await;
    let answer = api.call(Method::POST, &format!("{location}/cancel"), Body::empty()).await;
    answer.problem(409, "past_point_of_no_return");
    assert_eq!(format!("/api/operations/{}", answer.json()["operation"].as_str().unwrap()), location);
    api.world.script.add(FaultRule::next("host.withdraw", "", When::Before, Fault::Hold));
    let deletion = api.delete(&created.header("location")).await.header("operation-location");
    api.call(Method::POST, &format!("{deletion}/cancel"), Body::empty()).await.problem(409, "past_point_of_no_return");
    api.world.script.clear();
    assert_eq!(api.rest(&deletion).await["state"], "succeeded");
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_needed_an_operator_is_taken_up_once_its_cause_is_mended() {
    let api = Api::new().await;
    let id = api.create("oceanbreeze", None).await;
    api.world.script.add(FaultRule::next("host.withdraw", "", When::Before, Fault::Refuse(Code::Corrupt)).forever());
    let deletion = api.delete(&format!("/api/stores/{id}")).await.header("operation-location");
    assert_eq!(api.rest(&deletion).await["state"], "poisoned");
    api.world.script.clear();
    let answer = api.call(Method::POST, &format!("{deletion}/retry"), Body::empty()).await;
    assert_eq!((answer.status.as_u16(), answer.json()["done"].as_bool()), (202, Some(false)), "{}", answer.body);
    assert_eq!(api.rest(&deletion).await["state"], "succeeded");
    api.get(&format!("/api/stores/{id}")).await.problem(404, "not_found");
    api.call(Method::POST, &format!("{deletion}/retry"), Body::empty()).await.problem(409, "operation_in_progress");
}

#[tokio::test(start_paused = true)]
async fn unknown_and_malformed_ids_get_one_answer_and_parameters_are_refused() {
    let api = Api::new().await;
    for change in ["cancel", "retry"] {
        let post = |id: &str| {
            let path = format!("/api/operations/{id}/{change}");
            let api = &api;
            async move { api.call(Method::POST, &path, Body::empty()).await }
        };
        let first = post("op_00000000000000000000000000000000").await;
        first.problem(404, "not_found");
        for id in ["x", "op_", "%ff", "OP_00000000000000000000000000000000"] {
            assert_eq!(post(id).await.body, first.body, "{id}");
        }
        let path = format!("/api/operations/op_00000000000000000000000000000000/{change}?force=true");
        let answer = api.call(Method::POST, &path, Body::empty()).await;
        assert_eq!(answer.problem(422, "unknown_field").as_deref(), Some("/force"));
    }
}
