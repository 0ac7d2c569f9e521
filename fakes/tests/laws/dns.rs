//! The laws of the public DNS, sat by the twin and by broken twins.

use crate::tally::{Tally, on_a_runtime};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use storex_core::{Code, Error, Lookup, Resolver, Result};
use storex_fakes::laws::broken_laws;
use storex_fakes::laws::resolver::{self, PublicDns};
use storex_fakes::{FaultScript, Faulty, MemoryResolver};

/// What is wrong with the twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    EmptyIsAnError,
    CutsTexts,
    KeepsQuotes,
    MindsCase,
    MixesTypes,
    RawServers,
    Remembers,
}

const FLAWS: [Flaw; 7] = [
    Flaw::EmptyIsAnError,
    Flaw::CutsTexts,
    Flaw::KeepsQuotes,
    Flaw::MindsCase,
    Flaw::MixesTypes,
    Flaw::RawServers,
    Flaw::Remembers,
];

#[derive(Debug)]
struct FlawedResolver {
    flaw: Flaw,
    inner: MemoryResolver,
    seen: Mutex<BTreeMap<String, Vec<String>>>,
}

#[async_trait]
impl Resolver for FlawedResolver {
    async fn lookup(&self, name: &str, kind: Lookup) -> Result<Vec<String>> {
        let found = self.inner.lookup(name, kind).await?;
        Ok(match self.flaw {
            Flaw::EmptyIsAnError if found.is_empty() => return Err(Error::new(Code::NotFound, "no such name")),
            Flaw::CutsTexts => found.into_iter().map(|text| text.chars().take(255).collect()).collect(),
            Flaw::KeepsQuotes => found.into_iter().map(|text| format!("\"{text}\"")).collect(),
            Flaw::MindsCase if name != name.to_lowercase() => Vec::new(),
            Flaw::MixesTypes if found.is_empty() => {
                let other = if kind == Lookup::Txt { Lookup::Ns } else { Lookup::Txt };
                self.inner.lookup(name, other).await?
            }
            Flaw::RawServers if kind == Lookup::Ns => found.into_iter().map(|server| format!("{server}.")).collect(),
            Flaw::Remembers if found.is_empty() => self.seen.lock().unwrap().get(name).cloned().unwrap_or_default(),
            Flaw::Remembers => {
                self.seen.lock().unwrap().insert(name.to_owned(), found.clone());
                found
            }
            _ => found,
        })
    }
}

fn published(world: &MemoryResolver, resolver: Arc<dyn Resolver>) -> Arc<PublicDns> {
    let world = world.clone();
    Arc::new(PublicDns::new(resolver, move |name, kind, values| world.set(name, kind, values)))
}

/// What the flawed twins did; computed once.
pub(crate) fn tally() -> &'static Tally {
    static TALLY: OnceLock<Tally> = OnceLock::new();
    let flawed = |flaw: Flaw| {
        let inner = MemoryResolver::new();
        let twin = FlawedResolver { flaw, inner: inner.clone(), seen: Mutex::default() };
        (flaw, published(&inner, Arc::new(twin)))
    };
    TALLY.get_or_init(|| {
        on_a_runtime(false, async { Tally::count("Resolver", resolver::laws(), FLAWS.map(flawed).into_iter().collect()).await })
    })
}

#[tokio::test]
async fn the_twin_of_the_public_dns_obeys_every_law() {
    let world = MemoryResolver::new();
    assert_eq!(broken_laws(&resolver::laws(), &published(&world, Arc::new(world.clone()))).await, []);
    let faulty: Arc<dyn Resolver> = Arc::new(world.clone());
    let script = FaultScript::new();
    let subject = published(&world, Arc::new(Faulty::new(faulty, script.clone())));
    assert_eq!(broken_laws(&resolver::laws(), &subject).await, []);
    assert!(script.count("dns.lookup") > 5, "the wrapper was in the way of the calls");
}

#[test]
fn every_law_of_the_public_dns_is_broken_by_a_flawed_twin() {
    tally().assert_whole();
}
