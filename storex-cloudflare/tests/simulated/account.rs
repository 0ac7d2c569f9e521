//! How a client is set up, and how its account is found.

use crate::setup::{TOKEN, bench, bench_with, client};
use storex_cloudflare::{CloudflareAccount, CloudflareClient, TokenStatus, ensure_crypto_provider};
use storex_core::{Code, Secret};
use storex_fakes::cloudflare::{Simulator, TokenKind, TokenSettings, TokenStatus as Simulated, ZoneStatus};

#[tokio::test]
async fn the_account_is_the_one_of_the_active_primary_zone() {
    let bench = bench().await;
    assert_eq!(bench.account.id().as_str(), bench.simulator.account().id);
    let told = client(&bench.simulator.base_url()).account(Some(bench.account.id().clone())).build().unwrap();
    let again = CloudflareAccount::discover(&told, &"storex.com".parse().unwrap()).await.unwrap();
    assert_eq!(again.id(), bench.account.id());
}

#[tokio::test]
async fn a_primary_zone_that_is_absent_inactive_or_of_another_account_is_missing() {
    let bench = bench().await;
    let client = client(&bench.simulator.base_url());
    let elsewhere = self::client(&bench.simulator.base_url()).account(Some("0123456789abcdef0123456789abcdef".parse().unwrap()));
    let client = client.build().unwrap();
    let primary = "storex.com".parse().unwrap();
    let absent = CloudflareAccount::discover(&client, &"elsewhere.com".parse().unwrap()).await.expect_err("absent");
    let foreign = CloudflareAccount::discover(&elsewhere.build().unwrap(), &primary).await.expect_err("another account");
    bench.simulator.set_zone_status("storex.com", ZoneStatus::Pending).unwrap();
    let inactive = CloudflareAccount::discover(&client, &primary).await.expect_err("inactive");
    for error in [absent, foreign, inactive] {
        assert_eq!((error.code(), error.is_unclear()), (Code::PrimaryZoneMissing, false), "{error:?}");
    }
}

#[tokio::test]
async fn a_token_is_verified_whether_a_user_or_the_account_owns_it() {
    for kind in [TokenKind::User, TokenKind::Account] {
        let bench = bench_with(Simulator::builder().token_with(TokenSettings::new(TOKEN).kind(kind)), |client| client).await;
        let facts = bench.account.verify_token().await.expect("a good token");
        assert_eq!((facts.status, facts.expires_on), (TokenStatus::Active, None), "{kind:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_unknown_disabled_or_expired_is_denied() {
    for status in [Simulated::Disabled, Simulated::Expired] {
        let simulator = Simulator::builder().token_with(TokenSettings::new(TOKEN).status(status)).build().unwrap();
        let simulator = simulator.start_on_loopback().await.unwrap();
        let client = client(&simulator.base_url()).build().unwrap();
        let error = client.verify_token(None).await.expect_err("not active");
        assert_eq!(error.code(), Code::CloudflareDenied, "{error:?}");
    }
    let simulator = Simulator::builder().token("another").build().unwrap().start_on_loopback().await.unwrap();
    let client = client(&simulator.base_url()).build().unwrap();
    for error in [
        client.verify_token(None).await.expect_err("unknown"),
        client.verify_token(Some(&simulator.account().id.parse().unwrap())).await.expect_err("unknown"),
        CloudflareAccount::discover(&client, &"storex.com".parse().unwrap()).await.expect_err("unknown"),
    ] {
        assert_eq!(error.code(), Code::CloudflareDenied, "{error:?}");
    }
}

#[tokio::test]
async fn a_client_told_to_stay_on_loopback_is_not_built_for_another_place() {
    let secret = || Secret::new(TOKEN.to_owned());
    let real = CloudflareClient::builder().token(secret()).loopback_only(true).build().expect_err("the real one");
    assert_eq!(real.code(), Code::Unusable);
    let clear =
        CloudflareClient::builder().token(secret()).base_url("http://192.0.2.1/client/v4").build().expect_err("in the clear");
    assert_eq!(clear.code(), Code::Unusable);
    let tokenless = CloudflareClient::builder().loopback_only(true).base_url("http://127.0.0.1:1").build().expect_err("no token");
    assert_eq!(tokenless.code(), Code::Unusable);
}

#[test]
fn a_client_for_the_real_address_is_built_without_a_provider_of_the_caller() {
    match CloudflareClient::builder().token(Secret::new(TOKEN.to_owned())).build() {
        Ok(client) => assert!(format!("{client:?}").contains("https://api.cloudflare.com/client/v4"), "{client:?}"),
        Err(error) => assert_eq!(error.code(), Code::Unusable, "a machine without certificates is told so: {error:?}"),
    }
    ensure_crypto_provider();
    let installed = rustls::crypto::CryptoProvider::get_default().expect("installed");
    let ring = rustls::crypto::ring::default_provider();
    assert_eq!(installed.cipher_suites, ring.cipher_suites);
}
