//! What visitors get and what shops see.

use super::world::{Answer, Place, Shop, commit, free_address, send, table};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A router with one shop under `shop.storex.com` and `shop.example.com`.
async fn one_shop() -> (Place, Shop) {
    let (place, proxy) = Place::started().await;
    let shop = Shop::open("shop").await;
    commit(&proxy, &table(&[("shop.storex.com", shop.port), ("shop.example.com", shop.port), ("xn--bcher-kva.de", shop.port)]))
        .await;
    (place, shop)
}

/// The value of a header the shop saw; `None` when it saw none.
fn seen<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let lines = answer.body.lines().skip(2);
    lines.filter_map(|line| line.split_once(": ")).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Version and status of the answer, not waiting for its end.
async fn status_line(place: &Place, request: &str) -> String {
    let mut stream = TcpStream::connect(place.settings.listen).await.expect("the router");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.expect("an answer");
    String::from_utf8_lossy(&line).into_owned()
}

#[tokio::test]
async fn every_spelling_of_a_known_name_reaches_its_shop_and_anything_else_does_not() {
    let (place, _shop) = one_shop().await;
    let long = format!("{}.com", "a".repeat(300));
    let hosts = [
        ("shop.storex.com", 200),
        ("SHOP.StoreX.com", 200),
        ("shop.storex.com:80", 200),
        ("shop.storex.com.", 200),
        ("shop.storex.com.:443", 200),
        ("xn--bcher-kva.de", 200),
        ("XN--BCHER-KVA.de", 200),
        ("b\u{fc}cher.de", 421),
        ("other.storex.com", 421),
        ("a.shop.storex.com", 421),
        ("storex.com", 421),
        ("default", 421),
        ("127.0.0.1", 421),
        ("[::1]", 421),
        (&long, 421),
        ("", 400),
        ("a b", 400),
        ("x/evil", 400),
        ("x, y", 400),
    ];
    for (host, status) in hosts {
        assert_eq!(place.get(host, "/").await.status, status, "Host: {host:?}");
    }
    let get = |lines: &str| format!("GET / HTTP/1.1\r\n{lines}Connection: close\r\n\r\n");
    assert_eq!(place.send(&get("")).await.status, 400, "no Host");
    assert_eq!(place.send(&get("Host: shop.storex.com\r\nHost: other.storex.com\r\n")).await.status, 400, "two Hosts");
    assert_eq!(place.send("GET / HTTP/1.0\r\n\r\n").await.status, 421, "HTTP/1.0 without Host");
    let absolute =
        place.send("GET http://shop.storex.com/ HTTP/1.1\r\nHost: other.storex.com\r\nConnection: close\r\n\r\n").await;
    assert_eq!(
        (absolute.status, seen(&absolute, "Host")),
        (200, Some("shop.storex.com")),
        "the request line wins, also for the shop"
    );
}

#[tokio::test]
async fn the_shop_sees_the_visitor_as_the_tunnel_names_it_and_nothing_the_visitor_made_up() {
    let (place, _shop) = one_shop().await;
    let spoofed = "X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-Host: evil.com\r\nX-Forwarded-Port: 1\r\nTrue-Client-IP: 6.6.6.6\r\n";
    let tunnel = "CF-Connecting-IP: 203.0.113.9\r\nCF-Visitor: {\"scheme\":\"https\"}\r\nX-Forwarded-Proto: https\r\n";
    let answer =
        place.send(&format!("GET /a HTTP/1.1\r\nHost: Shop.storex.com:80\r\n{spoofed}{tunnel}Connection: close\r\n\r\n")).await;
    for (name, value) in [
        ("Host", Some("shop.storex.com")),
        ("X-Real-IP", Some("203.0.113.9")),
        ("X-Forwarded-For", Some("203.0.113.9")),
        ("CF-Connecting-IP", Some("203.0.113.9")),
        ("X-Forwarded-Host", Some("shop.storex.com")),
        ("X-Forwarded-Proto", Some("https")),
        ("X-Forwarded-Port", None),
        ("Forwarded", None),
        ("True-Client-IP", None),
    ] {
        assert_eq!(seen(&answer, name), value, "{name}: {}", answer.body);
    }
    assert!(!answer.body.contains("6.6.6.6") && !answer.body.contains("evil"), "{}", answer.body);
    let plain = place.get("shop.storex.com", "/").await;
    assert_eq!((seen(&plain, "X-Real-IP"), seen(&plain, "X-Forwarded-Proto")), (Some("127.0.0.1"), Some("http")));
}

