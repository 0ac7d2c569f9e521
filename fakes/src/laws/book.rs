//! All laws of all traits, who sits them, and the page `docs/laws.md` made from both.

use super::{
    Law, database_admin, domain_provider, edge_insight, edge_policies, process_supervisor, proxy_writer, resolver, store_archive,
    store_files, store_host, store_repo, tunnel_routes,
};
use std::fmt::Write;

/// An implementation and the test in which it sits a trait's laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sitting {
    /// What is judged, in words.
    pub implementation: &'static str,
    /// File of the test, from the root of the repository.
    pub test: &'static str,
}

/// The laws of one trait.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// Name of the trait in `storex-core`.
    pub trait_name: &'static str,
    /// Module of this crate below [`laws`](crate::laws).
    pub module: &'static str,
    /// Number and sentence of each law, in order.
    pub laws: Vec<(&'static str, &'static str)>,
    /// Who sits them.
    pub sittings: &'static [Sitting],
    /// File with the broken twins, from the root of the repository.
    pub twins: &'static str,
}

const fn sat(implementation: &'static str, test: &'static str) -> Sitting {
    Sitting { implementation, test }
}

const REPO: &[Sitting] = &[
    sat("in memory (`MemoryStores`)", "fakes/tests/laws/repo.rs"),
    sat("one embedded file (`RedbStores`)", "storex-redb/tests/laws.rs"),
    sat("a real MongoDB server (`MongoStores`)", "tests/tests/mongo/laws.rs"),
    sat("a provider outside the workspace (`JournalStores`)", "examples/outside-provider/tests/laws.rs"),
];
const ARCHIVES: &[Sitting] = &[
    sat("in memory (`MemoryStores`)", "fakes/tests/laws/archive.rs"),
    sat("one embedded file (`RedbStores`)", "storex-redb/tests/laws.rs"),
    sat("a real MongoDB server (`MongoStores`)", "tests/tests/mongo/laws.rs"),
];
const DATABASES: &[Sitting] = &[
    sat("in memory (`MemoryDatabases`)", "fakes/tests/laws/databases.rs"),
    sat("real MongoDB servers with access control (`MongoDatabases`)", "tests/tests/mongo/databases.rs"),
];
const DOMAINS: &[Sitting] = &[
    sat("in memory (`MemoryDomains`)", "fakes/tests/laws/domains.rs"),
    sat("the Cloudflare adapter against the simulator over HTTP", "storex-cloudflare/tests/simulated/laws.rs"),
];
const TUNNELS: &[Sitting] = &[
    sat("in memory (`MemoryTunnels`)", "fakes/tests/laws/domains.rs"),
    sat("the Cloudflare adapter against the simulator over HTTP", "storex-cloudflare/tests/simulated/laws.rs"),
];
const EDGE: &[Sitting] = &[
    sat("in memory (`MemoryEdge`)", "fakes/tests/laws/edge.rs"),
    sat("the Cloudflare adapter against the simulator over HTTP", "storex-cloudflare/tests/simulated/laws.rs"),
];
const INSIGHT: &[Sitting] = &[
    sat("in memory (`MemoryInsight`)", "fakes/tests/laws/insight.rs"),
    sat("the Cloudflare adapter against the simulator over HTTP", "storex-cloudflare/tests/simulated/laws.rs"),
];
const RESOLVERS: &[Sitting] = &[
    sat("in memory (`MemoryResolver`)", "fakes/tests/laws/dns.rs"),
    sat("Cloudflare's resolver in its JSON form, as the simulator answers", "storex-cloudflare/tests/simulated/laws.rs"),
];
const HOSTS: &[Sitting] = &[
    sat("in memory (`MemoryHost`)", "fakes/tests/laws/host.rs"),
    sat("the agent over twins, and its client over HTTP", "storex-agent/tests/laws_host.rs"),
    sat("`storex serve agent` with real PM2, Nginx and files, over HTTP", "tests/tests/host.rs"),
];
const PROCESSES: &[Sitting] = &[
    sat("in memory (`MemoryProcesses`)", "fakes/tests/laws/processes.rs"),
    sat("real PM2 over its socket (`Pm2Processes`)", "tests/tests/pm2.rs"),
];
const PROXIES: &[Sitting] = &[
    sat("in memory (`MemoryProxy`)", "fakes/tests/laws/proxy_files.rs"),
    sat("real Nginx (`NginxProxy`)", "tests/tests/nginx/commits.rs"),
];
const FILES: &[Sitting] = &[
    sat("in memory (`MemoryFiles`)", "fakes/tests/laws/proxy_files.rs"),
    sat("files on disk (`UnixFiles`)", "storex-agent/tests/files.rs"),
];

