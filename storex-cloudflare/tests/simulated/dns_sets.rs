//! Whole sets of records over the simulator: export, import, scan.

use crate::setup::{Bench, TOKEN, apex_and_www, bench, bench_with, cx};
use jiff::{SignedDuration, Timestamp};
use storex_cloudflare::{CloudflareDns, Imported};
use storex_core::{Code, DomainObject, DomainProvider, RecordFacts, RecordType, ZoneFacts};
use storex_fakes::cloudflare::{Limits, OutsideRecord, Plan, Simulator};

const FILE: &str = "\
$TTL 1h
@       IN SOA ns.old.net. host.old.net. ( 1 2 3 4 5 )
@       IN NS  ns.old.net.
@       IN A   198.51.100.7
www     IN CNAME @
mail    IN A   198.51.100.8 ; the mail server cf_tags=cf-proxied:false
@       IN MX  10 mail
@       IN TXT \"v=spf1 mx \" \"-all\"
_sip._tcp IN SRV 10 5 5060 mail
@       IN CAA 0 issue \"letsencrypt.org\"
geo     IN LOC 51 30 12.748 N 0 7 39.611 W 0.00m
other.net. IN A 198.51.100.9
";

fn deadline() -> Timestamp {
    cx().deadline
}

async fn new_zone(bench: &Bench, name: &str) -> ZoneFacts {
    bench.domains.create_zone(&cx(), &name.parse().unwrap()).await.expect("a zone")
}

async fn shown(bench: &Bench, zone: &ZoneFacts) -> Vec<String> {
    let show = |record: RecordFacts| {
        format!("{} {} {} {} {:?}", record.record_type, record.name, record.content, record.ttl, record.comment)
    };
    let mut all: Vec<String> = bench.domains.list_records(&zone.id, None).await.unwrap().into_iter().map(show).collect();
    all.sort();
    all
}

async fn import(dns: &CloudflareDns, zone: &ZoneFacts, file: &str) -> Imported {
    dns.import(zone, file, deadline()).await.expect("an import")
}

#[tokio::test]
async fn a_customers_records_come_into_a_new_zone_and_what_does_not_is_said_with_its_line() {
    let bench = bench().await;
    let (dns, zone) = (bench.account.dns(), new_zone(&bench, "bluepeak-shop.com").await);
    let report = import(&dns, &zone, FILE).await;
    let lines: Vec<usize> = report.skipped.iter().map(|skipped| skipped.line).collect();
    assert_eq!((report.imported.len(), lines), (7, vec![2, 3, 11, 12]), "{report:#?}");
    assert!(report.skipped[3].reason.contains("not in the zone"), "{report:#?}");
    let records = [
        "A bluepeak-shop.com 198.51.100.7 3600 None",
        "A mail.bluepeak-shop.com 198.51.100.8 3600 Some(\"the mail server\")",
        "CAA bluepeak-shop.com 0 issue \"letsencrypt.org\" 3600 None",
        "CNAME www.bluepeak-shop.com bluepeak-shop.com 3600 None",
        "MX bluepeak-shop.com 10 mail.bluepeak-shop.com 3600 None",
        "SRV _sip._tcp.bluepeak-shop.com 10 5 5060 mail.bluepeak-shop.com 3600 None",
        "TXT bluepeak-shop.com v=spf1 mx -all 3600 None",
    ];
    assert_eq!(shown(&bench, &zone).await, records);
    let again = import(&dns, &zone, FILE).await;
    assert_eq!((again.imported.len(), again.skipped.len()), (0, 11), "nothing comes twice");
    assert_eq!(shown(&bench, &zone).await, records);
}

#[tokio::test]
async fn an_import_never_overwrites_and_what_it_brought_is_nobodys_but_the_customers() {
    let bench = bench().await;
    let (dns, zone) = (bench.account.dns(), new_zone(&bench, "bluepeak-shop.com").await);
    bench.domains.ensure_records(&cx(), &zone.id, &apex_and_www(&zone)).await.unwrap();
    let before = shown(&bench, &zone).await;
    let report = import(&dns, &zone, "@ A 198.51.100.7\nwww A 198.51.100.7\n@ MX 10 mail.old.net.\n").await;
    assert_eq!(report.imported.len(), 1);
    for skipped in &report.skipped {
        assert!(skipped.reason.contains("is there and stays; remove it first"), "{skipped:?}");
    }
    let after = shown(&bench, &zone).await;
    assert!(before.iter().all(|record| after.contains(record)), "{after:#?}");
    // The file of the zone names what storex made: another zone's import does not take it over.
    let file = dns.export(&zone.id).await.unwrap();
    let ours = bench.domains.list_records(&zone.id, Some("storex/1")).await.unwrap();
    let ids = ours.into_iter().map(|record| record.id).collect();
    bench.domains.remove(&cx(), &DomainObject::Records { zone: zone.id.clone(), ids }).await.unwrap();
    let report = import(&dns, &zone, &file).await;
    assert_eq!((report.imported.len(), report.skipped.len()), (0, 3));
    assert!(report.skipped.iter().filter(|skipped| skipped.reason.contains("storex made it")).count() == 2, "{report:#?}");
}

