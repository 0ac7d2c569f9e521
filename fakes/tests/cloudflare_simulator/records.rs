//! DNS records: what a change does, and how they are found.

use serde_json::{Value, json};
use storex_fakes::cloudflare::{Limits, Plan, Simulator};

use crate::client::{builder, call, get, post, records_of, simulator};

const TARGET: &str = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415.cfargotunnel.com";

#[tokio::test]
async fn a_record_is_answered_in_canonical_spelling() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    let sent = json!({"type": "cname", "name": "WWW", "content": "Target.Example.NET.", "proxied": true, "ttl": 300,
        "comment": "storex/1 i=0badcafe s=12345 e=7"});
    let made = post(&simulator, &records, sent).await;
    let shown = made.result();
    assert_eq!(shown["name"], "www.bluepeak-shop.com");
    assert_eq!((&shown["type"], &shown["content"]), (&json!("CNAME"), &json!("target.example.net")));
    assert_eq!((&shown["proxied"], &shown["proxiable"], &shown["ttl"]), (&json!(true), &json!(true), &json!(1)), "automatic");
    assert_eq!(shown["comment"], "storex/1 i=0badcafe s=12345 e=7");
    assert_eq!(shown["tags"], json!([]));
    assert_eq!(get(&simulator, &format!("{records}/{}", made.id())).await.result(), shown);
}

#[tokio::test]
async fn names_may_be_the_apex_a_wildcard_relative_or_full() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    for (name, full) in [
        ("@", "bluepeak-shop.com"),
        ("*", "*.bluepeak-shop.com"),
        ("shop.bluepeak-shop.com", "shop.bluepeak-shop.com"),
        ("shop.other.com", "shop.other.com.bluepeak-shop.com"),
    ] {
        let body = json!({"type": "CNAME", "name": name, "content": TARGET, "proxied": true});
        assert_eq!(post(&simulator, &records, body).await.result()["name"], full, "an apex CNAME is allowed too");
    }
}

#[tokio::test]
async fn every_supported_type_is_accepted() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    for (body, content) in [
        (json!({"type": "A", "name": "a", "content": "192.0.2.1"}), "192.0.2.1"),
        (json!({"type": "AAAA", "name": "a", "content": "2001:DB8::0:1"}), "2001:db8::1"),
        (json!({"type": "TXT", "name": "a", "content": "v=spf1 -all"}), "\"v=spf1 -all\""),
        (json!({"type": "MX", "name": "a", "content": "Mail.example.net.", "priority": 10}), "mail.example.net"),
        (json!({"type": "NS", "name": "sub", "content": "ns.example.net"}), "ns.example.net"),
        (json!({"type": "PTR", "name": "p", "content": "host.example.net"}), "host.example.net"),
        (
            json!({"type": "SRV", "name": "_sip._tcp", "data": {"priority": 1, "weight": 2, "port": 5060, "target": "Sip.example.net"}}),
            "1 2 5060 sip.example.net",
        ),
        (
            json!({"type": "CAA", "name": "@", "data": {"flags": 0, "tag": "issue", "value": "letsencrypt.org"}}),
            "0 issue \"letsencrypt.org\"",
        ),
    ] {
        let made = post(&simulator, &records, body.clone()).await;
        assert_eq!(made.result()["content"], content, "{body}");
        assert_eq!((&made.result()["ttl"], &made.result()["proxied"]), (&json!(1), &json!(false)), "the defaults");
    }
    assert_eq!(get(&simulator, &format!("{records}?type=MX")).await.result()[0]["priority"], 10);
}

#[tokio::test]
async fn patch_keeps_what_it_does_not_send_and_put_resets_it() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    let full = json!({"type": "CNAME", "name": "www", "content": "one.example.net", "proxied": true, "comment": "mine"});
    let made = post(&simulator, &records, full).await;
    let path = format!("{records}/{}", made.id());

    let patched = call(&simulator, "PATCH", &path, Some(json!({"content": "two.example.net"}))).await;
    let shown = patched.result();
    assert_eq!(
        (&shown["content"], &shown["proxied"], &shown["comment"]),
        (&json!("two.example.net"), &json!(true), &json!("mine"))
    );
    assert_eq!(shown["comment_modified_on"], made.result()["comment_modified_on"], "the comment was not touched");
    assert_eq!(shown["created_on"], made.result()["created_on"]);
    assert_ne!(shown["modified_on"], made.result()["modified_on"]);

    let sent = json!({"type": "CNAME", "name": "www", "content": "three.example.net"});
    let put = call(&simulator, "PUT", &path, Some(sent)).await;
    let shown = put.result();
    assert_eq!(
        (&shown["content"], &shown["proxied"], &shown["comment"]),
        (&json!("three.example.net"), &json!(false), &Value::Null)
    );
    assert_eq!(put.id(), made.id());

    let cleared = call(&simulator, "PATCH", &path, Some(json!({"comment": "again"}))).await;
    assert_eq!(cleared.result()["comment"], "again");
    let cleared = call(&simulator, "PATCH", &path, Some(json!({"comment": null}))).await;
    assert_eq!(cleared.result()["comment"], Value::Null);
}

#[tokio::test]
async fn a_record_may_be_written_over_with_what_it_already_holds() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    let body = json!({"type": "CNAME", "name": "www", "content": "one.example.net"});
    let path = format!("{records}/{}", post(&simulator, &records, body.clone()).await.id());
    call(&simulator, "PUT", &path, Some(body.clone())).await.result();
    call(&simulator, "PATCH", &path, Some(body)).await.result();
}

