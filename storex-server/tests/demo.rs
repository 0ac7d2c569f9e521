//! The main job, end to end, as a user runs it: `scripts/demo.sh` on real PM2, real Nginx and the simulator, twice with different names; and
//! `scripts/demo-mongo.sh`, with two controllers on a real MongoDB.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops at the first surprise and shows what the demo printed"
)]

use std::path::Path;

#[expect(clippy::disallowed_methods, reason = "a test starts the demo as a user does")]
fn demo(script: &str, arguments: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut command = std::process::Command::new(root.join(script));
    command.args(arguments).env("STOREX_BIN", env!("CARGO_BIN_EXE_storex"));
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    println!("{text}");
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(last.starts_with("demo: ") && last.ends_with(" passed, 0 failed"), "{last}");
}

#[test]
fn the_demo_passes_with_the_specifications_names_and_with_others() {
    demo("scripts/demo.sh", &[]);
    demo("scripts/demo.sh", &["--username", "bluepeak", "--domain", "bluepeak-shop.com"]);
}

#[test]
fn the_demo_on_mongodb_passes() {
    demo("scripts/demo-mongo.sh", &[]);
}
