//! `storex store rotate-password`.

use crate::served::{Served, run};
use storex_core::StoreId;
use storex_fakes::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_waited_for_and_told_and_shows_no_password() {
    let served = Served::over(World::new().unwrap().with_databases()).await;
    let id = served.create("oceanbreeze").await;
    let store: StoreId = id.parse().unwrap();
    let (first, former) = served.world.host.login(&store).unwrap();
    let waited = served.run(&format!("store rotate-password {id} --wait --json")).await;
    assert_eq!(waited.exit, Some(0), "{}", waited.err);
    assert_eq!(waited.json()["status"], "success");
    let (second, password) = served.world.host.login(&store).unwrap();
    assert!(first != second && former.expose() != password.expose());

    let begun = served.run(&format!("store rotate-password {id}")).await;
    assert_eq!(begun.exit, Some(0), "{}", begun.err);
    assert!(begun.err.contains(&format!("storex operation get {} --wait", begun.out.trim())), "{}", begun.err);
    let mut arguments = served.with_connection("operation get --wait --json");
    arguments.push(begun.out.trim().to_owned());
    let waited = run(arguments).await;
    assert_eq!(waited.exit, Some(0), "{}", waited.err);
    assert_eq!(waited.json()["state"], "succeeded");
    assert_eq!(served.world.host.login(&store).unwrap().0, first);
    for secret in [former, password, served.world.host.login(&store).unwrap().1] {
        assert!(!format!("{}{}{}{}", begun.out, begun.err, waited.out, waited.err).contains(secret.expose().as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_a_database_and_one_that_is_not_there_are_refused() {
    let served = Served::new().await;
    let id = served.create("oceanbreeze").await;
    served.run(&format!("store rotate-password {id} --json")).await.failed(6, "unsupported");
    served.run("store rotate-password nobody-99999 --json").await.failed(3, "not_found");
}
