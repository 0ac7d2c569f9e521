//! A canary: every secret of an installation of real processes on a real MongoDB is looked for in all that these write, answer, log, list and show, and found
//! only where it is kept.

use super::history::{History, environment};
use super::leaks::{Leak, Leaks};
use super::site::{KINDS, Site};
use super::world::MACHINE;
use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use storex_agent::atomic;
use storex_core::Secret;
use storex_tests::canary::{Sink, Sought, bytes, hits};

const FORMER: &str = "former password of the store";
const PASSWORD: &str = "password of the store";
const LOST: &str = "password of the store that is gone";
const SERVER: &str = "password of the database server";
const CLOUDFLARE: &str = "token of the Cloudflare account";
const ADMIN: &str = "token of the REST API";
const AGENT: &str = "token of the agent";
const SIMULATOR: &str = "token of the simulator";
const KEY: &str = "key of the keyring";

/// All of them.
fn secrets(site: &Site, history: &History) -> Vec<Sought> {
    let text = |name: &str, secret: &Secret<String>| Sought::text(name, secret).unwrap();
    let digits = |file: &str| Secret::new(site.token(file).strip_prefix("stx_").unwrap().to_owned());
    let key = site.token("keyring").rsplit(' ').next().map(str::to_owned).map(Secret::new).unwrap();
    let ([former, password, lost], [server, cloudflare]) = (&history.passwords, &site.given);
    vec![
        text(FORMER, former),
        text(PASSWORD, password),
        text(LOST, lost),
        text(SERVER, server),
        text(CLOUDFLARE, cloudflare),
        text(ADMIN, &digits("admin.token")),
        text(AGENT, &digits("agent.token")),
        text(SIMULATOR, &digits("simulator.token")),
        Sought::digits(KEY, &key).unwrap(),
    ]
}

/// The files that hold secrets by intent, and which.
fn intended(store: &str) -> Vec<(PathBuf, &'static str)> {
    vec![
        ("secrets/state.uri".into(), SERVER),
        ("secrets/databases.uri".into(), SERVER),
        ("secrets/refused.uri".into(), SERVER),
        ("secrets/cloudflare.token".into(), CLOUDFLARE),
        ("data/admin.token".into(), ADMIN),
        ("data/agent.token".into(), AGENT),
        ("data/simulator.token".into(), SIMULATOR),
        ("data/keyring".into(), KEY),
        (environment(store), PASSWORD),
        (format!("data/host/ledger/{store}.json").into(), PASSWORD),
    ]
}

/// Those of these files that others can use, or that hold another secret than theirs, or not theirs.
fn strange(folder: &Path, intended: &[(PathBuf, &str)], secrets: &[Sought]) -> Vec<String> {
    let mut strange = Vec::new();
    for (name, wanted) in intended {
        let path = folder.join(name);
        let mode = std::fs::metadata(&path).unwrap().mode() & 0o7777;
        if mode & 0o077 != 0 {
            strange.push(format!("{} has mode {mode:04o}", name.display()));
        }
        let file = Sink::new("file", name.display(), std::fs::read(&path).unwrap());
        let held: BTreeSet<String> = hits(secrets, &[file]).into_iter().map(|hit| hit.secret).collect();
        if held != BTreeSet::from([(*wanted).to_owned()]) {
            strange.push(format!("{} holds {held:?}", name.display()));
        }
    }
    strange
}

/// Leaks of every kind, each of another secret; [`PASSWORD`] and [`CLOUDFLARE`] are left where they are.
fn planted(site: &Site, secrets: &[Sought]) -> Leaks {
    let named = |name: &str| secrets.iter().find(|secret| secret.name() == name).unwrap();
    let mut leaks = Leaks::default();
    leaks.answer(site, named(FORMER));
    leaks.document(site, named(LOST));
    leaks.log(site, named(SERVER));
    leaks.arguments(site, named(ADMIN));
    leaks.listed(site, named(AGENT));
    leaks.variables(site, named(SIMULATOR));
    leaks.file(site, named(KEY));
    leaks
}

