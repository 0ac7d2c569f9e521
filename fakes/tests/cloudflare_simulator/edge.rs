//! What a zone has at the edge: rulesets by phase and plan, bots, purges, signatures, and what analytics say.

use jiff::SignedDuration;
use serde_json::{Value, json};
use storex_fakes::cloudflare::{Delegation, Limits, Plan, Simulator, Timings, Traffic};

use crate::client::{Answer, builder, call, control, get, post, simulator, zone};

const CUSTOM: &str = "http_request_firewall_custom";
const RATE: &str = "http_ratelimit";

fn entrypoint(zone: &str, phase: &str) -> String {
    format!("/zones/{zone}/rulesets/phases/{phase}/entrypoint")
}

fn block(reference: &str) -> Value {
    json!({"ref": reference, "action": "block", "expression": "(http.request.uri.path eq \"/x\")"})
}

fn rate() -> Value {
    json!({"ref": "r", "action": "block", "expression": "(http.request.uri.path eq \"/login\")", "ratelimit":
        {"characteristics": ["cf.colo.id", "ip.src"], "period": 10, "requests_per_period": 5, "mitigation_timeout": 10}})
}

async fn put(simulator: &Simulator, zone: &str, phase: &str, rules: Vec<Value>) -> Answer {
    call(simulator, "PUT", &entrypoint(zone, phase), Some(json!({"rules": rules}))).await
}

fn references(answer: &Answer) -> Vec<String> {
    let rules = answer.result()["rules"].as_array().expect("rules");
    rules.iter().map(|rule| rule["ref"].as_str().expect("a ref").to_owned()).collect()
}

#[tokio::test]
async fn an_entry_point_is_missing_until_it_is_put_and_then_every_change_is_a_version() {
    let simulator = simulator();
    let zone = zone(&simulator, "bluepeak-shop.com").await;
    assert_eq!(get(&simulator, &entrypoint(&zone, CUSTOM)).await.refusal(), (404, 10003));
    let first = put(&simulator, &zone, CUSTOM, vec![block("a"), block("b")]).await;
    assert_eq!((&first.result()["version"], references(&first)), (&json!("1"), vec!["a".to_owned(), "b".to_owned()]));
    let second = put(&simulator, &zone, CUSTOM, vec![block("b"), block("a"), block("c")]).await;
    assert_eq!(second.result()["version"], "2");
    let id_of = |answer: &Answer, index: usize| answer.result()["rules"][index]["id"].clone();
    assert_eq!((id_of(&second, 0), id_of(&second, 1)), (id_of(&first, 1), id_of(&first, 0)), "a ref keeps its rule");
    assert_eq!(second.result()["rules"][0]["version"], "1", "and an unchanged rule its version");
    let body = json!({"name": "mine", "kind": "zone", "phase": CUSTOM, "rules": []});
    assert_eq!(post(&simulator, &format!("/zones/{zone}/rulesets"), body).await.refusal(), (400, 20217));
    assert_eq!(get(&simulator, &entrypoint(&zone, "made_up")).await.status, 400);
}

#[tokio::test]
async fn single_rules_are_added_placed_changed_and_removed() {
    let simulator = simulator();
    let zone = zone(&simulator, "bluepeak-shop.com").await;
    let ruleset = put(&simulator, &zone, CUSTOM, vec![block("a"), block("b")]).await.id();
    let rules = format!("/zones/{zone}/rulesets/{ruleset}/rules");
    let placed = |reference: &str, position: Value| {
        let mut rule = block(reference);
        rule["position"] = position;
        rule
    };
    let first = post(&simulator, &rules, placed("c", json!({"index": 1}))).await;
    assert_eq!(references(&first), ["c", "a", "b"]);
    let b = first.result()["rules"][2]["id"].as_str().expect("an id").to_owned();
    assert_eq!(references(&post(&simulator, &rules, placed("d", json!({"before": b}))).await), ["c", "a", "d", "b"]);
    assert_eq!(references(&post(&simulator, &rules, block("e")).await), ["c", "a", "d", "b", "e"]);
    let patched = call(&simulator, "PATCH", &format!("{rules}/{b}"), Some(json!({"enabled": false}))).await;
    assert_eq!(patched.result()["rules"][3]["enabled"], false);
    assert_eq!(patched.result()["rules"][3]["expression"], block("b")["expression"], "the rest is kept");
    let removed = call(&simulator, "DELETE", &format!("{rules}/{b}"), None).await;
    assert_eq!(references(&removed), ["c", "a", "d", "e"]);
    assert_eq!(call(&simulator, "DELETE", &format!("{rules}/{b}"), None).await.refusal(), (404, 20015));
    assert_eq!(post(&simulator, &rules, placed("f", json!({"index": 9}))).await.status, 400);
    let gone = call(&simulator, "DELETE", &format!("/zones/{zone}/rulesets/{ruleset}"), None).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
}

