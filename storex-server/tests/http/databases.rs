//! Another password for a store's database.

use crate::api::{Api, keys};
use axum::body::Body;
use axum::http::Method;
use storex_core::StoreId;
use storex_fakes::World;

#[tokio::test(start_paused = true)]
async fn a_rotation_names_its_operation_and_the_store_has_another_password_afterwards() {
    let api = Api::over(World::new().unwrap().with_databases()).await;
    api.controller.ensure_platform("http://localhost:3000").await.unwrap();
    let id = api.create("oceanbreeze", None).await;
    let store: StoreId = id.parse().unwrap();
    let before = api.world.host.login(&store).unwrap();
    let path = format!("/api/stores/{id}/database/rotate");
    let answer = api.call(Method::POST, &path, Body::empty()).await;
    assert_eq!((answer.status.as_u16(), keys(&answer.json())), (202, vec!["status", "operation"]), "{}", answer.body);
    let operation = api.rest(&answer.header("operation-location")).await;
    assert_eq!((operation["kind"].as_str(), operation["state"].as_str()), (Some("rotate_password"), Some("succeeded")));
    let after = api.world.host.login(&store).unwrap();
    assert!(before.0 != after.0 && before.1.expose() != after.1.expose());
    for secret in [&before.1, &after.1] {
        assert!(!format!("{operation}{}", answer.body).contains(secret.expose().as_str()));
    }
    let pointer = api.call(Method::POST, &format!("{path}?now=true"), Body::empty()).await.problem(422, "unknown_field");
    assert_eq!(pointer.as_deref(), Some("/now"));
    api.call(Method::POST, "/api/stores/nobody-12345/database/rotate", Body::empty()).await.problem(404, "not_found");
}

#[tokio::test(start_paused = true)]
async fn a_store_without_a_database_has_no_password_to_change() {
    let api = Api::new().await;
    let id = api.create("oceanbreeze", None).await;
    let answer = api.call(Method::POST, &format!("/api/stores/{id}/database/rotate"), Body::empty()).await;
    answer.problem(422, "unsupported");
}
