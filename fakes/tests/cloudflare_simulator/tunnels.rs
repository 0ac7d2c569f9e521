//! Tunnels and their connectors.

use serde_json::{Value, json};

use crate::client::{call, control, get, post, simulator, tunnels_of};

#[tokio::test]
async fn a_new_tunnel_is_inactive_and_comes_with_its_token() {
    let simulator = simulator();
    let tunnels = tunnels_of(&simulator);
    let made = post(&simulator, &tunnels, json!({"name": "storex-main", "config_src": "cloudflare"})).await;
    let shown = made.result();
    assert_eq!(
        (&shown["status"], &shown["config_src"], &shown["tun_type"]),
        (&json!("inactive"), &json!("cloudflare"), &json!("cfd_tunnel"))
    );
    assert_eq!((&shown["deleted_at"], &shown["account_tag"]), (&Value::Null, &json!(simulator.account().id)));
    assert_eq!(made.id().len(), 36);
    let token = get(&simulator, &format!("{tunnels}/{}/token", made.id())).await;
    assert_eq!(token.result(), &shown["token"], "the same token, as a bare string");
    let seen = get(&simulator, &format!("{tunnels}/{}", made.id())).await;
    assert_eq!(seen.result()["token"], Value::Null, "only the answer to the creation holds it");
    let connections = get(&simulator, &format!("{tunnels}/{}/connections", made.id())).await;
    assert_eq!(connections.result(), &json!([]));
}

#[tokio::test]
async fn the_token_is_base64_of_account_tunnel_and_secret() {
    let simulator = simulator();
    let secret = "AQIDBAUGBwgBAgMEBQYHCAECAwQFBgcIAQIDBAUGBwg=";
    let made = post(&simulator, &tunnels_of(&simulator), json!({"name": "mine", "tunnel_secret": secret})).await;
    let token = made.result()["token"].as_str().expect("text").to_owned();
    let decoded: Value = serde_json::from_slice(&decode(&token)).expect("JSON");
    assert_eq!(decoded, json!({"a": simulator.account().id, "t": made.id(), "s": secret}));
    assert_eq!(made.result()["config_src"], "local", "the default of the API");
}

/// A decoder of the test's own.
fn decode(text: &str) -> Vec<u8> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |symbol| alphabet.find(symbol).expect("a symbol of the alphabet");
    let bits =
        text.trim_end_matches('=').chars().map(value).flat_map(|value| (0..6).rev().map(move |bit| (value >> bit) & 1 == 1));
    let bits: Vec<bool> = bits.collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum * 2 + u8::from(*bit))).collect()
}

#[tokio::test]
async fn a_name_is_taken_until_its_tunnel_is_deleted() {
    let simulator = simulator();
    let tunnels = tunnels_of(&simulator);
    let body = json!({"name": "storex-main", "config_src": "cloudflare"});
    let first = post(&simulator, &tunnels, body.clone()).await.id();
    assert_eq!(post(&simulator, &tunnels, body.clone()).await.refusal(), (409, 1013));
    let deleted = call(&simulator, "DELETE", &format!("{tunnels}/{first}"), None).await;
    assert_ne!(deleted.result()["deleted_at"], Value::Null);
    let second = post(&simulator, &tunnels, body).await.id();
    assert_ne!(first, second);
    for (query, ids) in [
        ("name=storex-main", vec![&first, &second]),
        ("name=storex-main&is_deleted=false", vec![&second]),
        ("is_deleted=true", vec![&first]),
        ("name=storex", vec![]),
        ("include_prefix=storex&is_deleted=false", vec![&second]),
        ("exclude_prefix=storex", vec![]),
        (&format!("uuid={first}"), vec![&first]),
        ("status=inactive&is_deleted=false", vec![&second]),
        ("status=healthy", vec![]),
    ] {
        let found = get(&simulator, &format!("{tunnels}?{query}")).await.column("id");
        assert_eq!(found.iter().collect::<Vec<_>>(), ids, "{query}");
    }
}

#[tokio::test]
async fn a_deleted_tunnel_can_be_seen_and_nothing_else() {
    let simulator = simulator();
    let tunnels = tunnels_of(&simulator);
    let path = format!("{tunnels}/{}", post(&simulator, &tunnels, json!({"name": "old"})).await.id());
    call(&simulator, "DELETE", &path, None).await.result();
    assert_ne!(get(&simulator, &path).await.result()["deleted_at"], Value::Null);
    let config = json!({"config": {"ingress": [{"service": "http_status:404"}]}});
    for (method, rest, body) in [
        ("DELETE", "", None),
        ("GET", "/token", None),
        ("GET", "/configurations", None),
        ("PUT", "/configurations", Some(config)),
        ("GET", "/connections", None),
    ] {
        assert_eq!(call(&simulator, method, &format!("{path}{rest}"), body).await.refusal(), (404, 1003), "{method} {rest}");
    }
}