#[tokio::test]
async fn a_plan_decides_how_many_rules_and_which() {
    let simulator = simulator();
    let zone = zone(&simulator, "bluepeak-shop.com").await;
    for (plan, custom, rates) in [(Plan::Free, 5, 1), (Plan::Pro, 20, 2), (Plan::Business, 100, 5), (Plan::Enterprise, 1000, 100)]
    {
        simulator.set_plan(&zone, plan).expect("known");
        for (phase, most) in [(CUSTOM, custom), (RATE, rates)] {
            let rules = |count: usize| -> Vec<Value> {
                let rule = if phase == RATE { rate() } else { block("") };
                let named = |number: usize| {
                    let mut rule = rule.clone();
                    rule["ref"] = json!(format!("r{number}"));
                    rule
                };
                (0..count).map(named).collect()
            };
            assert_eq!(put(&simulator, &zone, phase, rules(most)).await.status, 200, "{plan:?} {phase} {most}");
            assert_eq!(put(&simulator, &zone, phase, rules(most + 1)).await.refusal(), (400, 20127), "{plan:?} {phase}");
        }
    }
    simulator.set_plan(&zone, Plan::Free).expect("known");
    let managed = json!({"ref": "m", "action": "execute", "expression": "true", "action_parameters": {"id": "efb7b8c949ac4650a09736fc376e9aee"}});
    assert_eq!(put(&simulator, &zone, "http_request_firewall_managed", vec![managed.clone()]).await.status, 400);
    simulator.set_plan(&zone, Plan::Pro).expect("known");
    put(&simulator, &zone, "http_request_firewall_managed", vec![managed]).await.result();
}

#[tokio::test]
async fn a_rule_that_is_not_valid_is_refused_and_nothing_changes() {
    let simulator = simulator();
    let zone = zone(&simulator, "bluepeak-shop.com").await;
    put(&simulator, &zone, CUSTOM, vec![block("a")]).await.result();
    let before = simulator.state();
    let change = |mut rule: Value, field: &str, value: Value| {
        rule[field] = value;
        rule
    };
    let rated = |field: &str, value: Value| {
        let mut rule = rate();
        rule["ratelimit"][field] = value;
        rule
    };
    for (phase, rule, status) in [
        (CUSTOM, change(block("a"), "action", json!("explode")), 400),
        (CUSTOM, change(block("a"), "action", json!("log")), 403),
        (CUSTOM, change(block("a"), "expression", json!("")), 400),
        (CUSTOM, change(block("a"), "expression", json!("(ip.src eq 1.1.1.1")), 400),
        (CUSTOM, change(block("a"), "expression", json!("x".repeat(4097))), 400),
        (CUSTOM, change(block("a"), "expression", json!("(http.host matches \"^a\")")), 403),
        (CUSTOM, change(block("a"), "enabled", json!("yes")), 400),
        (RATE, change(rate(), "ratelimit", Value::Null), 400),
        (RATE, change(rate(), "expression", json!("(http.host eq \"a.b\")")), 403),
        (RATE, rated("period", json!(11)), 400),
        (RATE, rated("period", json!(60)), 403),
        (RATE, rated("mitigation_timeout", json!(60)), 403),
        (RATE, rated("characteristics", json!(["ip.src"])), 400),
        (RATE, rated("characteristics", json!(["cf.colo.id", "http.host"])), 403),
        (RATE, rated("requests_per_period", json!(0)), 400),
        ("ddos_l7", json!({"action": "execute", "expression": "true"}), 400),
    ] {
        assert_eq!(put(&simulator, &zone, phase, vec![rule.clone()]).await.status, status, "{phase} {rule}");
    }
    assert_eq!(put(&simulator, &zone, CUSTOM, vec![block("a"), block("a")]).await.status, 400, "a ref is unique");
    assert_eq!(simulator.state(), before);
}

