//! Custom hostnames: two state machines, the published schedule of checks, takeover, blocks, quotas.

use jiff::SignedDuration;
use serde_json::{Value, json};
use storex_fakes::cloudflare::{Limits, OutsideRecord, Plan, Simulator};

use crate::client::{Answer, builder, call, control, get, post};

const HOST: &str = "www.customer-shop.com";
const DAY: i64 = 86_400;

fn advance(simulator: &Simulator, seconds: i64) {
    simulator.advance(SignedDuration::from_secs(seconds)).expect("no file");
}

/// The primary zone with an active fallback origin, and the path of its hostnames.
async fn saas(limits: Limits) -> (Simulator, String) {
    let simulator = builder().limits(limits).build().expect("built");
    let zone = format!("/zones/{}", simulator.state().zones[0].id);
    let record = json!({"type": "A", "name": "fallback", "content": "192.0.2.1", "proxied": true});
    post(&simulator, &format!("{zone}/dns_records"), record).await.result();
    let path = format!("{zone}/custom_hostnames");
    call(&simulator, "PUT", &format!("{path}/fallback_origin"), Some(json!({"origin": "fallback.storex.com"}))).await.result();
    advance(&simulator, 120);
    (simulator, path)
}

fn wish(hostname: &str, method: &str) -> Value {
    json!({"hostname": hostname, "ssl": {"method": method, "type": "dv"}})
}

fn point(simulator: &Simulator, name: &str, kind: &str, content: &str) {
    simulator.set_outside_records(name, vec![OutsideRecord::new(kind, content)]).expect("no file");
}

fn states(answer: &Answer) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&answer.result()["status"]), text(&answer.result()["ssl"]["status"]))
}

fn pair(status: &str, ssl: &str) -> (String, String) {
    (status.to_owned(), ssl.to_owned())
}

#[tokio::test]
async fn a_hostname_that_leads_here_becomes_active_and_then_its_certificate_does() {
    let (simulator, path) = saas(Limits::default()).await;
    point(&simulator, HOST, "CNAME", "fallback.storex.com");
    let made = post(&simulator, &path, wish(HOST, "http")).await;
    assert_eq!((made.status, states(&made)), (201, pair("pending", "initializing")));
    assert_eq!(made.result()["ssl"]["validation_records"], Value::Null, "not in the first answer");
    let one = format!("{path}/{}", made.id());
    assert_eq!(states(&get(&simulator, &one).await).0, "active");
    advance(&simulator, 600);
    let active = get(&simulator, &one).await;
    assert_eq!(states(&active), pair("active", "active"));
    assert_ne!(active.result()["ssl"]["expires_on"], Value::Null);
    assert_eq!(simulator.visit(HOST).outcome, "served");
}

#[tokio::test]
async fn a_text_proves_a_hostname_before_its_dns_is_changed() {
    for delegated in [false, true] {
        let (simulator, path) = saas(Limits::default()).await;
        let one = format!("{path}/{}", post(&simulator, &path, wish(HOST, "txt")).await.id());
        advance(&simulator, 30);
        let pending = get(&simulator, &one).await;
        assert_eq!(states(&pending), pair("pending", "pending_validation"));
        let ownership = &pending.result()["ownership_verification"];
        point(&simulator, ownership["name"].as_str().expect("a name"), "TXT", ownership["value"].as_str().expect("a value"));
        let ssl = &pending.result()["ssl"];
        if delegated {
            let record = &ssl["dcv_delegation_records"][0];
            point(
                &simulator,
                record["cname"].as_str().expect("a name"),
                "CNAME",
                record["cname_target"].as_str().expect("a name"),
            );
        } else {
            let record = &ssl["validation_records"][0];
            point(
                &simulator,
                record["txt_name"].as_str().expect("a name"),
                "TXT",
                record["txt_value"].as_str().expect("a value"),
            );
        }
        advance(&simulator, 900);
        assert_eq!(states(&get(&simulator, &one).await), pair("active", "active"), "delegated: {delegated}");
    }
}

#[tokio::test]
async fn a_page_proves_a_hostname_too() {
    let (simulator, path) = saas(Limits::default()).await;
    let one = format!("{path}/{}", post(&simulator, &path, wish(HOST, "http")).await.id());
    advance(&simulator, 30);
    let pending = get(&simulator, &one).await.result().clone();
    for (url, body) in [
        (&pending["ownership_verification_http"]["http_url"], &pending["ownership_verification_http"]["http_body"]),
        (&pending["ssl"]["validation_records"][0]["http_url"], &pending["ssl"]["validation_records"][0]["http_body"]),
    ] {
        control(&simulator, "PUT", "/pages", Some(json!({"url": url, "body": body}))).await;
    }
    advance(&simulator, 900);
    assert_eq!(states(&get(&simulator, &one).await), pair("active", "active"));
}

