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
async fn readiness_tells_how_the_tunnel_was_last_seen_and_neither_depends_on_it_nor_asks() {
    let api = Api::new().await;
    assert_eq!(api.get("/readyz").await.body, r#"{"status":"ready"}"#, "nobody has looked yet");
    let watcher = api.controller.clone();
    let watch = tokio::spawn(async move { watcher.run_tunnel_watch().await });
    let minute = || tokio::time::sleep(std::time::Duration::from_secs(61));
    let tunnel = api.world.tunnels.tunnels()[0].id.clone();
    let ids = [api.world.tunnels.attach_connector(&tunnel).unwrap(), api.world.tunnels.attach_connector(&tunnel).unwrap()];
    minute().await;
    let healthy = api.get("/readyz").await.json();
    assert_eq!(keys(&healthy["tunnel"]), ["state", "connectors", "connected", "stale", "seen_at", "age_seconds"], "{healthy}");
    assert_eq!((&healthy["status"], &healthy["tunnel"]["state"]), (&json!("ready"), &json!("healthy")));

    api.world.tunnels.limit_connections(&tunnel, &ids[0], 0).unwrap();
    minute().await;
    let degraded = api.get("/readyz").await;
    let told = &degraded.json()["tunnel"];
    assert_eq!((degraded.status.as_u16(), &told["state"]), (200, &json!("degraded")), "{}", degraded.body);
    assert_eq!((&told["connectors"], &told["connected"]), (&json!(2), &json!(1)));

    api.world.tunnels.detach_connectors(&tunnel).unwrap();
    minute().await;
    let down = api.get("/readyz").await;
    assert_eq!((down.status.as_u16(), &down.json()["tunnel"]["state"]), (200, &json!("down")), "stores can be made all the same");
    watch.abort();
    let asked = api.world.script.history().len();
    tokio::time::sleep(std::time::Duration::from_mins(9)).await;
    let old = api.get("/readyz").await.json();
    assert_eq!(api.world.script.history().len(), asked, "what was last seen is told, and how old it is");
    assert!(old["tunnel"]["age_seconds"].as_u64() >= Some(540), "{old}");
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