#[tokio::test]
async fn bot_settings_are_those_of_the_plan() {
    let simulator = simulator();
    let zone = zone(&simulator, "bluepeak-shop.com").await;
    let path = format!("/zones/{zone}/bot_management");
    assert_eq!(get(&simulator, &path).await.result()["fight_mode"], false);
    let set = call(&simulator, "PUT", &path, Some(json!({"fight_mode": true, "ai_bots_protection": "block", "odd": 1}))).await;
    assert_eq!((&set.result()["fight_mode"], &set.result()["ai_bots_protection"]), (&json!(true), &json!("block")));
    assert_eq!(call(&simulator, "PUT", &path, Some(json!({"sbfm_verified_bots": "allow"}))).await.refusal(), (403, 1019));
    assert_eq!(call(&simulator, "PUT", &path, Some(json!({"fight_mode": "on"}))).await.refusal(), (400, 1007));
    simulator.set_plan(&zone, Plan::Pro).expect("known");
    call(&simulator, "PUT", &path, Some(json!({"sbfm_definitely_automated": "block"}))).await.result();
    assert_eq!(call(&simulator, "PUT", &path, Some(json!({"fight_mode": true}))).await.refusal(), (403, 1019));
}

#[tokio::test]
async fn a_purge_names_one_kind_of_thing_and_not_too_many() {
    let simulator = simulator();
    let zone = zone(&simulator, "bluepeak-shop.com").await;
    let path = format!("/zones/{zone}/purge_cache");
    for body in [
        json!({"purge_everything": true}),
        json!({"hosts": ["a.b"]}),
        json!({"files": ["https://a.b/c", {"url": "https://a.b/d", "headers": {}}]}),
        json!({"tags": ["t"]}),
        json!({"prefixes": vec!["a.b/c"; 100]}),
    ] {
        assert_eq!(post(&simulator, &path, body).await.result(), &json!({"id": zone}));
    }
    for body in [
        json!({}),
        json!({"purge_everything": false}),
        json!({"hosts": []}),
        json!({"hosts": [1]}),
        json!({"hosts": ["a.b"], "tags": ["t"]}),
        json!({"hosts": vec!["a.b"; 101]}),
    ] {
        assert_eq!(post(&simulator, &path, body.clone()).await.refusal(), (400, 1012), "{body}");
    }
}

#[tokio::test]
async fn dnssec_follows_the_registrar() {
    let mut limits = Limits::default();
    limits.timings = Timings::default();
    let simulator = builder().limits(limits).build().expect("built");
    let id = zone(&simulator, "bluepeak-shop.com").await;
    let path = format!("/zones/{id}/dnssec");
    assert_eq!(get(&simulator, &path).await.result()["ds"], Value::Null);
    let pending = call(&simulator, "PATCH", &path, Some(json!({"status": "active"}))).await;
    assert_eq!(pending.result()["status"], "pending");
    assert!(pending.result()["ds"].as_str().is_some_and(|ds| ds.contains(" DS ") && ds.contains(" 13 2 ")), "{}", pending.text);
    let pair = simulator.state().zone_named("bluepeak-shop.com").expect("there").name_servers.clone();
    simulator.delegate("bluepeak-shop.com", Delegation { dnssec: true, ..Delegation::to(pair.clone()) }).expect("no file");
    simulator.advance(SignedDuration::from_mins(10)).expect("no file");
    assert_eq!(get(&simulator, &path).await.result()["status"], "active");
    assert_eq!(call(&simulator, "DELETE", &path, None).await.refusal().0, 409, "the registrar still refers to it");
    call(&simulator, "PATCH", &path, Some(json!({"status": "disabled"}))).await.result();
    simulator.advance(SignedDuration::from_mins(10)).expect("no file");
    assert_eq!(get(&simulator, &path).await.result()["status"], "pending-disabled");
    simulator.delegate("bluepeak-shop.com", Delegation::to(pair)).expect("no file");
    simulator.advance(SignedDuration::from_mins(10)).expect("no file");
    assert_eq!(get(&simulator, &path).await.result()["status"], "disabled");
    assert_eq!(call(&simulator, "PATCH", &path, Some(json!({"status": "odd"}))).await.refusal().0, 400);
}