#[tokio::test]
async fn a_deleted_record_is_gone_and_deleting_it_again_says_so() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    let made = post(&simulator, &records, json!({"type": "A", "name": "a", "content": "192.0.2.1"})).await;
    let path = format!("{records}/{}", made.id());
    assert_eq!(call(&simulator, "DELETE", &path, None).await.result(), &json!({"id": made.id()}));
    for method in ["GET", "DELETE"] {
        assert_eq!(call(&simulator, method, &path, None).await.refusal(), (404, 81044));
    }
    for method in ["PUT", "PATCH"] {
        assert_eq!(call(&simulator, method, &path, Some(json!({"content": "192.0.2.2"}))).await.refusal(), (404, 81044));
    }
}

async fn furnished() -> (Simulator, String) {
    let mut limits = Limits::default();
    limits.plan = Plan::Pro;
    let simulator = builder().limits(limits).build().expect("built");
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    for body in [
        json!({"type": "CNAME", "name": "@", "content": TARGET, "proxied": true, "comment": "storex/1 i=aaaa s=1"}),
        json!({"type": "CNAME", "name": "www", "content": TARGET, "proxied": true, "comment": "STOREX/1 i=aaaa s=2"}),
        json!({"type": "A", "name": "mail", "content": "192.0.2.1", "ttl": 120, "comment": "by hand", "tags": ["team:ops"]}),
        json!({"type": "TXT", "name": "@", "content": "hello world"}),
    ] {
        post(&simulator, &records, body).await.result();
    }
    (simulator, records)
}

#[tokio::test]
async fn records_are_found_by_every_filter() {
    let (simulator, records) = furnished().await;
    let (apex, www, mail, txt) =
        ("CNAME bluepeak-shop.com", "CNAME www.bluepeak-shop.com", "A mail.bluepeak-shop.com", "TXT bluepeak-shop.com");
    for (query, found) in [
        ("", vec![apex, www, mail, txt]),
        ("type=cname", vec![apex, www]),
        ("name=bluepeak-shop.com", vec![apex, txt]),
        ("name.exact=WWW.bluepeak-shop.com.", vec![www]),
        ("name=www", vec![]),
        ("name.contains=mail", vec![mail]),
        ("name.startswith=w", vec![www]),
        ("name.endswith=.bluepeak-shop.com", vec![www, mail]),
        ("content=192.0.2.1", vec![mail]),
        ("content.contains=cfargotunnel", vec![apex, www]),
        ("content.startswith=192.", vec![mail]),
        ("comment=BY%20HAND", vec![mail]),
        ("comment.startswith=storex/1%20i=aaaa", vec![apex, www]),
        ("comment.startswith=storex/1%20i=aaaa%20s=1", vec![apex]),
        ("comment.startswith=i=aaaa", vec![]),
        ("comment.endswith=storex/1", vec![]),
        ("comment.contains=hand", vec![mail]),
        ("comment.endswith=s=2", vec![www]),
        ("comment.absent=", vec![txt]),
        ("comment.present=", vec![apex, www, mail]),
        ("proxied=true", vec![apex, www]),
        ("proxied=false&type=TXT", vec![txt]),
        ("tag=team:ops", vec![mail]),
        ("tag.present=team", vec![mail]),
        ("tag.absent=team&type=TXT", vec![txt]),
        ("type=A&type=TXT&match=any", vec![mail, txt]),
        ("type=CNAME&name=mail.bluepeak-shop.com", vec![]),
        ("order=type&direction=asc", vec![mail, apex, www, txt]),
        ("order=ttl&direction=desc&type=A", vec![mail]),
        ("order=name", vec![apex, txt, mail, www]),
    ] {
        let answer = get(&simulator, &format!("{records}?{query}")).await;
        let shown: Vec<String> =
            answer.column("type").iter().zip(answer.column("name")).map(|(kind, name)| format!("{kind} {name}")).collect();
        assert_eq!(shown, found, "{query}");
    }
}

#[tokio::test]
async fn the_unspecified_search_is_refused() {
    let (simulator, records) = furnished().await;
    for query in ["search=www", "search.anything=www"] {
        assert_eq!(get(&simulator, &format!("{records}?{query}")).await.refusal(), (400, 1004));
    }
}

#[tokio::test]
async fn record_pages_are_a_hundred_long_unless_wished_otherwise() {
    let simulator = simulator();
    let records = records_of(&simulator, "bluepeak-shop.com").await;
    for number in 0..130 {
        post(&simulator, &records, json!({"type": "A", "name": format!("h{number}"), "content": "192.0.2.1"})).await.result();
    }
    let first = get(&simulator, &records).await;
    assert_eq!(
        first.body["result_info"],
        json!({"page": 1, "per_page": 100, "count": 100, "total_count": 130, "total_pages": 2})
    );
    assert_eq!(get(&simulator, &format!("{records}?page=2")).await.column("name").len(), 30);
    assert_eq!(get(&simulator, &format!("{records}?per_page=1000")).await.column("name").len(), 130);
    assert_eq!(get(&simulator, &format!("{records}?per_page=1&page=130")).await.column("name"), ["h129.bluepeak-shop.com"]);
}