fn many(records: usize) -> String {
    (0..records).map(|number| format!("t{number} TXT text\n")).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn a_file_that_does_not_fit_is_refused_whole_with_numbers_and_a_larger_plan_takes_it() {
    let bench = bench_with(Simulator::builder().token(TOKEN).limits(Limits::default()), |client| client).await;
    let (dns, zone) = (bench.account.dns(), new_zone(&bench, "bluepeak-shop.com").await);
    let error = dns.import(&zone, &many(201), deadline()).await.expect_err("200 fit");
    assert_eq!(error.code(), Code::Quota);
    assert!(error.message().contains("201") && error.message().contains("200"), "{error}");
    assert_eq!(shown(&bench, &zone).await, Vec::<String>::new());
    bench.simulator.set_plan(zone.id.as_str(), Plan::Pro).unwrap();
    assert_eq!(import(&dns, &zone, &many(201)).await.imported.len(), 201);
}

#[tokio::test]
async fn a_file_that_is_none_is_refused_by_its_line_before_any_call() {
    let bench = bench().await;
    let (dns, zone) = (bench.account.dns(), new_zone(&bench, "bluepeak-shop.com").await);
    bench.simulator.clear_calls();
    let error = dns.import(&zone, "@ A 198.51.100.7\n@ TXT \"open\n", deadline()).await.expect_err("a quote");
    assert_eq!((error.code(), error.pointer_str()), (Code::InvalidField, Some("/file")));
    assert!(error.message().starts_with("line 2"), "{error}");
    assert_eq!(bench.simulator.counts().total, 0);
}

#[tokio::test]
async fn the_records_of_no_zone_cannot_be_exported() {
    let bench = bench().await;
    let gone = "0123456789abcdef0123456789abcdef".parse().unwrap();
    assert_eq!(bench.account.dns().export(&gone).await.expect_err("no zone").code(), Code::NotFound);
}

#[tokio::test]
async fn what_a_scan_found_waits_until_each_is_accepted_or_rejected() {
    let bench = bench().await;
    let (dns, zone) = (bench.account.dns(), new_zone(&bench, "bluepeak-shop.com").await);
    let outside = |kind: &str, content: &str| OutsideRecord { kind: kind.to_owned(), content: content.to_owned() };
    bench
        .simulator
        .set_outside_records(zone.name.as_str(), vec![outside("MX", "10 mail.old.net"), outside("TXT", "v=spf1 -all")])
        .unwrap();
    bench.simulator.set_outside_records("www.bluepeak-shop.com", vec![outside("A", "198.51.100.7")]).unwrap();
    dns.start_scan(&zone.id, deadline()).await.unwrap();
    assert_eq!(dns.scanned(&zone.id).await.unwrap(), [], "it takes its time");
    bench.simulator.advance(SignedDuration::from_hours(1)).unwrap();
    let found = dns.scanned(&zone.id).await.unwrap();
    assert_eq!(found.len(), 3, "{found:#?}");
    assert_eq!(shown(&bench, &zone).await, Vec::<String>::new(), "nothing is added by itself");

    let of = |kind: RecordType| found.iter().find(|record| record.record_type == kind.as_str()).unwrap().id.clone();
    let (mail, text) = (of(RecordType::Mx), of(RecordType::Txt));
    let added = dns.review(&zone.id, &[mail], std::slice::from_ref(&text), deadline()).await.unwrap();
    assert_eq!(added.len(), 1);
    assert_eq!(shown(&bench, &zone).await, ["MX bluepeak-shop.com 10 mail.old.net 1 None"]);
    let waiting = dns.scanned(&zone.id).await.unwrap();
    assert_eq!(waiting.iter().map(|record| record.record_type.as_str()).collect::<Vec<_>>(), ["A"]);
    let error = dns.review(&zone.id, &[text], &[], deadline()).await.expect_err("it was rejected");
    assert_eq!(error.code(), Code::NotFound);
}