#[tokio::test]
async fn checks_come_by_the_published_schedule_and_end_after_seventy_five() {
    let (simulator, path) = saas(Limits::default()).await;
    let one = format!("{path}/{}", post(&simulator, &path, wish(HOST, "http")).await.id());
    let attempts = |simulator: &Simulator| simulator.state().zones[0].hostnames[0].attempts;
    advance(&simulator, 700);
    assert!((9..=11).contains(&attempts(&simulator)), "ten checks in 12.5 minutes: {}", attempts(&simulator));
    let pending = get(&simulator, &one).await;
    assert_eq!(pending.result()["verification_errors"], json!(["custom hostname does not CNAME to this zone."]));
    advance(&simulator, 7 * DAY);
    assert!((70..=75).contains(&attempts(&simulator)), "{}", attempts(&simulator));
    assert_eq!(states(&get(&simulator, &one).await).0, "pending");
    advance(&simulator, DAY);
    assert_eq!(states(&get(&simulator, &one).await), pair("moved", "validation_timed_out"));
    point(&simulator, HOST, "CNAME", "fallback.storex.com");
    let again = call(&simulator, "PATCH", &one, Some(json!({"ssl": {"method": "http", "type": "dv"}}))).await;
    assert_eq!(again.status, 202);
    advance(&simulator, 600);
    assert_eq!(states(&get(&simulator, &one).await), pair("active", "active"), "a PATCH starts it anew");
    simulator.set_outside_records(HOST, Vec::new()).expect("no file");
    advance(&simulator, 2 * 3600);
    assert_eq!(states(&get(&simulator, &one).await).0, "moved");
    advance(&simulator, 8 * DAY);
    assert_eq!(get(&simulator, &one).await.refusal(), (404, 1436));
}

#[tokio::test]
async fn a_hostname_another_account_took_is_moved_and_a_held_one_is_blocked() {
    let (simulator, path) = saas(Limits::default()).await;
    point(&simulator, HOST, "CNAME", "fallback.storex.com");
    let one = format!("{path}/{}", post(&simulator, &path, wish(HOST, "http")).await.id());
    advance(&simulator, 600);
    control(&simulator, "PUT", &format!("/names/taken/{HOST}"), None).await;
    advance(&simulator, 2 * 3600);
    assert_eq!(states(&get(&simulator, &one).await).0, "moved");
    control(&simulator, "PUT", "/names/held/held-shop.com", None).await;
    let held = format!("{path}/{}", post(&simulator, &path, wish("www.held-shop.com", "http")).await.id());
    assert_eq!(states(&get(&simulator, &held).await).0, "blocked");
    advance(&simulator, 30 * DAY);
    assert_eq!(states(&get(&simulator, &held).await).0, "blocked", "an end state until a PATCH");
    control(&simulator, "DELETE", "/names/held/held-shop.com", None).await;
    call(&simulator, "PATCH", &held, Some(json!({"ssl": {"method": "http", "type": "dv"}}))).await.result();
    assert_eq!(states(&get(&simulator, &held).await).0, "pending");
}

#[tokio::test]
async fn without_a_fallback_origin_nothing_becomes_active() {
    let (simulator, path) = saas(Limits::default()).await;
    call(&simulator, "DELETE", &format!("{path}/fallback_origin"), None).await.result();
    advance(&simulator, 120);
    assert_eq!(get(&simulator, &format!("{path}/fallback_origin")).await.refusal(), (404, 1414));
    point(&simulator, HOST, "CNAME", "fallback.storex.com");
    let one = format!("{path}/{}", post(&simulator, &path, wish(HOST, "http")).await.id());
    let shown = get(&simulator, &one).await;
    assert_eq!(shown.result()["verification_errors"], json!(["fallback origin is not set for this zone."]));
    for origin in ["elsewhere.com", "missing.storex.com"] {
        let put = call(&simulator, "PUT", &format!("{path}/fallback_origin"), Some(json!({"origin": origin}))).await;
        assert_eq!(put.status, 400, "{origin}");
    }
}

#[tokio::test]
async fn an_apex_counts_only_when_its_host_flattens_it() {
    let (simulator, path) = saas(Limits::default()).await;
    let one = format!("{path}/{}", post(&simulator, &path, wish("customer-shop.com", "http")).await.id());
    point(&simulator, "customer-shop.com", "A", "104.16.1.1");
    advance(&simulator, 120);
    assert_eq!(states(&get(&simulator, &one).await).0, "pending");
    point(&simulator, "customer-shop.com", "ALIAS", "fallback.storex.com");
    advance(&simulator, 600);
    assert_eq!(states(&get(&simulator, &one).await).0, "active");
}

