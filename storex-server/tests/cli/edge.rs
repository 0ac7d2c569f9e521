//! `storex store purge`, `storex store insight` and `storex store reissue-certificate`.

use crate::served::Served;
use storex_fakes::Visits;

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

#[tokio::test(flavor = "multi_thread")]
async fn insight_is_a_table_of_the_store_s_hosts_and_says_which_time_was_counted() {
    let served = Served::new().await;
    let id = with_domain(&served).await;
    let zone = served.world.domains.zones().into_iter().find(|zone| zone.name.as_str() == "storex.com").unwrap();
    let visits = |count, event| Visits {
        at: served.world.clock().now() - std::time::Duration::from_mins(5),
        host: "oceanbreeze.storex.com".to_owned(),
        status: 200,
        cached: false,
        count,
        bytes: 700,
        event,
    };
    served.world.insight.visit(&zone.id, visits(3, None));
    let quiet = served.run(&format!("store insight {id}")).await;
    assert_eq!(quiet.exit, Some(0), "{}", quiet.err);
    let rows: Vec<Vec<&str>> = quiet.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[3], ["oceanbreeze.storex.com", "3", "0", "0", "0", "700"], "{}", quiet.out);
    assert_eq!((rows[4][0], rows[4][1]), (DOMAIN, "0"), "{}", quiet.out);
    assert!(quiet.out.starts_with("from") && quiet.out.ends_with("no security events\n"), "{}", quiet.out);
    served.world.insight.visit(&zone.id, visits(2, Some(("block".to_owned(), "ratelimit".to_owned()))));
    let told = served.run(&format!("store insight {id}")).await;
    let last: Vec<&str> = told.out.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(last, ["oceanbreeze.storex.com", "block", "ratelimit", "2"], "{}", told.out);
    let short = served.run(&format!("store insight {id} --seconds 60 --json")).await;
    assert_eq!(short.json()["hosts"][0]["requests"], 0, "five minutes ago is longer than a minute: {}", short.out);
    served.run("store insight nobody-99999 --json").await.failed(3, "not_found");
}
