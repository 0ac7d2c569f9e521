//! Lists are whole or an error.

use crate::setup::{account_at, bench, cx, stub};
use axum::extract::Request;
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use storex_core::{Code, DomainObject, DomainProvider, TunnelRoutes};
use storex_fakes::cloudflare::{FaultAction, FaultRule};

fn zone(number: u64) -> Value {
    json!({"id": format!("{number:032x}"), "name": format!("zone{number}-shop.com"), "status": "active", "account": {"id": "a1"}})
}

fn page_asked(request: &Request) -> u64 {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').find_map(|pair| pair.strip_prefix("page=")?.parse().ok()).unwrap_or(1)
}

fn listed(zones: &[Value], info: &Value) -> Response {
    Json(json!({"success": true, "errors": [], "messages": [], "result": zones, "result_info": info})).into_response()
}

/// What each page of a list claims that does not hold what it announces.
type Page = fn(u64) -> Response;

#[tokio::test]
async fn a_list_that_is_not_whole_is_an_error_and_never_an_absence() {
    let pages: [(&str, Page); 9] = [
        ("a page of three has nothing on it", |page| {
            let zones = if page == 1 { vec![zone(1)] } else { Vec::new() };
            listed(&zones, &json!({"total_pages": 3}))
        }),
        ("a cursor that leads to itself", |_| listed(&[zone(1)], &json!({"cursors": {"after": "1"}}))),
        ("a page is short and the rest never comes", |page| {
            let zones = if page == 1 { vec![zone(1), zone(2)] } else { Vec::new() };
            listed(&zones, &json!({"page": page, "count": zones.len(), "total_count": 3}))
        }),
        ("nothing at all of three", |_| listed(&[], &json!({"count": 0, "total_count": 3}))),
        ("the total changes between pages", |page| listed(&[zone(page)], &json!({"count": 1, "total_count": 1 + page}))),
        ("more items than there are", |_| listed(&[zone(1), zone(2)], &json!({"count": 2, "total_count": 1}))),
        ("fewer items than the page counts", |_| listed(&[zone(1)], &json!({"count": 2, "total_count": 1}))),
        ("no total", |_| listed(&[], &json!(null))),
        ("no list", |_| Json(json!({"success": true, "errors": [], "messages": [], "result": null})).into_response()),
    ];
    for (what, page) in pages {
        let (base_url, calls) = stub(move |_, request| page(page_asked(&request))).await;
        let account = account_at(&base_url);
        let error = account.domains().find_zone(&"zone9-shop.com".parse().unwrap()).await.expect_err(what);
        assert_eq!((error.code(), error.is_unclear()), (Code::CloudflareAnswer, false), "{what}: {error:?}");
        assert!(calls.load(Ordering::SeqCst) <= 12, "{what}: it gives up");
        account.tunnels().find("storex-main").await.expect_err(what);
    }
}

/// The cursor that is asked for, 0 when none is.
fn cursor_asked(request: &Request) -> u64 {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').find_map(|pair| pair.strip_prefix("cursor=")?.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn a_list_is_read_to_its_end_by_pages_or_by_cursors_where_it_has_no_total() {
    type Of = fn(&Request) -> Response;
    let lists: [(&str, Of); 2] = [
        ("by pages", |request| listed(&[zone(page_asked(request))], &json!({"count": 1, "total_pages": 3}))),
        ("by cursors", |request| {
            let place = cursor_asked(request);
            let after = if place == 2 { json!({}) } else { json!({"after": (place + 1).to_string()}) };
            listed(&[zone(place + 1)], &json!({"count": 1, "cursors": after}))
        }),
    ];
    for (what, list) in lists {
        let (base_url, calls) = stub(move |_, request| list(&request)).await;
        let name = "zone3-shop.com".parse().unwrap();
        let found = account_at(&base_url).domains().find_zone(&name).await.expect(what);
        assert_eq!(found.map(|zone| zone.id.to_string()), Some(format!("{:032x}", 3)), "{what}");
        assert_eq!(calls.load(Ordering::SeqCst), 3, "{what}");
    }
}

#[tokio::test]
async fn a_list_that_changed_while_it_was_read_is_read_again() {
    let (base_url, calls) = stub(|call, request| {
        let total = if call <= 2 { call + 2 } else { 2 };
        listed(&[zone(page_asked(&request))], &json!({"count": 1, "total_count": total}))
    })
    .await;
    let found =
        account_at(&base_url).domains().find_zone(&"zone2-shop.com".parse().unwrap()).await.expect("the second reading fits");
    assert_eq!(found.map(|zone| zone.id.to_string()), Some(format!("{:032x}", 2)));
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_refusal_on_a_zone_is_explained_by_the_whole_list_of_zones() {
    let bench = bench().await;
    let mut zones = Vec::new();
    for number in 0..60 {
        let name = format!("paged{number}-shop.com").parse().unwrap();
        zones.push(bench.domains.create_zone(&cx(), &name).await.unwrap());
    }
    bench.simulator.clear_calls();
    let absent = "0123456789abcdef0123456789abcdef".parse().unwrap();
    let error = bench.domains.list_records(&absent, None).await.expect_err("no such zone");
    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(bench.simulator.counts().routes["GET /zones"], 2, "61 zones are two pages");

    let denied = FaultAction::Answer { status: 403, code: 10000, message: "Authentication error".to_owned() };
    bench.simulator.add_fault(FaultRule::before("DELETE", "/zones/{zone}", denied).times(0)).unwrap();
    let last = DomainObject::Zone(zones[59].id.clone());
    let error = bench.domains.remove(&cx(), &last).await.expect_err("it is there, on the second page");
    assert_eq!(error.code(), Code::CloudflareDenied, "{error:?}");

    bench.simulator.add_fault(FaultRule::before("GET", "/zones", FaultAction::Html).times(0)).unwrap();
    let error = bench
        .domains
        .remove(&cx(), &DomainObject::Zone(absent))
        .await
        .expect_err("the list cannot be read, so nothing is proved");
    assert_eq!(error.code(), Code::CloudflareDenied, "{error:?}");
}
