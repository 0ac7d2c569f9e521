//! The environment file against a real Node: what is written is what the process gets, to the last character.

#![expect(clippy::disallowed_methods, reason = "tests put on the disk what they need")]
#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test ends where it cannot go on")]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;
use storex_agent::command::Program;
use storex_agent::files::render;
use storex_core::Code;
use tempfile::TempDir;

/// The Node stores run with.
fn node() -> PathBuf {
    let own = std::env::home_dir().map(|home| home.join(".local/share/storex/bin/node"));
    let places = [Some("/opt/storex/bin/node".into()), own, Some("/usr/local/bin/node".into()), Some("/usr/bin/node".into())];
    places.into_iter().flatten().find(|path: &PathBuf| path.is_file()).expect("no node; run scripts/install-host.sh")
}

/// What a Node started with this environment file gets; the runtime adds nothing, as the program's environment is empty.
async fn read_by_node(folder: &Path, text: &str) -> BTreeMap<String, String> {
    let (file, seen) = (folder.join("test.env"), folder.join("seen.json"));
    fs::write(&file, text).unwrap();
    let program = Program::new(node())
        .arg(format!("--env-file={}", file.display()))
        .args(["-e", "process.stdout.write(JSON.stringify(process.env))"]);
    let finished = program.output_file(File::create(&seen).unwrap()).run(Duration::from_mins(1)).await.unwrap();
    let seen = fs::read_to_string(seen).unwrap();
    assert!(finished.status.success(), "{seen}");
    serde_json::from_str(&seen).unwrap()
}

/// Numbers that repeat (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// Pieces that mean something to a parser of environment files, or may be mistaken for something that does.
const PIECES: [&str; 27] = [
    "'", "\"", "`", "#", "=", "$", "${A}", "\\", "\\n", "\n", " ", "\t", "\u{a0}", "\u{2028}", "\u{feff}", "é", "漢", "😀", "a",
    "B", "0", "export ", "%", "\\'", "\\\"", "\r", "\0",
];

fn nasty(numbers: &mut Numbers) -> String {
    // The last two make a value impossible, so they come rarely.
    let length = numbers.below(13);
    let piece = |numbers: &mut Numbers| {
        if numbers.below(200) == 0 { PIECES[25 + numbers.below(2)] } else { PIECES[numbers.below(25)] }
    };
    (0..length).map(|_| piece(numbers)).collect()
}

/// A rule somebody might write: escape as in a shell. The control of the same harness.
fn escaped(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Writes values by the rule and answers (right, wrong, refused).
async fn round_trip(
    folder: &Path,
    seed: u64,
    rule: impl Fn(&BTreeMap<String, Value>) -> Option<String>,
) -> (usize, usize, usize) {
    let mut numbers = Numbers(seed);
    let (mut right, mut wrong, mut refused) = (0, 0, 0);
    for _ in 0..20 {
        let (mut text, mut meant) = ("# storex/1 i=0a1b2c3d s=12345 e=a.1f it's-\"12345`\n".to_owned(), BTreeMap::new());
        for index in 0..300 {
            let (key, value) = (format!("K{index}"), nasty(&mut numbers));
            match rule(&BTreeMap::from([(key.clone(), json!(value))])) {
                Some(line) => {
                    text.push_str(&line);
                    meant.insert(key, value);
                }
                None => refused += 1,
            }
        }
        let seen = read_by_node(folder, &text).await;
        for (key, value) in &meant {
            if seen.get(key) == Some(value) {
                right += 1;
            } else {
                wrong += 1;
            }
        }
        wrong += seen.keys().filter(|key| !meant.contains_key(*key)).count();
    }
    (right, wrong, refused)
}

#[tokio::test]
async fn node_reads_back_every_value_that_is_written() {
    let folder = TempDir::new().unwrap();
    let careless = |one: &BTreeMap<String, Value>| {
        one.iter().map(|(key, value)| format!("{key}={}\n", escaped(value.as_str().unwrap()))).next()
    };
    let (_, wrong, _) = round_trip(folder.path(), 7, careless).await;
    println!("control, escaping as in a shell: {wrong} of 6000 values wrong");
    assert!(wrong > 100, "the harness does not see wrong values");
    for seed in [1, 2] {
        let (right, wrong, refused) = round_trip(folder.path(), seed, |one| render(one).ok()).await;
        println!("seed {seed}: {wrong} wrong of {} written, {refused} refused", right + wrong);
        assert_eq!(wrong, 0);
        assert!(right > 5000 && refused < 600, "too much is refused");
    }
}

#[tokio::test]
async fn node_reads_numbers_booleans_and_long_values() {
    let folder = TempDir::new().unwrap();
    let environment: BTreeMap<String, Value> = [
        ("PORT", json!(4001)),
        ("NEGATIVE", json!(i64::MIN)),
        ("BIG", json!(u64::MAX)),
        ("FORCE_HTTPS", json!(true)),
        ("OFF", json!(false)),
        ("LONG", json!("x'\"\n".repeat(20_000))),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let seen = read_by_node(folder.path(), &render(&environment).unwrap()).await;
    for (key, value) in &environment {
        let wanted = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert!(seen.get(key) == Some(&wanted), "{key}");
    }
    assert_eq!(seen.len(), environment.len());
}

#[tokio::test]
async fn a_key_that_is_refused_would_have_worked_and_that_is_why_it_is_refused() {
    let folder = TempDir::new().unwrap();
    let seen = read_by_node(folder.path(), "NODE_OPTIONS='--max-old-space-size=64'\nPROCESS_TITLE='x'\n").await;
    assert_eq!(seen.len(), 2, "the file can set them");
    for key in ["NODE_OPTIONS", "PROCESS_TITLE"] {
        assert_eq!(render(&BTreeMap::from([(key.to_owned(), json!("x"))])).unwrap_err().code(), Code::InvalidField);
    }
}
