//! `storex store purge` and `storex store reissue-certificate`.

use crate::served::Served;

const DOMAIN: &str = "oceanbreezestore.com";

/// Creates a store with the domain and waits until it is active; answers its id.
async fn with_domain(served: &Served) -> String {
    let owner = "--owner John_Smith --email john@oceanbreezestore.com";
    let created = served.run(&format!("store create oceanbreeze --domain {DOMAIN} {owner} --wait --json")).await;
    assert_eq!(created.exit, Some(0), "{}", created.err);
    created.json()["store_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_names_the_hosts_one_a_line() {
    let served = Served::new().await;
    let id = with_domain(&served).await;
    let purged = served.run(&format!("store purge {id}")).await;
    let mut hosts: Vec<&str> = purged.out.lines().collect();
    hosts.sort_unstable();
    assert_eq!((purged.exit, hosts), (Some(0), vec!["oceanbreeze.storex.com", DOMAIN]), "{}", purged.err);
    served.run("store purge nobody-99999 --json").await.failed(3, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dangerous_reissue_takes_force_and_is_waited_for() {
    let served = Served::new().await;
    let id = with_domain(&served).await;
    let nothing = served.run(&format!("store reissue-certificate {id}")).await;
    assert_eq!(nothing.exit, Some(0), "{}", nothing.err);
    assert!(nothing.out.contains("once the zone is active"), "{}", nothing.out);
    let zone = served.world.domains.zones().into_iter().find(|zone| zone.name.as_str() == DOMAIN).unwrap();
    served.world.domains.activate(&zone.id).unwrap();
    served.run(&format!("store reissue-certificate {id} --json")).await.failed(5, "force_required");
    let forced = served.run(&format!("store reissue-certificate {id} --force --wait --json")).await;
    assert_eq!((forced.exit, forced.json()["status"].as_str()), (Some(0), Some("success")), "{}", forced.err);
}