#[tokio::test]
async fn fifteen_a_minute_and_then_nothing_for_thirty_seconds() {
    let mut limits = Limits::default();
    limits.hostnames_per_minute = Some(15);
    let (simulator, path) = saas(limits).await;
    for number in 0..15 {
        post(&simulator, &path, wish(&format!("www.shop-{number}.com"), "http")).await.result();
    }
    let limited = post(&simulator, &path, wish(HOST, "http")).await;
    assert_eq!((limited.refusal().0, limited.header("retry-after")), (429, "30"));
    advance(&simulator, 25);
    assert_eq!(post(&simulator, &path, wish(HOST, "http")).await.refusal().0, 429);
    advance(&simulator, 60);
    post(&simulator, &path, wish(HOST, "http")).await.result();
}

#[tokio::test]
async fn what_cannot_be_a_custom_hostname_is_refused_with_the_documented_code() {
    let (simulator, path) = saas(Limits::default()).await;
    post(&simulator, &path, wish(HOST, "http")).await.result();
    let before = simulator.state();
    let http = json!({"method": "http", "type": "dv"});
    for (body, status, code) in [
        (wish(HOST, "http"), 409, 1406),
        (wish("WWW.customer-shop.COM", "http"), 409, 1406),
        (json!({}), 400, 1407),
        (wish("no_name", "http"), 400, 1407),
        (wish("storex.com", "http"), 400, 1407),
        (wish("bücher.de", "http"), 400, 1408),
        (wish("shop.test", "http"), 400, 1409),
        (wish("co.uk", "http"), 400, 1410),
        (wish("www.example.com", "http"), 400, 1411),
        (json!({"hostname": "a.b-shop.com", "ssl": {"method": "carrier", "type": "dv"}}), 400, 1432),
        (json!({"hostname": "a.b-shop.com", "ssl": {"method": "http", "type": "ev"}}), 400, 1433),
        (json!({"hostname": "a.b-shop.com", "ssl": {"method": "http", "type": "dv", "settings": {"http2": true}}}), 400, 1434),
        (json!({"hostname": "a.b-shop.com", "ssl": {"method": "http"}}), 400, 1440),
        (json!({"hostname": "*.b-shop.com", "ssl": {"method": "txt", "type": "dv"}}), 400, 1448),
        (wish(&format!("{}.{}.com", "a".repeat(40), "b".repeat(30)), "http"), 400, 1469),
        (json!({"hostname": "a.b-shop.com", "ssl": http, "custom_origin_server": "gone.storex.com"}), 400, 1421),
        (json!({"hostname": "a.b-shop.com", "ssl": http, "custom_metadata": {"a": "b"}}), 403, 1413),
    ] {
        assert_eq!(post(&simulator, &path, body.clone()).await.refusal(), (status, code), "{body}");
    }
    assert_eq!(simulator.state(), before);
    assert_eq!(get(&simulator, &format!("{path}?id=a&hostname=b")).await.refusal().0, 400);
    simulator.set_plan("storex.com", Plan::Enterprise).expect("known");
    let wild = json!({"hostname": "*.b-shop.com", "ssl": {"method": "txt", "type": "dv"}, "custom_metadata": {"a": "b"}});
    assert_eq!(post(&simulator, &path, wild).await.result()["custom_metadata"], json!({"a": "b"}));
}

#[tokio::test]
async fn the_quota_is_soft_until_the_hard_cap_and_a_delete_answers_without_an_envelope() {
    let mut limits = Limits::default();
    (limits.hostnames_allocated, limits.hostnames_most) = (1, 2);
    let (simulator, path) = saas(limits).await;
    let first = post(&simulator, &path, wish("www.one-shop.com", "http")).await.id();
    post(&simulator, &path, wish("www.two-shop.com", "http")).await.result();
    let quota = get(&simulator, &format!("{path}/quota")).await;
    assert_eq!(quota.result(), &json!({"allocated": 1, "used": 2, "exceeded": true, "hard_cap": 2}));
    assert_eq!(post(&simulator, &path, wish("www.three-shop.com", "http")).await.refusal(), (403, 1405));
    let deleted = call(&simulator, "DELETE", &format!("{path}/{first}"), None).await;
    assert_eq!((deleted.status, deleted.body), (200, json!({"id": first})));
    assert_eq!(call(&simulator, "DELETE", &format!("{path}/{first}"), None).await.refusal(), (404, 1436));
    assert_eq!(get(&simulator, &format!("{path}?hostname=www.two-shop.com")).await.column("hostname"), ["www.two-shop.com"]);
    assert_eq!(get(&simulator, &format!("{path}?hostname.startsWith=www.one")).await.column("hostname"), Vec::<String>::new());
    assert_eq!(get(&simulator, &format!("{path}?hostname_status=active")).await.column("hostname"), Vec::<String>::new());
}
