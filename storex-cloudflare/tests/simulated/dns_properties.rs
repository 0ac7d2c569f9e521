//! Properties of DNS over the twin in memory and over the simulator, each with a control that finds failures. Both figures are printed.

use crate::setup::{Bench, JumpingClock, TOKEN, bench_with};
use async_trait::async_trait;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::sync::Arc;
use storex_cloudflare::in_background;
use storex_core::{
    DomainCapabilities, DomainObject, DomainProvider, EffectCx, Epoch, Hostname, HostnameFacts, HostnameSpec, OriginStatus,
    RecordContent, RecordFacts, RecordSpec, RecordType, Result, ZoneFacts, ZoneId,
};
use storex_fakes::MemoryDomains;
use storex_fakes::cloudflare::Simulator;

/// Cases of each property over each subject.
const CASES: usize = 120;
const OURS: &str = "storex/1 i=0a1b2c3d s=12345 e=a.0f";
/// Others: another store, and another installation with a store of the same number.
const THEIRS: [&str; 2] = ["storex/1 i=0a1b2c3d s=54321 e=b.0f", "storex/1 i=ffffffff s=12345 e=c.0f"];

/// The records of a zone, each with its id and all that is known of it.
type Records = Box<dyn Fn(&ZoneId) -> Vec<(String, String)> + Send + Sync>;

/// What is held against the property.
struct Subject {
    name: &'static str,
    domains: Arc<dyn DomainProvider>,
    /// Every record of the zone, each with all that is known of it.
    records: Records,
}

/// The adapter with a clock that jumps over every pause.
async fn bench() -> Bench {
    bench_with(Simulator::builder().token(TOKEN), |client| client.clock(JumpingClock::new())).await
}

async fn subjects() -> (Vec<Subject>, Bench) {
    let memory = MemoryDomains::new("storex.com".parse().unwrap());
    let bench = bench().await;
    let (twin, simulator): (MemoryDomains, Simulator) = (memory.clone(), (*bench.simulator).clone());
    let of_twin = move |zone: &ZoneId| {
        let known = |record: RecordFacts| (record.id.to_string(), serde_json::to_string(&record).unwrap());
        twin.records(zone).into_iter().map(known).collect()
    };
    let of_simulator = move |zone: &ZoneId| {
        let state = simulator.state();
        let zone = state.zones.iter().find(|known| known.id == zone.as_str()).expect("the zone");
        zone.records.iter().map(|record| (record.id.clone(), serde_json::to_string(record).unwrap())).collect()
    };
    let subjects = vec![
        Subject { name: "memory", domains: Arc::new(memory), records: Box::new(of_twin) },
        Subject { name: "simulator", domains: Arc::new(bench.domains.clone()), records: Box::new(of_simulator) },
    ];
    (subjects, bench)
}

fn cx(mark: &str) -> EffectCx {
    EffectCx { mark: mark.parse().unwrap(), epoch: Epoch(1), deadline: Timestamp::constant(4_000_000_000, 0) }
}

/// A record as text, of a zone that is not known yet.
type Text = (RecordType, &'static str, &'static str, bool);

