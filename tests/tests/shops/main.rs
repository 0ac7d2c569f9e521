//! Shops with a database of their own, on a real MongoDB server, PM2 and Nginx: what they sell and note, what they can reach, another password while
//! visitors buy, and no password where it does not belong.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod stand;
mod visitors;

use serde_json::json;
use stand::{Login, Stand};
use storex_mongo::driver::bson::{Document, doc};
use storex_tests::canary::{self, Sought};
use storex_tests::process::living_in;
use visitors::Visitors;

/// Changes of a password while visitors buy.
const ROTATIONS: usize = 3;

#[test]
fn a_shop_keeps_its_goods_and_orders_in_its_own_database_until_it_is_deleted() {
    let stand = Stand::start(27_100);
    let shop = stand.create("oceanbreeze");
    let (status, answer) = stand.order(&shop, &json!({ "sku": "mug-01", "quantity": 2, "email": "jane@example-mail.com" }));
    assert_eq!(status, 201, "{answer:#}");
    assert_eq!(stand.order(&shop, &json!({ "sku": "none", "quantity": 2, "email": "jane@example-mail.com" })).0, 422);
    assert_eq!(stand.shop_get(&shop, "/api/orders").1, json!({ "orders": 1, "customers": 1 }));
    let products = stand.shop_get(&shop, "/api/products").1;
    assert_eq!(products["products"].as_array().unwrap().len(), 3, "{products:#}");
    let orders = stand.block_on(async |root| {
        root.database("store_oceanbreeze").collection::<Document>("orders").count_documents(doc! {}).await
    });
    assert_eq!(orders.unwrap(), 1);
    assert!(stand.databases().contains(&"store_oceanbreeze".to_owned()));
    stand.delete(&shop);
    assert_eq!(stand.databases().iter().filter(|name| name.starts_with("store_")).count(), 0);
    assert_eq!(stand.users(), 0, "no user is left");
    assert!(stand.snapshot_holds("orders.bson", b"jane@example-mail.com"), "what was sold is in the snapshot");
    let folder = stand.stop();
    assert_eq!(living_in(folder.path()), Vec::<u32>::new());
}

#[test]
fn a_shop_reaches_nothing_of_another_with_what_is_in_its_environment() {
    let stand = Stand::start(27_200);
    let shops = [stand.create("oceanbreeze"), stand.create("bluepeak")];
    let logins: Vec<Login> = shops.iter().map(|shop| stand.login(shop)).collect();
    let (mut through, mut own) = (0, 0);
    for (mine, other) in [(0, 1), (1, 0)] {
        through += stand.attempts(&logins[mine], &logins[other].name);
        own += stand.attempts(&logins[mine], &logins[mine].name);
    }
    println!(
        "shops: {through} of {} attempts at another shop's database got through; control: {own} at their own",
        2 * stand::ATTEMPTS
    );
    assert_eq!(through, 0);
    assert!(own >= 2 * (stand::ATTEMPTS - 1), "reading, writing and listing one's own works");
    stand.stop();
}

#[test]
fn a_password_is_changed_while_visitors_buy_and_none_of_them_is_refused() {
    let stand = Stand::start(27_300);
    let shop = stand.create("oceanbreeze");
    let visitors = Visitors::begin(stand.router(), "oceanbreeze.storex.com");
    let mut logins = vec![stand.login(&shop)];
    for _ in 0..ROTATIONS {
        assert_eq!(stand.rotate(&shop)["state"], "succeeded");
        logins.push(stand.login(&shop));
    }
    let served = visitors.end();
    println!("shops: {} of {} requests failed over {ROTATIONS} rotations", served.failed, served.asked);
    assert_eq!((served.failed, served.first_failure.clone()), (0, None));
    assert!(served.asked > 50);
    let (last, former) = logins.split_last().unwrap();
    assert!(stand.opens(last));
    assert_eq!(former.iter().filter(|login| stand.opens(login)).count(), 0, "former passwords open nothing");
    let orders = stand.shop_get(&shop, "/api/orders").1["orders"].as_u64().unwrap();
    assert_eq!(orders, served.orders, "every order that was answered is there");
    // The control: a user that goes before the shop knows another one, and comes back.
    let visitors = Visitors::begin(stand.router(), "oceanbreeze.storex.com");
    stand.take_user_away_for_a_moment(last);
    let refused = visitors.end();
    println!("shops: control, a user taken away for a moment: {} of {} requests failed", refused.failed, refused.asked);
    assert!(refused.failed > 0);
    stand.stop();
}

#[test]
fn a_shop_that_does_not_take_the_new_password_keeps_the_former_one() {
    let stand = Stand::start_with(27_400, "tests/fixtures/store-core-deaf");
    let shop = stand.create("oceanbreeze");
    let before = stand.login(&shop);
    let view = stand.rotate(&shop);
    assert_eq!((&view["state"], &view["error"]["code"]), (&json!("rolled_back"), &json!("store_not_serving")), "{view:#}");
    let after = stand.login(&shop);
    assert_eq!((after.user.as_str(), after.password.expose()), (before.user.as_str(), before.password.expose()));
    assert!(stand.opens(&after));
    assert_eq!(stand.users(), 1);
    stand.stop();
}

#[test]
fn no_password_is_where_it_does_not_belong_and_planted_ones_are_found() {
    let stand = Stand::start(27_500);
    let shop = stand.create("oceanbreeze");
    let mut secrets = vec![Sought::text("former password", &stand.login(&shop).password).unwrap()];
    assert_eq!(stand.rotate(&shop)["state"], "succeeded");
    secrets.push(Sought::text("password", &stand.login(&shop).password).unwrap());
    let sinks = stand.sinks();
    let found = canary::hits(&secrets, &sinks);
    println!(
        "canary: {} hits of {} secrets in {} sinks, {} bytes",
        found.len(),
        secrets.len(),
        sinks.len(),
        canary::bytes(&sinks)
    );
    assert_eq!(found, []);
    let kinds = ["file", "environ", "argv", "answer"];
    assert!(kinds.iter().all(|kind| sinks.iter().any(|sink| sink.is(kind))), "every kind of sink is there");
    // The control: each spelling in each kind of sink.
    let planted = canary::planted(&secrets[0], &sinks, &kinds);
    let caught = planted.iter().filter(|sink| !canary::hits(&secrets, std::slice::from_ref(sink)).is_empty()).count();
    println!("canary: control: {caught} of {} planted found", planted.len());
    assert_eq!(caught, planted.len());
    stand.stop();
}
