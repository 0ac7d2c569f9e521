//! Time, randomness, environment, processes and file writes live in one named module each. Clippy bans the calls by path;
//! this reads the sources, so that an `expect` of the lint in any other file is found too.

use super::source;
use super::tree::{self, TextFile};

const CALLS: [&str; 16] = [
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "new_v4",
    "now_v7",
    "env::var",
    "env::vars",
    "Command::new",
    "fs::write",
    "File::create",
    "OpenOptions::new",
    "OFlags::CREATE",
    "remove_dir_all",
    "process::exit",
    "getrandom::",
    "clippy::disallowed_methods",
];

/// A file, or a folder and the file beside it, that may make some of the calls, and why.
struct Owner {
    file: &'static str,
    calls: &'static [&'static str],
    why: &'static str,
}

const EXPECT: &str = "clippy::disallowed_methods";
const OWNERS: &[Owner] = &[
    Owner { file: "storex-core/src/clock.rs", calls: &["Timestamp::now", EXPECT], why: "the one clock" },
    Owner {
        file: "storex-core/src/entropy.rs",
        calls: &["getrandom::", "new_v4", "now_v7", EXPECT],
        why: "the one source of randomness",
    },
    Owner { file: "storex-agent/src/atomic.rs", calls: &["OFlags::CREATE"], why: "durable files: write, sync, rename" },
    Owner {
        file: "storex-agent/src/pm2/home.rs",
        calls: &["OFlags::CREATE"],
        why: "the daemon's log, opened for appending, and the lock of its folders",
    },
    Owner { file: "storex-redb/src/file.rs", calls: &["OpenOptions::new"], why: "the one database file" },
    Owner {
        file: "storex-mongo/src/databases/dump.rs",
        calls: &["OpenOptions::new"],
        why: "snapshots of store databases, for their owner only",
    },
    Owner {
        file: "storex-server/src/private_file.rs",
        calls: &["OpenOptions::new"],
        why: "tokens and keyrings, made once and never replaced",
    },
    Owner {
        file: "storex-server/src/notify.rs",
        calls: &["OpenOptions::new"],
        why: "the sink of messages, opened for appending",
    },
    Owner { file: "storex-server/src/up/data_dir.rs", calls: &["OpenOptions::new"], why: "the locks of a data directory" },
    Owner { file: "storex-agent/src/command.rs", calls: &["Command::new", EXPECT], why: "the one place that runs programs" },
    Owner { file: "storex-agent/src/files", calls: &["remove_dir_all", EXPECT], why: "the one place that removes trees" },
    Owner {
        file: "storex-server/src/settings/environment.rs",
        calls: &["env::var", "env::vars", EXPECT],
        why: "the one reader of the environment",
    },
    Owner {
        file: "fakes/src/memory/clock.rs",
        calls: &["Instant::now", EXPECT],
        why: "virtual time: tokio's clock, paused in tests",
    },
    Owner { file: "fakes/src/cloudflare/persist.rs", calls: &["OpenOptions::new"], why: "the simulator's state file" },
    Owner {
        file: "examples/outside-provider/src/journal.rs",
        calls: &["OpenOptions::new"],
        why: "the journal of a provider that is no part of storex",
    },
    Owner { file: "tests/src/process.rs", calls: &["Command::new", "env::var", EXPECT], why: "where tests start programs" },
];

impl Owner {
    fn covers(&self, path: &str) -> bool {
        path.strip_prefix(self.file).is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
    }
}

fn calls_in(file: &TextFile) -> Vec<&'static str> {
    let code = source::code_only(&source::without_tests(&file.text));
    CALLS.into_iter().filter(|call| code.contains(call)).collect()
}

fn strays(files: &[TextFile]) -> Vec<String> {
    files.iter().filter(|file| !file.is_test()).flat_map(strays_in).collect()
}

fn strays_in(file: &TextFile) -> Vec<String> {
    let allowed = |call: &&str| OWNERS.iter().any(|owner| owner.covers(&file.path) && owner.calls.contains(call));
    calls_in(file)
        .into_iter()
        .filter(|call| !allowed(call))
        .map(|call| format!("{}: {call} belongs to {}", file.path, home(call)))
        .collect()
}

fn home(call: &str) -> String {
    if call == EXPECT {
        return "a module of the table".to_owned();
    }
    let owners = OWNERS.iter().filter(|owner| owner.calls.contains(&call)).map(|owner| format!("{} ({})", owner.file, owner.why));
    let owners: Vec<String> = owners.collect();
    if owners.is_empty() { "nobody".to_owned() } else { owners.join(" or ") }
}

#[test]
fn ambient_calls_stay_in_their_named_modules() {
    assert_eq!(strays(&tree::rust_files()), Vec::<String>::new());
}

#[test]
fn every_owner_exists_and_makes_one_of_its_calls() {
    let files = tree::rust_files();
    let used = |owner: &Owner| {
        let mut its_files = files.iter().filter(|file| owner.covers(&file.path));
        its_files.any(|file| calls_in(file).iter().any(|call| *call != EXPECT && owner.calls.contains(call)))
    };
    let idle: Vec<&str> = OWNERS.iter().filter(|owner| !used(owner)).map(|owner| owner.file).collect();
    assert_eq!(idle, Vec::<&str>::new(), "these no longer need their place in the table");
}

#[test]
fn a_place_in_the_table_covers_its_folder_and_no_namesake() {
    let owner = Owner { file: "storex-agent/src/files", calls: &[], why: "" };
    assert!(owner.covers("storex-agent/src/files.rs") && owner.covers("storex-agent/src/files/tree.rs"));
    assert!(!owner.covers("storex-agent/src/files_other.rs") && !owner.covers("storex-agent/src/lib.rs"));
}

#[test]
fn each_ambient_call_is_found_outside_its_module_and_not_in_words_or_tests() {
    let file = |text: String| TextFile { path: "storex-core/src/engine.rs".to_owned(), text };
    for call in CALLS {
        let bad = file(format!("fn f() {{ let _ = std::{call}(); }}\n"));
        assert!(strays(&[bad]).iter().any(|finding| finding.contains(call)), "{call} was not found");
        let spoken = file(format!(
            "/// Unlike {call}.\nfn f() {{ log(\"{call}\"); }}\n#[cfg(test)]\nmod tests {{\n    fn t() {{ {call}(); }}\n}}\n"
        ));
        assert_eq!(strays(&[spoken]), Vec::<String>::new());
    }
}