#[tokio::test]
async fn tunnels_that_cannot_be_made_are_refused_and_leave_no_trace() {
    let simulator = simulator();
    let tunnels = tunnels_of(&simulator);
    let before = simulator.state();
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": 7}),
        json!({"name": "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"}),
        json!({"name": "a", "config_src": "elsewhere"}),
        json!({"name": "a", "tunnel_secret": "c2hvcnQ="}),
        json!({"name": "a", "tunnel_secret": "not base64, but long enough to be a secret!!"}),
    ] {
        assert_eq!(post(&simulator, &tunnels, body.clone()).await.refusal(), (400, 1001), "{body}");
    }
    let foreign = format!("/accounts/{}/cfd_tunnel", "0".repeat(32));
    assert_eq!(post(&simulator, &foreign, json!({"name": "a"})).await.refusal(), (403, 10000));
    assert_eq!(get(&simulator, &foreign).await.refusal(), (403, 10000));
    let unknown = format!("{tunnels}/f70ff985-a4ef-4643-bbbc-4a0ed4fc8415");
    assert_eq!(get(&simulator, &unknown).await.refusal(), (404, 1003));
    assert_eq!(get(&simulator, &format!("{tunnels}/storex-main")).await.refusal(), (404, 7003), "a name is no id");
    assert_eq!(simulator.state(), before);
}

#[tokio::test]
async fn a_tunnel_with_connectors_is_deleted_only_after_they_are_dropped() {
    let simulator = simulator();
    let tunnels = tunnels_of(&simulator);
    let id = post(&simulator, &tunnels, json!({"name": "busy", "config_src": "cloudflare"})).await.id();
    let path = format!("{tunnels}/{id}");
    let config = json!({"config": {"ingress": [{"service": "http_status:404"}]}});
    call(&simulator, "PUT", &format!("{path}/configurations"), Some(config)).await.result();
    let client = simulator.attach_connector(&id).expect("a live tunnel");

    assert_eq!(get(&simulator, &path).await.result()["status"], "healthy");
    let connections = get(&simulator, &format!("{path}/connections")).await;
    let connector = &connections.result()[0];
    assert_eq!((&connector["id"], &connector["config_version"]), (&json!(client), &json!(1)));
    assert_eq!(connector["conns"].as_array().map(Vec::len), Some(4));
    assert_eq!(call(&simulator, "DELETE", &path, None).await.refusal(), (400, 1022));

    call(&simulator, "DELETE", &format!("{path}/connections?client_id={}", "0".repeat(32)), None).await.result();
    assert_eq!(call(&simulator, "DELETE", &path, None).await.refusal(), (400, 1022), "another connector was meant");
    call(&simulator, "DELETE", &format!("{path}/connections"), None).await.result();
    assert_eq!(get(&simulator, &path).await.result()["status"], "down");
    call(&simulator, "DELETE", &path, None).await.result();
    assert!(simulator.attach_connector(&id).is_err() && simulator.detach_connectors(&id).is_err());
}

#[tokio::test]
async fn cascade_deletes_a_tunnel_with_its_connectors() {
    let simulator = simulator();
    let tunnels = tunnels_of(&simulator);
    let id = post(&simulator, &tunnels, json!({"name": "busy"})).await.id();
    let attached = control(&simulator, "POST", &format!("/tunnels/{id}/connectors"), None).await;
    assert_eq!(attached.status, 201);
    call(&simulator, "DELETE", &format!("{tunnels}/{id}?cascade=true"), None).await.result();
    assert!(simulator.state().tunnel(&id).is_some_and(|tunnel| tunnel.connectors.is_empty() && tunnel.deleted_at.is_some()));
}

#[tokio::test]
async fn tunnel_pages_are_twenty_long_unless_wished_otherwise() {
    let simulator = simulator();
    let tunnels = tunnels_of(&simulator);
    for number in 0..25 {
        post(&simulator, &tunnels, json!({"name": format!("t{number}")})).await.result();
    }
    assert_eq!(get(&simulator, &tunnels).await.column("id").len(), 20);
    assert_eq!(get(&simulator, &format!("{tunnels}?page=2")).await.column("name"), ["t20", "t21", "t22", "t23", "t24"]);
    assert_eq!(get(&simulator, &format!("{tunnels}?per_page=1&page=2")).await.column("name"), ["t1"]);
}
