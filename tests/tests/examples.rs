//! Every program of `examples/` runs to its end, offline and within a minute, and says what it promises to.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use storex_fakes::laws::{domain_provider, process_supervisor};
use storex_tests::process;

/// Each takes a second or two; a machine that builds beside it is slower.
const LIMIT: Duration = Duration::from_mins(2);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Where the programs are, built as they stand now. The command is of the family CI uses, so that it builds nothing there.
fn programs() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let target_dir = target.to_str().unwrap();
        let build = ["build", "--workspace", "--examples", "--locked", "--offline", "--target-dir", target_dir];
        let output = process::run("cargo", &build, &root()).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("debug/examples")
    })
}

fn ended(child: &mut Child) -> bool {
    let looks = LIMIT.as_millis() / 20;
    (0..looks).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        child.try_wait().unwrap().is_some()
    })
}

/// What the program prints until its end, which must be a good one.
fn run(name: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = process::command(programs().join(name));
    let output = folder.path().join("output");
    let file = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
    let (out, errors) = (file.reopen().unwrap(), tempfile::NamedTempFile::new_in(folder.path()).unwrap());
    command.current_dir(folder.path()).stdin(Stdio::null()).stdout(out).stderr(errors.reopen().unwrap());
    let mut child = command.spawn().unwrap();
    if !ended(&mut child) {
        child.kill().unwrap();
        panic!("{name} did not end within {LIMIT:?}");
    }
    file.persist(&output).unwrap();
    let (printed, errors) = (std::fs::read_to_string(output).unwrap(), std::fs::read_to_string(errors.path()).unwrap());
    assert!(child.wait().unwrap().success(), "{name}:\n{printed}\n{errors}");
    printed
}

/// Checks that every text stands in what the program prints, in this order.
fn says(name: &str, texts: &[&str]) {
    let printed = run(name);
    let mut rest = printed.as_str();
    for text in texts {
        let at = rest.find(text);
        rest = &rest[at.unwrap_or_else(|| panic!("{name} does not say {text:?} there:\n{printed}"))..];
    }
}

#[test]
fn embed() {
    says("embed", &["created oceanbreeze-", "name servers", "Active", "1 store in the list", "deleted; 0 stores left"]);
}

#[test]
fn two_controllers() {
    let names = "oceanbreeze.staging-shops.com and oceanbreeze.storex.com";
    says("two_controllers", &[names, "staging has 1 store", "production has 0 stores", "not_found"]);
}

#[test]
fn watch_operations() {
    let texts = [
        "Start application process: Succeeded",
        "create_store oceanbreeze: Succeeded",
        "Start application process: Failed",
        "create_store mountainpeak: RolledBack",
        "success(): host_refused",
        "create_store cedarforest: RolledBack",
        "stores left: 1",
    ];
    says("watch_operations", &texts);
}

#[test]
fn bulk_import() {
    let texts =
        ["200 rows", "  25 of 200", " 200 of 200: 198 created, 2 refused", "invalid_", "amberbay-", "198 stores in the list"];
    says("bulk_import", &texts);
}

#[test]
fn mount_in_axum() {
    let texts = ["200  my program", "403  sign in first", "201 /ops/shops/api/stores/oceanbreeze-", r#"200  {"status":"ready"}"#];
    says("mount_in_axum", &texts);
}

/// The line of a provider that keeps them all.
fn all_of(laws: usize) -> String {
    format!("{laws} of {laws} laws passed")
}

#[test]
fn custom_dns_provider() {
    let all = all_of(domain_provider::zone_laws().len());
    says(
        "custom_dns_provider",
        &[&all, "of them fail", "2 calls failed, oceanbreeze-", "\"oceanbreezestore.com\"", "deleted: zones [\"storex.com\"]"],
    );
    assert!(!run("custom_dns_provider").contains("with lost answers 0 of them fail"), "the control finds nothing");
}

#[test]
fn custom_process_supervisor() {
    let all = all_of(process_supervisor::laws().len());
    let printed = run("custom_process_supervisor");
    assert!(printed.contains(&all) && printed.contains("0 processes left after the end"), "{printed}");
    assert!(!printed.contains("with lost answers 0 of them fail"), "the control finds nothing: {printed}");
}

#[test]
fn fault_drill() {
    let texts = [
        "nothing fails: 0 faults, Succeeded",
        "the answer about the new zone is lost: 1 faults, Succeeded",
        "the token may not write records: ",
        "RolledBack, zones [\"storex.com\"]",
    ];
    says("fault_drill", &texts);
}

#[test]
fn every_example_is_listed_and_has_its_test_here() {
    let manifest = std::fs::read_to_string(root().join("examples/Cargo.toml")).unwrap();
    let list = std::fs::read_to_string(root().join("examples/src/lib.rs")).unwrap();
    let own = std::fs::read_to_string(root().join("tests/tests/examples.rs")).unwrap();
    let lines: Vec<&str> = manifest.lines().collect();
    let named = lines.windows(2).filter(|pair| pair[0] == "[[example]]").filter_map(|pair| pair[1].strip_prefix("name = "));
    let names: Vec<&str> = named.map(|name| name.trim_matches('"')).collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        assert!(list.contains(&format!("| `{name}` |")), "examples/src/lib.rs does not list {name}");
        assert!(own.contains(&format!("#[test]\nfn {name}() {{")), "no test runs {name}");
    }
}
