//! The token is nowhere to be seen.

use crate::setup::{TOKEN, account_at, apex_and_www, bench, client, cx, stub};
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;
use std::error::Error as _;
use storex_core::{DomainProvider, Error, ErrorRecord, TunnelRoutes};

/// Everything an error shows, its causes included.
fn shown(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?} {:?}", ErrorRecord::from(error));
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text} {inner} {inner:?}");
        cause = inner.source();
    }
    text
}

fn answer(status: u16, authorization: &str, html: bool) -> Response {
    if html {
        let page = format!("<html>{authorization}</html>");
        return Response::builder().status(status).body(Body::from(page)).unwrap();
    }
    let chain = json!([{"code": 6111, "message": format!("chain {authorization}")}]);
    let error = json!({"code": 6003, "message": format!("Invalid request headers: {authorization}"), "error_chain": chain});
    let body = Json(json!({"success": false, "errors": [error], "messages": [authorization], "result": authorization}));
    (axum::http::StatusCode::from_u16(status).unwrap(), body).into_response()
}

#[tokio::test]
async fn no_error_shows_the_token_even_when_cloudflare_repeats_it() {
    for (status, html) in
        [(400, false), (403, false), (404, false), (429, false), (500, false), (502, true), (403, true), (200, true)]
    {
        let (base_url, _) = stub(move |_, request: Request| {
            let sent = request.headers()["authorization"].to_str().unwrap().to_owned();
            assert!(sent.contains(TOKEN), "the control: the token is sent");
            answer(status, &sent, html)
        })
        .await;
        // One client each, since one that was throttled waits.
        let account = || account_at(&base_url);
        let zone = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let name = "bluepeak-shop.com".parse().unwrap();
        for error in [
            account().domains().find_zone(&name).await.expect_err("refused"),
            account().domains().create_zone(&cx(), &name).await.expect_err("refused"),
            account().domains().list_records(&zone, None).await.expect_err("refused"),
            account().tunnels().create(&cx(), "storex-main").await.expect_err("refused"),
            account().verify_token().await.expect_err("refused"),
        ] {
            let text = shown(&error);
            assert!(!text.contains(TOKEN), "{status} {html}: {text}");
        }
    }
}

#[tokio::test]
async fn no_debug_output_shows_the_token() {
    let bench = bench().await;
    let zone = bench.domains.create_zone(&cx(), &"bluepeak-shop.com".parse().unwrap()).await.unwrap();
    bench.domains.ensure_records(&cx(), &zone.id, &apex_and_www(&zone)).await.unwrap();
    let builder = client("http://127.0.0.1:1/client/v4");
    for text in [
        format!("{builder:?} {builder:#?}"),
        format!("{:?} {:#?}", bench.account, bench.account),
        format!("{:?} {:?} {:?}", bench.account.client(), bench.domains, bench.tunnels),
    ] {
        assert!(!text.contains(TOKEN) && text.contains("127.0.0.1"), "{text}");
    }
}