#[test]
fn no_secret_of_an_installation_is_where_it_is_not_kept_and_planted_ones_are_found() {
    let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    let site = Site::start();
    let history = History::of(&site);
    let (secrets, intended) = (secrets(&site, &history), intended(&history.store));
    let folder = site.world.dir.path();
    let kept: BTreeSet<PathBuf> = intended.iter().map(|(name, _)| folder.join(name)).collect();

    history.is_looked_at(&site);
    let sinks = site.sinks(&kept);
    let found = hits(&secrets, &sinks);
    let [of_roles, of_others] = site.own_variables();
    println!(
        "secrets: {} hits of {} secrets in {} spellings, in {} sinks of {} kinds, {} bytes; {} files keep one each",
        found.len(),
        secrets.len(),
        secrets.iter().map(|secret| secret.spellings().len()).sum::<usize>(),
        sinks.len(),
        KINDS.len(),
        bytes(&sinks),
        kept.len()
    );
    for kind in KINDS {
        let of_kind: Vec<&Sink> = sinks.iter().filter(|sink| sink.is(kind)).collect();
        let bytes: usize = of_kind.iter().map(|sink| sink.bytes.len()).sum();
        println!("secrets: {kind}: {} sinks, {bytes} bytes", of_kind.len());
        assert!(bytes > 0, "every kind of sink is there");
    }
    assert_eq!(found, []);
    assert_eq!(strange(folder, &intended, &secrets), Vec::<String>::new());
    assert!(of_roles.contains("STOREX_MONGODB_URI_FILE"), "the control: {of_roles:?}");
    assert_eq!(of_others, BTreeSet::new(), "variables of storex at the programs it starts");
    is_whole(&sinks, &history.store);

    let leaks = planted(&site, &secrets);
    history.is_looked_at(&site);
    let seen = hits(&secrets, &site.sinks(&kept));
    let missed: Vec<String> = leaks.all.iter().filter(|leak| !leak.is_among(&seen)).map(Leak::told).collect();
    // What is kept where it may be, but not as it may be: a file that others can read, and one that holds another secret too.
    let others = folder.join("secrets/databases.uri");
    std::fs::set_permissions(&others, std::fs::Permissions::from_mode(0o640)).unwrap();
    let mixed = std::fs::read(folder.join("secrets/cloudflare.token")).unwrap();
    let mixed = [&*mixed, site.world.token.as_bytes()].concat();
    atomic::write(&folder.join("secrets/cloudflare.token"), &mixed, 0o600, None).unwrap();
    let strange = strange(folder, &intended, &secrets);
    let all = leaks.all.len() + 2;
    println!("secrets: control: {} of {all} planted found", leaks.all.len() - missed.len() + strange.len());
    assert_eq!(missed, Vec::<String>::new());
    assert_eq!(strange.len(), 2, "{strange:?}");
    let untouched = seen.iter().filter(|hit| hit.secret == PASSWORD || hit.secret == CLOUDFLARE);
    assert_eq!(untouched.count(), 0, "what was not planted is not found");
}

/// What must be among the sinks: each part that could have written a secret has written something.
fn is_whole(sinks: &[Sink], store: &str) {
    let holds = |name: &str, text: &str| {
        let of_name = |sink: &&Sink| sink.name.contains(name) && !sink.bytes.is_empty();
        sinks.iter().filter(of_name).any(|sink| String::from_utf8_lossy(&sink.bytes).contains(text))
    };
    for (name, text) in [
        ("log log", "TRACE"),
        ("log log", "storex_core"),
        ("file data/host/pm2/pm2.log", store),
        ("file data/host/log/", "GET \"/api/products\""),
        ("file data/simulator.json", "canary-one-shop.com"),
        ("file data/snapshots/", ""),
        ("file data/host/nginx/conf/routes.conf", "canary-one"),
        ("collection canary_state.stores", store),
        ("collection canary_state.operations", store),
        ("collection store_canary-one.products", ""),
        ("collection admin.system.users", "canary"),
        ("oplog local.oplog.rs", store),
        ("pm2 jlist", store),
        ("dump data/host/pm2/dump.pm2", store),
        ("argv of", "--controller-port"),
        ("argv of", "God Daemon"),
        ("argv of", "nginx: worker"),
        ("environ of", "PM2_HOME"),
        ("answer of the controller to POST /api/reconcile", "operations"),
        ("answer of the controller to PUT", "method_not_allowed"),
        ("command store get", store),
        ("command db check", "change notices"),
    ] {
        assert!(holds(name, text), "{text:?} is in {name}");
    }
}