#[tokio::test]
async fn analytics_group_the_injected_traffic_by_what_is_asked() {
    let simulator = simulator();
    let id = zone(&simulator, "bluepeak-shop.com").await;
    let rows = json!([
        {"zone": "bluepeak-shop.com", "host": "a.bluepeak-shop.com", "count": 5, "cache_status": "hit", "bytes": 50},
        {"zone": id, "host": "a.bluepeak-shop.com", "count": 2, "cache_status": "miss", "status": 502},
        {"zone": id, "host": "b.bluepeak-shop.com", "count": 4, "at": "2025-12-31T00:00:00Z"},
        {"zone": id, "host": "a.bluepeak-shop.com", "count": 3, "action": "block", "source": "firewallCustom"},
    ]);
    assert_eq!(control(&simulator, "POST", "/traffic", Some(rows)).await.status, 204);
    let ask = async |body: &str| {
        let query = format!("{{ viewer {{ zones(filter: {{zoneTag: \"{id}\"}}) {{ {body} }} }} }}");
        let answer = post(&simulator, "/graphql", json!({"query": query})).await;
        assert_eq!(answer.status, 200);
        if answer.body["errors"].is_null() { Ok(answer.body["data"]["viewer"]["zones"][0].clone()) } else { Err(answer.text) }
    };
    let http = |arguments: &str, fields: &str| format!("g: httpRequestsAdaptiveGroups(limit: 100{arguments}) {{ {fields} }}");
    let all = ask(&http("", "count sum { edgeResponseBytes visits } avg { sampleInterval }")).await.expect("data");
    assert_eq!(all["g"], json!([{"count": 11, "sum": {"edgeResponseBytes": 50, "visits": 11}, "avg": {"sampleInterval": 1}}]));
    let recent = ask(&http(
        ", filter: {datetime_geq: \"2026-01-01T00:00:00Z\"}, orderBy: [count_DESC]",
        "count dimensions { h: clientRequestHTTPHost edgeResponseStatus }",
    ))
    .await
    .expect("data");
    assert_eq!(
        recent["g"],
        json!([{"count": 5, "dimensions": {"h": "a.bluepeak-shop.com", "edgeResponseStatus": 200}},
            {"count": 2, "dimensions": {"h": "a.bluepeak-shop.com", "edgeResponseStatus": 502}}])
    );
    let errors =
        ask(&http(", filter: {edgeResponseStatus_geq: 500, clientRequestHTTPHost_like: \"a.%\"}", "count")).await.expect("data");
    assert_eq!(errors["g"], json!([{"count": 2}]));
    let either = ask(&http(", filter: {OR: [{cacheStatus: \"hit\"}, {cacheStatus: \"miss\"}]}", "count")).await.expect("data");
    assert_eq!(either["g"], json!([{"count": 7}]));
    let events = ask("firewallEventsAdaptiveGroups(limit: 1) { count dimensions { action source } }").await.expect("data");
    assert_eq!(
        events["firewallEventsAdaptiveGroups"][0],
        json!({"count": 3, "dimensions": {"action": "block", "source": "firewallCustom"}})
    );
    for wrong in [
        "httpRequestsAdaptiveGroups { count }",
        "httpRequestsAdaptiveGroups(limit: 20000) { count }",
        "httpRequestsAdaptiveGroups(limit: 1) { dimensions { shoeSize } }",
        "httpRequestsAdaptiveGroups(limit: 1, filter: {shoeSize: 44}) { count }",
        "otherGroups(limit: 1) { count }",
    ] {
        assert!(ask(wrong).await.is_err(), "{wrong}");
    }
    let many = vec![id.as_str(); 11];
    let query = "query ($z: [string!]) { viewer { zones(filter: {zoneTag_in: $z}) { zoneTag } } }";
    let refused = post(&simulator, "/graphql", json!({"query": query, "variables": {"z": many}})).await;
    assert!(refused.text.contains("zone count limit exceeded"), "{}", refused.text);
    let unknown: Traffic = serde_json::from_value(json!({"zone": "unknown.com", "host": "x"})).expect("a row");
    assert!(simulator.add_traffic(vec![unknown]).is_err());
}
