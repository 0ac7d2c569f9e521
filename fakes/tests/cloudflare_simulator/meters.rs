//! The limits of rate, in virtual time, and the faults that touch the answer's body.

use jiff::SignedDuration;
use serde_json::json;
use storex_fakes::cloudflare::{FaultAction, FaultRule, Limits, Plan, Simulator, TokenSettings};

use crate::client::{attempt, builder, call, control, get, post, raw, simulator, zone};

fn with(set: impl FnOnce(&mut Limits)) -> Simulator {
    let mut limits = Limits::default();
    set(&mut limits);
    builder().limits(limits).build().expect("built")
}

fn advance(simulator: &Simulator, seconds: i64) {
    simulator.advance(SignedDuration::from_secs(seconds)).expect("no file");
}

#[tokio::test]
async fn the_call_over_the_budget_blocks_every_call_for_five_minutes_and_the_headers_say_so() {
    let simulator = builder().limits(Limits::published()).build().expect("built");
    for number in 0..1200 {
        if number % 100 == 0 {
            // The limit per second is another one.
            advance(&simulator, 1);
        }
        assert_eq!(get(&simulator, "/zones").await.status, 200, "call {number}");
    }
    advance(&simulator, 1);
    let over = get(&simulator, "/zones").await;
    assert_eq!((over.status, over.header("retry-after")), (429, "300"));
    assert_eq!(over.header("ratelimit"), "\"default\";r=0;t=300");
    assert_eq!(over.header("ratelimit-policy"), "\"default\";q=1200;w=300");
    advance(&simulator, 290);
    assert_eq!(get(&simulator, "/zones").await.status, 429, "a new window does not lift the block");
    advance(&simulator, 10);
    let lifted = get(&simulator, "/zones").await;
    assert_eq!(lifted.status, 200);
    assert_eq!(lifted.header("ratelimit"), "\"default\";r=1199;t=300");
}

#[tokio::test]
async fn one_address_has_two_hundred_calls_a_second() {
    let simulator = with(|limits| limits.calls_per_second = Some(200));
    let mut statuses = Vec::new();
    for _ in 0..201 {
        statuses.push(get(&simulator, "/zones").await.status);
    }
    assert_eq!((statuses.iter().filter(|status| **status == 200).count(), statuses.last()), (200, Some(&429)));
    advance(&simulator, 1);
    assert_eq!(get(&simulator, "/zones").await.status, 200);
}

#[tokio::test]
async fn tokens_share_a_budget_unless_each_has_its_own() {
    for (own, expected) in [(false, 429), (true, 200)] {
        let mut limits = Limits::default();
        (limits.calls_per_5_minutes, limits.budget_per_token) = (Some(2), own);
        let simulator = builder().token_with(TokenSettings::new("second")).limits(limits).build().expect("built");
        for _ in 0..2 {
            assert_eq!(get(&simulator, "/zones").await.status, 200);
        }
        let other = raw(&simulator, "GET", "/zones", Some("Bearer second"), None).await.expect("an answer");
        assert_eq!(other.status, expected, "own budgets: {own}");
    }
}

#[tokio::test]
async fn the_journal_says_who_called_and_when() {
    let simulator = builder().token_with(TokenSettings::new("second")).build().expect("built");
    let verified = get(&simulator, "/user/tokens/verify").await.id();
    advance(&simulator, 60);
    raw(&simulator, "GET", "/zones", Some("Bearer second"), None).await.expect("an answer");
    raw(&simulator, "GET", "/zones", Some("Bearer unknown"), None).await.expect("an answer");
    let calls = simulator.calls();
    assert_eq!(calls[0].principal.as_deref(), Some(verified.as_str()), "the id verify answers");
    assert!(calls[1].principal.is_some() && calls[1].principal != calls[0].principal);
    assert_eq!(calls[2].principal, None);
    assert!(calls[1].at.duration_since(calls[0].at) >= SignedDuration::from_secs(60), "in the simulator's time");
}

#[tokio::test]
async fn graphql_has_a_budget_beside_the_others() {
    let simulator = with(|limits| (limits.graphql_per_5_minutes, limits.calls_per_5_minutes) = (Some(1), Some(2)));
    assert_eq!(post(&simulator, "/graphql", json!({"query": "{ viewer { __typename } }"})).await.status, 200);
    assert_eq!(post(&simulator, "/graphql", json!({"query": "{ viewer { __typename } }"})).await.status, 429);
    for _ in 0..2 {
        assert_eq!(get(&simulator, "/zones").await.status, 200, "other calls are not touched");
    }
    assert_eq!(get(&simulator, "/zones").await.status, 429);
}

#[tokio::test]
async fn purges_come_out_of_a_bucket_that_fills_at_the_plans_pace() {
    let simulator = with(|limits| limits.purge = true);
    let path = format!("/zones/{}/purge_cache", zone(&simulator, "bluepeak-shop.com").await);
    let purge = async || post(&simulator, &path, json!({"hosts": ["www.bluepeak-shop.com"]})).await;
    let mut done = 0;
    // Each call is a second of logical time, in which the bucket of the Free plan gains a twelfth of a purge.
    let refused = loop {
        let answer = purge().await;
        if answer.status == 429 {
            break answer;
        }
        done += 1;
    };
    assert!((25..=28).contains(&done), "{done}");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|wait| (1..=12).contains(&wait)));
    advance(&simulator, 12);
    assert_eq!(purge().await.status, 200);
    simulator.set_plan("bluepeak-shop.com", Plan::Enterprise).expect("known");
    for _ in 0..40 {
        assert_eq!(purge().await.status, 200, "50 a second on Enterprise");
    }
}

