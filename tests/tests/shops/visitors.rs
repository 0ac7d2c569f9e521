//! Visitors who look and buy all the time, and count what went wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use storex_tests::installation::exchange;

/// What visitors met.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) asked: u64,
    pub(crate) failed: u64,
    /// Orders that were answered with 201.
    pub(crate) orders: u64,
    pub(crate) first_failure: Option<String>,
}

/// Visitors at work.
#[derive(Debug)]
pub(crate) struct Visitors {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Served>>,
}

impl Visitors {
    /// Two who look and two who buy.
    pub(crate) fn begin(router: u16, host: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let visitor = |buys: bool| {
            let (stop, host) = (Arc::clone(&stop), host.to_owned());
            std::thread::spawn(move || visit(router, &host, buys, &stop))
        };
        let threads = [false, true, false, true].map(visitor).into_iter().collect();
        Self { stop, threads }
    }

    /// Sends them home.
    pub(crate) fn end(self) -> Served {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|thread| thread.join().unwrap()).fold(Served::default(), |all, one| Served {
            asked: all.asked + one.asked,
            failed: all.failed + one.failed,
            orders: all.orders + one.orders,
            first_failure: all.first_failure.or(one.first_failure),
        })
    }
}

fn visit(router: u16, host: &str, buys: bool, stop: &AtomicBool) -> Served {
    let order = r#"{"sku":"mug-01","quantity":1,"email":"jane@example-mail.com"}"#;
    let text = if buys {
        let length = order.len();
        format!(
            "POST /api/orders HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{order}"
        )
    } else {
        format!("GET /api/products HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    let mut served = Served::default();
    while !stop.load(Ordering::Relaxed) {
        served.asked += 1;
        match exchange(router, &text) {
            Ok((201, ..)) if buys => served.orders += 1,
            Ok((200, ..)) if !buys => {}
            other => {
                served.failed += 1;
                served.first_failure.get_or_insert_with(|| format!("{other:?}"));
            }
        }
    }
    served
}
