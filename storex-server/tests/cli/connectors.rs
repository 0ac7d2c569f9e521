//! `storex tunnel connectors` and `storex tunnel reset`.

use crate::served::Served;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn connectors_are_shown_and_one_is_reset_the_last_only_by_force() {
    let served = Served::new().await;
    let none = served.run("tunnel connectors").await;
    assert_eq!(none.exit, Some(0), "{}", none.err);
    assert!(none.out.contains("storex-main-tunnel") && none.out.contains("not yet reached"), "{}", none.out);
    let tunnel = served.world.tunnels.tunnels()[0].id.clone();
    let id = served.world.tunnels.attach_connector(&tunnel).unwrap();
    let shown = served.run("tunnel connectors").await;
    assert!(shown.out.contains(&format!("{id}  healthy  4 connections")), "{}", shown.out);
    served.run(&format!("tunnel reset {id} --json")).await.failed(4, "denied");
    let forced = served.run(&format!("tunnel reset {id} --force --json")).await;
    assert_eq!((forced.exit, &forced.json()["serving"]), (Some(0), &json!(true)), "{}", forced.err);
    served.run("tunnel reset 99999999-9999-4999-9999-999999999999 --force --json").await.failed(3, "not_found");
}
