//! `/api/tunnel`.

use crate::api::{Api, keys};
use axum::http::Method;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn the_connectors_are_shown_and_one_of_them_is_reset() {
    let api = Api::new().await;
    let shown = api.get("/api/tunnel/connectors").await.json();
    assert_eq!(keys(&shown), ["status", "tunnel", "routing", "config_version", "serving", "connectors"]);
    assert_eq!((&shown["routing"], &shown["serving"], &shown["connectors"]), (&json!("router"), &json!(false), &json!([])));
    let tunnel = api.world.tunnels.tunnels()[0].id.clone();
    let ids = [api.world.tunnels.attach_connector(&tunnel).unwrap(), api.world.tunnels.attach_connector(&tunnel).unwrap()];
    let shown = api.get("/api/tunnel/connectors").await.json();
    let connector = &shown["connectors"][0];
    assert_eq!(
        keys(connector),
        ["id", "status", "version", "config_version", "current", "connections", "reconnecting", "opened_at"]
    );
    assert_eq!((&shown["serving"], &connector["status"], &connector["current"]), (&json!(true), &json!("healthy"), &json!(true)));
    let path = format!("/api/tunnel/connectors/{}/reset", ids[0]);
    let reset = api.call(Method::POST, &path, "").await;
    assert_eq!(reset.status, 200, "{}", reset.body);
    assert!(reset.json()["connectors"][0]["opened_at"].as_str() > connector["opened_at"].as_str(), "{}", reset.body);
    assert_eq!(reset.json()["connectors"][1], shown["connectors"][1], "the other keeps its connections");

    api.world.tunnels.limit_connections(&tunnel, &ids[1], 0).unwrap();
    let refused = api.call(Method::POST, &path, json!({"force": false}).to_string()).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (403, &json!("denied")));
    assert_eq!(api.call(Method::POST, &path, json!({"force": true}).to_string()).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_reset_that_makes_no_sense_is_refused() {
    let api = Api::new().await;
    let known = "/api/tunnel/connectors/99999999-9999-4999-9999-999999999999/reset";
    for (path, body, status) in [
        (known, json!({"force": true}), 404),
        ("/api/tunnel/connectors/a%2Fb/reset", json!({}), 404),
        (known, json!({"force": "yes"}), 422),
        (known, json!({"forse": true}), 422),
        (known, json!([]), 422),
    ] {
        let answer = api.call(Method::POST, path, body.to_string()).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {}", answer.body);
    }
    assert_eq!(Api::unready().await.get("/api/tunnel/connectors").await.status, 503);
}
