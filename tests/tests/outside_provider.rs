//! A provider written outside the workspace sits the laws: `examples/outside-provider` is built and run as its owner would.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};
use storex_fakes::laws::store_repo;
use storex_tests::process;

/// The workspace's own target directory: what both depend on is built once.
fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

#[test]
fn a_provider_outside_the_workspace_builds_on_its_own_lock_file_and_keeps_every_law() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/outside-provider");
    let target = target_dir();
    let arguments = [
        "test",
        "--offline",
        "--locked",
        "--target-dir",
        target.to_str().unwrap(),
        // The workspace's profile, so that what both depend on is built once; the two rooms in the quickest way.
        "--config",
        "../../Cargo.toml",
        "--config",
        "profile.dev.package.storex-core.opt-level=0",
        "--config",
        "profile.dev.package.storex-core.debug=false",
        "--config",
        "profile.dev.package.storex-fakes.opt-level=0",
        "--config",
        "profile.dev.package.storex-fakes.debug=false",
        "--test",
        "laws",
        "--",
        "--nocapture",
    ];
    let output = process::run("cargo", &arguments, &folder).unwrap();
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let stale = "its lock file follows the workspace's: cp Cargo.lock examples/outside-provider/ && cd examples/outside-provider && cargo metadata --offline";
    assert!(!errors.contains("because --locked was passed"), "{errors}\n{stale}");
    assert!(output.status.success(), "{printed}\n{errors}");
    let all = format!("outside-provider: {} laws kept", store_repo::laws().len());
    assert!(printed.lines().any(|line| line == all), "it did not sit all laws there are ({all}):\n{printed}");
}

#[test]
fn it_is_no_member_and_names_the_two_rooms_a_provider_needs() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/outside-provider/Cargo.toml");
    let text = std::fs::read_to_string(manifest).unwrap();
    let rooms: Vec<&str> = text.lines().filter(|line| line.starts_with("storex-")).collect();
    assert!(text.lines().any(|line| line == "[workspace]"));
    assert_eq!(rooms, ["storex-core = { path = \"../../storex-core\" }", "storex-fakes = { path = \"../../fakes\" }"]);
}
