//! Which ingress rule takes a request, at 1,000 rules, beside a linear scan of as many strings in the same run.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench program: it measures wall time, prints figures and may stop at once"
)]

use serde_json::json;
use std::hint::black_box;
use std::time::Instant;
use storex_cloudflare::ingress::Ingress;

const RULES: usize = 1_000;
const BATCHES: usize = 31;
const REQUESTS: usize = 2_000;

/// Microseconds each, the median of the batches.
fn each(mut request: impl FnMut(usize)) -> f64 {
    let mut times = Vec::with_capacity(BATCHES);
    for _ in 0..BATCHES {
        let begun = Instant::now();
        (0..REQUESTS).for_each(&mut request);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times[BATCHES / 2].as_secs_f64() * 1e6 / REQUESTS as f64
}

fn row(name: &str, figure: f64, floor: f64) {
    println!(
        "{name:<46} {:>14} {:>34} {:>8} {:>10}",
        format!("{figure:.2}µs"),
        format!("{floor:.2}µs, {RULES} strings compared"),
        format!("{:.2}", figure / floor),
        "≤ 10µs"
    );
}

fn main() {
    // Nine in ten are exact names, every second one with a path in front of one without; the others are wildcards.
    let mut rules = Vec::with_capacity(RULES);
    let mut hosts = Vec::with_capacity(RULES);
    while rules.len() < RULES - 1 {
        let number = rules.len();
        let (hostname, host) = match number % 10 {
            9 => (format!("*.shop-{number}.com"), format!("a.b.shop-{number}.com")),
            _ => (format!("shop-{}.com", number - number % 2), format!("shop-{}.com", number - number % 2)),
        };
        let path = if number % 2 == 0 && number % 10 != 9 { "^/api/[a-z]+$" } else { "" };
        rules.push(json!({ "hostname": hostname, "path": path, "service": format!("http://127.0.0.1:{}", 4001 + number) }));
        hosts.push(host);
    }
    rules.push(json!({ "service": "http_status:404" }));
    let ingress = Ingress::parse(&json!({ "ingress": rules })).unwrap();
    assert_eq!(ingress.rules().len(), RULES);
    let names: Vec<String> = ingress.rules().iter().map(|rule| rule.hostname().to_owned()).collect();
    let unknown = "nobody.knows.this-name.com";
    let floor = each(|_| {
        black_box(names.iter().position(|name| name == black_box(unknown)));
    });
    // Strides over all rules, so that no request profits from the one before.
    let known = each(|request| {
        black_box(ingress.rule_for(black_box(&hosts[request * 389 % hosts.len()]), "/products/1"));
    });
    let none = each(|_| {
        black_box(ingress.rule_for(black_box(unknown), "/products/1"));
    });
    row("ingress rule of a known host, 1,000 rules", known, floor);
    row("ingress rule of an unknown host, 1,000 rules", none, floor);
}