/// Few names and contents, so that they meet.
fn texts() -> impl Strategy<Value = Text> {
    let label = prop::sample::select(vec!["", "WWW.", "mail.", "*."]);
    let address = prop::sample::select(vec!["198.51.100.7", "198.51.100.8"]);
    let v6 = prop::sample::select(vec!["2001:DB8:0::7", "2001:db8::8"]);
    let target = prop::sample::select(vec!["Shops.Target.net.", "other.target.net"]);
    let text = prop::sample::select(vec!["v=spf1 -all", r#"say "hi" \ "#, "a;b"]);
    let mail = prop::sample::select(vec!["10 Mail.Target.net.", "20 mail.target.net", "10 mx.target.net"]);
    let service = prop::sample::select(vec!["10 5 5060 Sip.Target.net", "0 0 443 web.target.net"]);
    let authority = prop::sample::select(vec![r#"0 issue "letsencrypt.org""#, "128 issuewild ;"]);
    let at = move |kind, content: BoxedStrategy<&'static str>| {
        (label.clone(), content, any::<bool>()).prop_map(move |(label, content, proxied)| (kind, label, content, proxied))
    };
    prop_oneof![
        at(RecordType::A, address.boxed()),
        at(RecordType::Aaaa, v6.boxed()),
        at(RecordType::Cname, target.boxed()),
        at(RecordType::Txt, text.boxed()),
        at(RecordType::Mx, mail.boxed()),
        at(RecordType::Srv, service.boxed()),
        at(RecordType::Caa, authority.boxed()),
    ]
}

fn record((kind, label, content, proxied): Text, zone: &Hostname) -> RecordSpec {
    let label = if kind == RecordType::Srv { "_Sip._tcp." } else { label };
    let record = RecordSpec::parse(kind, &format!("{label}{zone}."), content).expect(content);
    record.with_proxy(proxied && kind.is_proxiable()).expect("of a type that can be")
}

/// One of our changes.
#[derive(Clone, Debug)]
enum Step {
    Ensure(Vec<Text>),
    /// Removes every so manyth of our records.
    Remove(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ensure = prop::collection::vec(texts(), 1..4).prop_map(Step::Ensure);
    prop::collection::vec(prop_oneof![3 => ensure, 1 => (1..3_usize).prop_map(Step::Remove)], 1..6)
}

async fn new_zone(domains: &dyn DomainProvider, number: usize) -> ZoneFacts {
    domains.create_zone(&cx(OURS), &format!("property-shop-{number}.com").parse().unwrap()).await.expect("a zone")
}

fn samples<T>(strategy: &impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..CASES).map(|_| strategy.new_tree(&mut runner).expect("a case").current()).collect()
}

/// Cases in which a foreign record is not what it was after the steps. Steps that are refused are part of it.
async fn foreign_changed(subject: &Subject, first: usize) -> usize {
    let cases = samples(&(prop::collection::vec((texts(), 0..2_usize), 1..5), steps()));
    let mut changed = 0;
    for (number, (foreign, steps)) in cases.into_iter().enumerate() {
        let domains = subject.domains.as_ref();
        let zone = new_zone(domains, first + number).await;
        for (text, owner) in foreign {
            // Two of theirs may exclude each other; then only one stands.
            let _ = domains.ensure_records(&cx(THEIRS[owner]), &zone.id, &[record(text, &zone.name)]).await;
        }
        let theirs = (subject.records)(&zone.id);
        for step in steps {
            match step {
                Step::Ensure(texts) => {
                    let records: Vec<RecordSpec> = texts.into_iter().map(|text| record(text, &zone.name)).collect();
                    let _ = domains.ensure_records(&cx(OURS), &zone.id, &records).await;
                }
                Step::Remove(nth) => {
                    let ours = domains.list_records(&zone.id, Some("storex/1 i=0a1b2c3d s=12345")).await.expect("a list");
                    let ids = ours.into_iter().step_by(nth).map(|record| record.id).collect();
                    domains.remove(&cx(OURS), &DomainObject::Records { zone: zone.id.clone(), ids }).await.expect("removed");
                }
            }
        }
        let now = (subject.records)(&zone.id);
        changed += usize::from(!theirs.iter().all(|record| now.contains(record)));
    }
    changed
}

/// Cases in which asking a second time changes something, and how many were applied at all.
async fn changed_again(subject: &Subject, first: usize) -> (usize, usize) {
    let cases = samples(&prop::collection::vec(texts(), 1..6));
    let (mut applied, mut changed) = (0, 0);
    for (number, texts) in cases.into_iter().enumerate() {
        let domains = subject.domains.as_ref();
        let zone = new_zone(domains, first + number).await;
        let records: Vec<RecordSpec> = texts.into_iter().map(|text| record(text, &zone.name)).collect();
        // What excludes itself is refused.
        let Ok(made) = domains.ensure_records(&cx(OURS), &zone.id, &records).await else { continue };
        applied += 1;
        let before = (subject.records)(&zone.id);
        let again = domains.ensure_records(&cx(OURS), &zone.id, &records).await;
        let same = again.is_ok_and(|again| again == made) && (subject.records)(&zone.id) == before;
        changed += usize::from(!same);
    }
    (applied, changed)
}

/// A provider with a flaw: before it ensures records, it clears away what this picks.
#[derive(Debug)]
struct Clears {
    inner: Arc<dyn DomainProvider>,
    picks: fn(&RecordSpec, &RecordFacts) -> bool,
}

#[async_trait]
impl DomainProvider for Clears {
    fn capabilities(&self) -> DomainCapabilities {
        self.inner.capabilities()
    }

    async fn find_zone(&self, name: &Hostname) -> Result<Option<ZoneFacts>> {
        self.inner.find_zone(name).await
    }

    async fn create_zone(&self, cx: &EffectCx, name: &Hostname) -> Result<ZoneFacts> {
        self.inner.create_zone(cx, name).await
    }

    async fn list_records(&self, zone: &ZoneId, comment_prefix: Option<&str>) -> Result<Vec<RecordFacts>> {
        self.inner.list_records(zone, comment_prefix).await
    }

    async fn ensure_records(&self, cx: &EffectCx, zone: &ZoneId, records: &[RecordSpec]) -> Result<Vec<RecordFacts>> {
        if cx.mark.to_string() == OURS {
            let picked = |found: &RecordFacts| records.iter().any(|record| (self.picks)(record, found));
            let all = self.inner.list_records(zone, None).await?;
            let ids: Vec<_> = all.into_iter().filter(picked).map(|record| record.id).collect();
            if !ids.is_empty() {
                self.inner.remove(cx, &DomainObject::Records { zone: zone.clone(), ids }).await?;
            }
        }
        self.inner.ensure_records(cx, zone, records).await
    }

    async fn find_hostname(&self, zone: &ZoneId, name: &Hostname) -> Result<Option<HostnameFacts>> {
        self.inner.find_hostname(zone, name).await
    }

    async fn list_hostnames(&self, zone: &ZoneId) -> Result<Option<Vec<HostnameFacts>>> {
        self.inner.list_hostnames(zone).await
    }

    async fn create_hostname(&self, cx: &EffectCx, zone: &ZoneId, spec: &HostnameSpec) -> Result<HostnameFacts> {
        self.inner.create_hostname(cx, zone, spec).await
    }

    async fn ensure_fallback_origin(&self, cx: &EffectCx, zone: &ZoneId, origin: &Hostname) -> Result<OriginStatus> {
        self.inner.ensure_fallback_origin(cx, zone, origin).await
    }

    async fn remove(&self, cx: &EffectCx, object: &DomainObject) -> Result<()> {
        self.inner.remove(cx, object).await
    }
}

/// The same subject with the flaw.
fn clearing(subject: Subject, picks: fn(&RecordSpec, &RecordFacts) -> bool) -> Subject {
    Subject { domains: Arc::new(Clears { inner: subject.domains, picks }), ..subject }
}

#[tokio::test]
async fn foreign_records_are_byte_identical_after_any_sequence_of_changes() {
    let (subjects, _bench) = subjects().await;
    for subject in subjects {
        let name = subject.name;
        let changed = foreign_changed(&subject, 0).await;
        let control = foreign_changed(&clearing(subject, RecordSpec::excludes), CASES).await;
        println!("{name}: foreign records changed in {changed} of {CASES} sequences; control, which clears the way: {control}");
        assert_eq!(changed, 0, "{name}");
        assert!(control > CASES / 20, "{name}: the harness does not notice what it is for");
    }
}

#[tokio::test]
async fn what_was_applied_leaves_an_empty_plan() {
    let (subjects, _bench) = subjects().await;
    for subject in subjects {
        let name = subject.name;
        let (applied, changed) = changed_again(&subject, 0).await;
        let (_, control) = changed_again(&clearing(subject, RecordSpec::is_at), CASES).await;
        println!("{name}: {changed} of {applied} applied sets changed again; control, which makes them anew: {control}");
        assert_eq!(changed, 0, "{name}");
        assert!(applied > CASES / 2 && control > CASES / 2, "{name}: {applied} applied, control {control}");
    }
}

/// The records of the zone as text that no import could choose: without ids and dates.
async fn held(bench: &Bench, zone: &ZoneFacts) -> Vec<String> {
    let shown = |record: RecordFacts| {
        let RecordFacts { record_type, name, content, proxied, ttl, comment, .. } = record;
        format!("{record_type} {name} {content} {proxied} {ttl} {comment:?}")
    };
    let mut held: Vec<String> =
        bench.domains.list_records(&zone.id, None).await.expect("a list").into_iter().map(shown).collect();
    held.sort();
    held
}

/// Cases in which exporting a zone, emptying it and importing the file does not bring back what was there.
async fn lost(bench: &Bench, first: usize, spoil: fn(String) -> String) -> (usize, usize) {
    let comment = prop::sample::select(vec!["", "by hand", "ticket 7; urgent", "cf_tags= is what it is"]);
    let cases = samples(&prop::collection::vec((texts(), comment, any::<bool>()), 1..8));
    let (dns, deadline) = (bench.account.dns(), cx(OURS).deadline);
    let (mut records, mut lost) = (0, 0);
    for (number, texts) in cases.into_iter().enumerate() {
        let zone = new_zone(&bench.domains, first + number).await;
        let line = |(text, comment, timed): (Text, &str, bool)| {
            let record = record(text, &zone.name);
            let content = match record.content() {
                RecordContent::Txt(text) => text.quoted(),
                RecordContent::Cname(name) => format!("{name}."),
                RecordContent::Mx { priority, exchange } => format!("{priority} {exchange}."),
                RecordContent::Srv { priority, weight, port, target } => format!("{priority} {weight} {port} {target}."),
                other => other.to_string(),
            };
            let ttl = if timed { "300" } else { "1" };
            let tags = if record.is_proxied() { "cf_tags=cf-proxied:true" } else { "cf_tags=cf-proxied:false" };
            format!("{}. {ttl} IN {} {content} ; {comment} {tags}\n", record.name(), record.record_type())
        };
        let file: String = texts.into_iter().map(line).collect();
        records += dns.import(&zone, &file, deadline).await.expect("an import").imported.len();
        let before = held(bench, &zone).await;
        let file = spoil(dns.export(&zone.id).await.expect("an export"));
        let ids = bench.domains.list_records(&zone.id, None).await.expect("a list").into_iter().map(|record| record.id).collect();
        bench.domains.remove(&cx(OURS), &DomainObject::Records { zone: zone.id.clone(), ids }).await.expect("an empty zone");
        dns.import(&zone, &file, deadline).await.expect("an import");
        lost += usize::from(held(bench, &zone).await != before);
    }
    (records, lost)
}

#[tokio::test]
async fn exporting_a_zone_and_importing_the_file_brings_everything_back() {
    let bench = bench().await;
    // In the background: reads without a deadline stand in line as long as it takes.
    let (records, changed) = in_background(lost(&bench, 0, |file| file)).await;
    let (_, control) = in_background(lost(&bench, CASES, |file| file.replace("cf-proxied:true", "cf-proxied:false"))).await;
    println!(
        "{changed} of {CASES} zones ({records} records) changed by export and import; control, a file with changed lines: {control}"
    );
    assert_eq!(changed, 0);
    assert!(records > CASES * 2 && control > CASES / 4, "{records} records, control {control}");
}