#[tokio::test]
async fn the_scheme_is_what_the_tunnel_says_in_either_header() {
    let (place, _shop) = one_shop().await;
    for (headers, scheme) in [
        ("", "http"),
        ("X-Forwarded-Proto: https\r\n", "https"),
        ("X-Forwarded-Proto: javascript\r\n", "http"),
        ("CF-Visitor: {\"scheme\":\"https\"}\r\n", "https"),
        ("CF-Visitor: {\"scheme\":\"http\"}\r\nX-Forwarded-Proto: https\r\n", "http"),
        ("CF-Visitor: x\r\n", "http"),
    ] {
        let answer = place.send(&format!("GET / HTTP/1.1\r\nHost: shop.storex.com\r\n{headers}Connection: close\r\n\r\n")).await;
        assert_eq!(seen(&answer, "X-Forwarded-Proto"), Some(scheme), "{headers:?}");
    }
}

#[tokio::test]
async fn paths_pass_as_they_are() {
    let (place, _shop) = one_shop().await;
    for path in ["/", "/a%2Fb?x=%20&y='\"", "//a/../b", "/__storex/generation"] {
        let answer = place.get("shop.storex.com", path).await;
        assert_eq!(answer.body.lines().nth(1), Some(format!("GET {path} HTTP/1.1").as_str()), "{}", answer.body);
    }
    for path in ["/../x", "/%2e%2e/x", "/a%00b"] {
        assert_eq!(place.get("shop.storex.com", path).await.status, 400, "{path} leads above the root");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_one_below_it_passes() {
    let (place, _shop) = one_shop().await;
    let post = |length: u64| {
        format!("POST / HTTP/1.1\r\nHost: shop.storex.com\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
    };
    // The head alone: the refusal comes before the body, and nginx then waits a while for it.
    assert_eq!(status_line(&place, &post(26 * 1024 * 1024)).await, "HTTP/1.1 413");
    let small = post(100_000) + &"x".repeat(100_000);
    assert_eq!(place.send(&small).await.status, 200);
}

#[tokio::test]
async fn a_dead_shop_shows_as_502_and_the_server_does_not_tell_its_version() {
    let (place, proxy) = Place::started().await;
    let nobody = free_address().port().try_into().expect("a port");
    commit(&proxy, &table(&[("dead.storex.com", nobody)])).await;
    let answer = place.get("dead.storex.com", "/").await;
    assert_eq!(answer.status, 502);
    let unknown = place.get("unknown.storex.com", "/").await;
    assert_eq!((unknown.status, unknown.body.as_str()), (421, "no store has this host name\n"));
    for answer in [&answer, &unknown] {
        assert!(!answer.head.contains("nginx/") && !answer.body.contains("nginx/"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_websocket_passes_and_no_other_upgrade_does() {
    let (place, _shop) = one_shop().await;
    let mut stream = TcpStream::connect(place.settings.listen).await.expect("the router");
    stream
        .write_all(b"GET /ws HTTP/1.1\r\nHost: shop.storex.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        .await
        .expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("an answer"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream.write_all(b"ping").await.expect("sent");
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).await.expect("an echo");
    assert_eq!(&echo, b"ping");
    let lines = "Host: shop.storex.com\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n";
    let answer = status_line(&place, &format!("GET / HTTP/1.1\r\n{lines}")).await;
    assert_eq!(answer, "HTTP/1.1 200", "an ordinary answer: the shop was asked for no upgrade");
}

#[tokio::test]
async fn visitors_cannot_reach_the_probe_and_other_users_cannot_look_into_the_prefix() {
    let (place, _shop) = one_shop().await;
    for path in ["/", "/__storex/generation", "/generation"] {
        for host in ["shop.storex.com", "unknown.storex.com", "localhost", "probe"] {
            let answer =
                send(place.settings.listen, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
                    .await
                    .expect("an answer");
            assert!(!answer.head.to_ascii_lowercase().contains("generation") && answer.body.trim() != "1", "{answer:?}");
        }
    }
    for private in ["conf", "run", "logs"] {
        let mode = fs::metadata(place.prefix().join(private)).expect("a folder").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{private}");
    }
    assert!(place.prefix().join("run/probe.sock").exists());
    // A root master follows links below `tmp` when it gives the folders away: only their owner may replace them.
    let owner = |path: &str| fs::metadata(place.prefix().join(path)).map(|meta| meta.uid()).expect("a folder");
    assert_eq!(owner("tmp"), rustix::process::geteuid().as_raw());
    for folder in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let worker = place.settings.user.as_ref().map_or_else(|| owner("tmp"), |user| user.uid);
        assert_eq!(owner(&format!("tmp/{folder}")), worker, "{folder}");
    }
    assert_eq!(fs::metadata(place.prefix().join("tmp")).expect("a folder").permissions().mode() & 0o7777, 0o711);
}
