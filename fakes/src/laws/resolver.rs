//! Laws of [`Resolver`]. A law needs somebody who publishes records, so it judges a resolver together with a hand in the world it reads.

use super::{Law, Verdict, ensure, fresh};
use std::fmt::{self, Debug};
use std::sync::Arc;
use storex_core::{Lookup, Resolver, Result};

/// Publishes the records of this type at a name; none takes them away.
type Publish = dyn Fn(&str, Lookup, &[&str]) + Send + Sync;

/// A resolver and who publishes what it reads.
pub struct PublicDns {
    resolver: Arc<dyn Resolver>,
    publish: Box<Publish>,
}

impl PublicDns {
    /// A resolver of the world in which `publish` publishes.
    pub fn new(resolver: Arc<dyn Resolver>, publish: impl Fn(&str, Lookup, &[&str]) + Send + Sync + 'static) -> Self {
        Self { resolver, publish: Box::new(publish) }
    }

    /// The values in a fixed order.
    async fn lookup(&self, name: &str, kind: Lookup) -> Result<Vec<String>> {
        let mut found = self.resolver.lookup(name, kind).await?;
        found.sort();
        Ok(found)
    }
}

impl Debug for PublicDns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicDns").field("resolver", &self.resolver).finish_non_exhaustive()
    }
}

type Subject = Arc<PublicDns>;

macro_rules! law {
    ($id:literal, $sentence:literal, $judge:path) => {
        Law { id: $id, sentence: $sentence, judge: |dns| Box::pin($judge(dns)) }
    };
}

/// Every law of the trait.
pub fn laws() -> Vec<Law<PublicDns>> {
    vec![
        law!("RS-01", "a name without a record has an empty answer, which is no error", empty),
        law!("RS-02", "every text of a name is answered whole and without quotes", texts),
        law!("RS-03", "a name is the same in any case and with a final dot", spelling),
        law!("RS-04", "records of other types are not answered", types),
        law!("RS-05", "name servers are answered in lower case without a final dot", servers),
        law!("RS-06", "a record that was taken away is not answered any more", taken_away),
    ]
}

fn new_name() -> String {
    format!("_proof.{}-shop.com", fresh("law"))
}

async fn empty(dns: Subject) -> Verdict {
    for kind in [Lookup::Txt, Lookup::Ns] {
        let found = dns.lookup(&new_name(), kind).await?;
        ensure(found.is_empty(), || format!("found {found:?}"))?;
    }
    Ok(())
}

async fn texts(dns: Subject) -> Verdict {
    let (name, long) = (new_name(), "x".repeat(300));
    let wanted = ["say \"hi\" \\", "storex-domain-verification=0a1b", long.as_str()];
    (dns.publish)(&name, Lookup::Txt, &wanted);
    let found = dns.lookup(&name, Lookup::Txt).await?;
    ensure(found == wanted, || format!("found {found:?}"))
}

async fn spelling(dns: Subject) -> Verdict {
    let name = new_name();
    (dns.publish)(&name, Lookup::Txt, &["proof"]);
    for spelled in [name.clone(), name.to_uppercase(), format!("{name}.")] {
        let found = dns.lookup(&spelled, Lookup::Txt).await?;
        ensure(found == ["proof"], || format!("{spelled}: {found:?}"))?;
    }
    Ok(())
}

async fn types(dns: Subject) -> Verdict {
    let (text, server) = (new_name(), format!("{}-shop.com", fresh("law")));
    (dns.publish)(&text, Lookup::Txt, &["proof"]);
    (dns.publish)(&server, Lookup::Ns, &["ns1.elsewhere.net"]);
    let (servers, texts) = (dns.lookup(&text, Lookup::Ns).await?, dns.lookup(&server, Lookup::Txt).await?);
    ensure(servers.is_empty() && texts.is_empty(), || format!("servers {servers:?}, texts {texts:?}"))
}

async fn servers(dns: Subject) -> Verdict {
    let name = format!("{}-shop.com", fresh("law"));
    (dns.publish)(&name, Lookup::Ns, &["ADA.ns.Elsewhere.net.", "bob.ns.elsewhere.net"]);
    let found = dns.lookup(&name, Lookup::Ns).await?;
    ensure(found == ["ada.ns.elsewhere.net", "bob.ns.elsewhere.net"], || format!("found {found:?}"))
}

async fn taken_away(dns: Subject) -> Verdict {
    let name = new_name();
    (dns.publish)(&name, Lookup::Txt, &["proof"]);
    dns.lookup(&name, Lookup::Txt).await?;
    (dns.publish)(&name, Lookup::Txt, &[]);
    let found = dns.lookup(&name, Lookup::Txt).await?;
    ensure(found.is_empty(), || format!("found {found:?}"))
}