/// Every trait that has laws.
pub fn book() -> Vec<Chapter> {
    vec![
        chapter("StoreRepo", "store_repo", &store_repo::laws(), REPO, "fakes/tests/laws/repo/twins.rs"),
        chapter("StoreArchive", "store_archive", &store_archive::laws(), ARCHIVES, "fakes/tests/laws/archive/twins.rs"),
        chapter(
            "DatabaseAdmin",
            "database_admin",
            &database_admin::laws(),
            DATABASES,
            "fakes/tests/laws/databases/flawed_databases.rs",
        ),
        chapter(
            "DomainProvider",
            "domain_provider",
            &domain_provider::laws(),
            DOMAINS,
            "fakes/tests/laws/domains/flawed_domains.rs",
        ),
        chapter("TunnelRoutes", "tunnel_routes", &tunnel_routes::laws(), TUNNELS, "fakes/tests/laws/domains/flawed_tunnels.rs")
            .and(tunnel_routes::SERVED),
        chapter("EdgePolicies", "edge_policies", &edge_policies::laws(), EDGE, "fakes/tests/laws/edge/flawed_edge.rs"),
        chapter("EdgeInsight", "edge_insight", &edge_insight::laws(), INSIGHT, "fakes/tests/laws/insight/flawed_insight.rs"),
        chapter("Resolver", "resolver", &resolver::laws(), RESOLVERS, "fakes/tests/laws/dns.rs"),
        chapter("StoreHost", "store_host", store_host::LAWS, HOSTS, "fakes/tests/laws/host.rs").and(store_host::DRIFT),
        chapter(
            "ProcessSupervisor",
            "process_supervisor",
            &process_supervisor::laws(),
            PROCESSES,
            "fakes/tests/laws/processes.rs",
        ),
        chapter("ProxyWriter", "proxy_writer", &proxy_writer::laws(), PROXIES, "fakes/tests/laws/proxy_files/broken_proxy.rs"),
        chapter("StoreFiles", "store_files", &store_files::laws(), FILES, "fakes/tests/laws/proxy_files/broken_files.rs"),
    ]
}

fn chapter<T: ?Sized>(
    trait_name: &'static str,
    module: &'static str,
    laws: &[Law<T>],
    sittings: &'static [Sitting],
    twins: &'static str,
) -> Chapter {
    let mut laws: Vec<_> = laws.iter().map(|law| (law.id, law.sentence)).collect();
    laws.sort_unstable();
    Chapter { trait_name, module, laws, sittings, twins }
}

impl Chapter {
    /// The same with more laws of the trait, whose subjects are others.
    fn and<T: ?Sized>(mut self, laws: &[Law<T>]) -> Self {
        self.laws.extend(laws.iter().map(|law| (law.id, law.sentence)));
        self.laws.sort_unstable();
        self
    }
}

const OPENING: &str = "\
# Laws

What storex relies on in each of its traits, as numbered functions in `fakes/src/laws/`. Every implementation sits the laws of its trait, and every law
is failed by at least one twin that is broken on purpose; `cargo test -p storex-fakes --test laws -- --nocapture` prints how many, and that none is
left over.

This page is made from the laws by `STOREX_WRITE_LAWS=1 cargo test -p storex-fakes --test laws page`.

## How to sit them

A provider of your own, in a package of its own, depends on `storex-core` for the trait and on `storex-fakes` for the laws:

```rust,ignore
let subject: Arc<dyn StoreRepo> = Arc::new(MyStores::open(path)?);
assert_eq!(storex_fakes::laws::broken_laws(&store_repo::laws(), &subject).await, []);
```

`broken_laws` runs them one after another and answers the number of each broken law with what was seen instead. Laws choose fresh names, so one subject
sits them all; it starts empty. What a law needs beyond the trait (a process needs a program) stands in the module of the trait's laws.
`examples/outside-provider` is a whole such package: no member of this workspace, with its own lock file.
";

/// The page `docs/laws.md`.
pub fn page() -> String {
    let mut page = OPENING.to_owned();
    for chapter in book() {
        // Writing to a string cannot fail.
        let _ = write_chapter(&mut page, &chapter);
    }
    page
}

fn write_chapter(page: &mut String, chapter: &Chapter) -> std::fmt::Result {
    let Chapter { trait_name, module, laws, sittings, twins } = chapter;
    writeln!(page, "\n## {trait_name}: {} laws\n", laws.len())?;
    writeln!(page, "Laws: `fakes/src/laws/{module}.rs`. Broken twins: `{twins}`.\n\n| who sits them | where |\n|---|---|")?;
    for Sitting { implementation, test } in *sittings {
        writeln!(page, "| {implementation} | `{test}` |")?;
    }
    writeln!(page, "\n| law | promise |\n|---|---|")?;
    for (id, sentence) in laws {
        writeln!(page, "| {id} | {sentence} |")?;
    }
    Ok(())
}
