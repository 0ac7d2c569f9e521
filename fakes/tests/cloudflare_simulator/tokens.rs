//! Who may call.

use storex_fakes::cloudflare::{Permission, Simulator, TokenKind, TokenSettings, TokenStatus};

use crate::client::{TOKEN, builder, get, raw, simulator};

#[tokio::test]
async fn verify_says_in_a_message_that_the_token_is_active() {
    let answer = get(&simulator(), "/user/tokens/verify").await;
    assert_eq!(answer.result()["status"], "active");
    assert_eq!(answer.id().len(), 32);
    assert_eq!(answer.body["messages"][0]["code"], 10000, "the code of an error, in a success");
    assert_eq!(answer.body["errors"], serde_json::json!([]));
}

#[tokio::test]
async fn each_verify_route_knows_only_its_own_kind_of_token() {
    let owned = builder().token_with(TokenSettings::new("of-the-account").kind(TokenKind::Account)).build().expect("built");
    let account = format!("/accounts/{}/tokens/verify", owned.account().id);
    for (token, path, status) in [
        (TOKEN, "/user/tokens/verify", 200),
        (TOKEN, account.as_str(), 401),
        ("of-the-account", "/user/tokens/verify", 401),
        ("of-the-account", account.as_str(), 200),
    ] {
        let answer = raw(&owned, "GET", path, Some(&format!("Bearer {token}")), None).await.expect("an answer");
        assert_eq!(answer.status, status, "{token} {path}: {}", answer.text);
        if status == 401 {
            assert_eq!(answer.refusal(), (401, 1000));
        }
    }
    let foreign = raw(&owned, "GET", &account.replace(char::is_numeric, "0"), Some("Bearer of-the-account"), None).await;
    assert_eq!(foreign.expect("an answer").refusal(), (403, 10000));
}

#[tokio::test]
async fn a_header_that_is_no_bearer_token_is_malformed() {
    let simulator = simulator();
    for header in ["Bearer", "Bearer ", TOKEN, "Basic dXNlcg==", "Bearer two words", "Bearer \"quoted\"", "bearer x"] {
        let answer = raw(&simulator, "GET", "/zones", Some(header), None).await.expect("an answer");
        assert_eq!((answer.refusal(), answer.cause()), ((400, 6003), 6111), "{header}");
    }
    let missing = raw(&simulator, "GET", "/zones", None, None).await.expect("an answer");
    assert_eq!(missing.refusal(), (400, 9106));
}

#[tokio::test]
async fn an_unknown_token_is_invalid_on_verify_and_forbidden_elsewhere() {
    let simulator = simulator();
    for (path, refusal) in [("/user/tokens/verify", (401, 1000)), ("/zones", (403, 10000))] {
        let answer = raw(&simulator, "GET", path, Some("Bearer somebody-else"), None).await.expect("an answer");
        assert_eq!(answer.refusal(), refusal, "{path}");
    }
}

#[tokio::test]
async fn a_disabled_token_says_so_on_verify_and_may_do_nothing() {
    for (status, word) in [(TokenStatus::Disabled, "disabled"), (TokenStatus::Expired, "expired")] {
        let token = TokenSettings::new(TOKEN).status(status).expires_on("2026-02-03T04:05:06Z".parse().expect("a date"));
        let simulator = Simulator::builder().token_with(token).build().expect("built");
        let verified = get(&simulator, "/user/tokens/verify").await;
        assert_eq!(verified.result()["status"], word);
        assert_eq!(verified.result()["expires_on"], "2026-02-03T04:05:06Z");
        assert_eq!(get(&simulator, "/zones").await.refusal(), (403, 10000));
    }
}

#[tokio::test]
async fn a_missing_permission_forbids_its_routes_and_no_others() {
    let primary = simulator().state().zones[0].id.clone();
    let account = simulator().account().id;
    let paths = [
        (Permission::Zone, "/zones".to_owned()),
        (Permission::Dns, format!("/zones/{primary}/dns_records")),
        (Permission::ZoneSettings, format!("/zones/{primary}/settings/ssl")),
        (Permission::Tunnel, format!("/accounts/{account}/cfd_tunnel")),
    ];
    for (missing, _) in &paths {
        let token = TokenSettings::new(TOKEN).without(*missing);
        let simulator = Simulator::builder().token_with(token).build().expect("built");
        for (permission, path) in &paths {
            let answer = get(&simulator, path).await;
            if permission == missing {
                assert_eq!(answer.refusal(), (403, 10000), "{path}");
            } else {
                answer.result();
            }
        }
    }
}

#[test]
fn a_simulator_without_a_usable_token_or_domain_is_not_built() {
    for (built, text) in [
        (Simulator::builder().build(), "the simulator needs at least one token"),
        (Simulator::builder().token("two words").build(), "a token may hold letters, digits and -._~+/ only"),
        (builder().primary_domain("shop.test").build(), "\"shop.test\" cannot be the primary domain"),
    ] {
        assert_eq!(built.expect_err(text).to_string(), text);
    }
}

#[test]
fn no_debug_output_holds_a_token() {
    let shown = format!("{:?} {:?}", simulator(), TokenSettings::new(TOKEN));
    assert!(!shown.contains(TOKEN), "{shown}");
}

#[tokio::test]
async fn a_token_for_some_zones_does_not_see_the_others_nor_those_it_makes() {
    let limited = TokenSettings::new("limited").only_zones(["storex.com".to_owned()]);
    let simulator = builder().token_with(limited).build().expect("a simulator");
    let other = crate::client::zone(&simulator, "bluepeak-shop.com").await;
    let ask = async |method: &str, path: &str, body: Option<&str>| {
        raw(&simulator, method, path, Some("Bearer limited"), body).await.expect("an answer")
    };
    assert_eq!(ask("GET", "/zones", None).await.column("name"), ["storex.com"]);
    assert_eq!(ask("GET", &format!("/zones/{other}"), None).await.refusal(), (403, 10000));
    assert_eq!(ask("DELETE", &format!("/zones/{other}"), None).await.refusal(), (403, 10000));
    let made = ask("POST", "/zones", Some(r#"{"name": "next-shop.com"}"#)).await.id();
    assert_eq!(ask("GET", &format!("/zones/{made}/dns_records"), None).await.refusal(), (403, 10000));
    let own = simulator.state().zones[0].id.clone();
    ask("GET", &format!("/zones/{own}/dns_records"), None).await.result();
}