#[tokio::test]
async fn limits_are_read_and_changed_over_http() {
    let simulator = simulator();
    let set = control(&simulator, "PUT", "/limits", Some(json!({"calls_per_5_minutes": 1, "plan": "pro"}))).await;
    assert_eq!(set.status, 204);
    assert_eq!(get(&simulator, "/zones").await.status, 200);
    assert_eq!(get(&simulator, "/zones").await.status, 429);
    control(&simulator, "POST", "/limits/published", None).await;
    let shown = control(&simulator, "GET", "/limits", None).await;
    assert_eq!((&shown.body["calls_per_5_minutes"], &shown.body["zones_per_10_minutes"]), (&json!(1200), &json!(25)));
    assert_eq!(control(&simulator, "PUT", "/limits", Some(json!({"speed": 1}))).await.status, 422);
    let codes = json!({"codes": {"no_entrypoint": 4711}});
    control(&simulator, "PUT", "/limits", Some(codes)).await;
    let id = zone(&simulator, "bluepeak-shop.com").await;
    let missing = get(&simulator, &format!("/zones/{id}/rulesets/phases/ddos_l7/entrypoint")).await;
    assert_eq!(missing.refusal(), (404, 4711), "numbers nobody published can be chosen");
}

#[tokio::test]
async fn half_an_answer_arrives_and_its_effect_happened_only_after_it() {
    for (rule, happened) in [
        (FaultRule::before("POST", "/zones", FaultAction::Truncated), false),
        (FaultRule::after("POST", "/zones", FaultAction::Truncated), true),
    ] {
        let simulator = simulator();
        simulator.add_fault(rule).expect("a good rule");
        let answer = attempt(&simulator, "POST", "/zones", Some(json!({"name": "bluepeak-shop.com"}))).await.expect("some of it");
        assert!(answer.body.is_null() && answer.text.starts_with('{'), "{}", answer.text);
        assert_eq!(simulator.state().zone_named("bluepeak-shop.com").is_some(), happened);
    }
}

#[tokio::test]
async fn a_stale_read_is_of_the_world_when_the_rule_was_added() {
    let simulator = simulator();
    let id = simulator.add_fault(FaultRule::before("GET", "/zones", FaultAction::Stale).times(0)).expect("a good rule");
    zone(&simulator, "bluepeak-shop.com").await;
    assert_eq!(get(&simulator, "/zones").await.column("name"), ["storex.com"]);
    assert!(simulator.remove_fault(&id));
    assert_eq!(get(&simulator, "/zones").await.column("name"), ["storex.com", "bluepeak-shop.com"]);
}

#[tokio::test]
async fn a_call_that_arrives_twice_is_answered_once() {
    let simulator = simulator();
    let records = format!("/zones/{}/dns_records", zone(&simulator, "bluepeak-shop.com").await);
    simulator.add_fault(FaultRule::before("POST", "/zones/{zone}/purge_cache", FaultAction::Twice)).expect("a good rule");
    simulator.add_fault(FaultRule::before("POST", "/accounts/{account}/cfd_tunnel", FaultAction::Twice)).expect("a good rule");
    let tunnels = crate::client::tunnels_of(&simulator);
    let made = post(&simulator, &tunnels, json!({"name": "storex-main"})).await;
    assert_eq!(made.result()["name"], "storex-main", "the first answer");
    assert_eq!(simulator.state().tunnels.len(), 1, "the second was refused: the name is taken");
    simulator.add_fault(FaultRule::before("POST", "/zones/{zone}/dns_records", FaultAction::Twice)).expect("a good rule");
    post(&simulator, &records, json!({"type": "MX", "name": "@", "content": "m.x.net", "priority": 1})).await.result();
    assert_eq!(get(&simulator, &records).await.result().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn connectors_lag_behind_stick_and_lose_connections() {
    let simulator = with(|limits| limits.timings.connector_lag_s = 10);
    let tunnels = crate::client::tunnels_of(&simulator);
    let id = post(&simulator, &tunnels, json!({"name": "storex-main", "config_src": "cloudflare"})).await.id();
    let tunnel = format!("{tunnels}/{id}");
    let connector = simulator.attach_connector(&id).expect("live");
    let put = async || {
        let config = json!({"config": {"ingress": [{"service": "http_status:404"}]}});
        call(&simulator, "PUT", &format!("{tunnel}/configurations"), Some(config)).await.result()["version"].clone()
    };
    let version = async || get(&simulator, &format!("{tunnel}/connectors/{connector}")).await.result()["config_version"].clone();
    assert_eq!((put().await, version().await), (json!(1), json!(0)));
    advance(&simulator, 10);
    assert_eq!(version().await, 1);
    simulator.stick_connector(&id, &connector, true).expect("known");
    put().await;
    advance(&simulator, 60);
    assert_eq!(version().await, 1, "it cannot read the second");
    simulator.stick_connector(&id, &connector, false).expect("known");
    assert_eq!(version().await, 2);
    assert_eq!(get(&simulator, &tunnel).await.result()["status"], "healthy");
    let body = json!({"connections": 2});
    control(&simulator, "PUT", &format!("/tunnels/{id}/connectors/{connector}"), Some(body)).await;
    assert_eq!(get(&simulator, &tunnel).await.result()["status"], "degraded");
    let renamed = call(&simulator, "PATCH", &tunnel, Some(json!({"name": "storex-two"}))).await;
    assert_eq!(renamed.result()["name"], "storex-two");
    post(&simulator, &tunnels, json!({"name": "storex-main"})).await.result();
    assert_eq!(call(&simulator, "PATCH", &tunnel, Some(json!({"name": "storex-main"}))).await.refusal(), (409, 1013));
}
