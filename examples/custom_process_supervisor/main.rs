//! A `ProcessSupervisor` of your own, over real processes of this machine: it sits the laws every supervisor must keep.
//!
//! `cargo run --example custom_process_supervisor`. The program it supervises is itself, started again under the name `shop`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example says what it does, and its store writes to both streams"
)]

mod supervisor;

use rustix::process::Signal;
use std::error::Error;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use storex_agent::proc;
use storex_core::{Port, ProcessSpec, ProcessSupervisor, SystemClock};
use storex_fakes::laws::process_supervisor::{Workshop, first_lines, laws};
use storex_fakes::laws::{Broken, broken_laws};
use storex_fakes::{Fault, FaultRule, FaultScript, Faulty, When};
use supervisor::OwnProcesses;

/// Under this name the program is a store.
const STORE: &str = "shop";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [name, port] = arguments.as_slice()
        && Path::new(name).file_name().is_some_and(|name| name == STORE)
    {
        return be_a_store(port.parse()?).await;
    }

    let folder = tempfile::tempdir()?;
    let own = Arc::new(OwnProcesses::new(folder.path().to_owned(), Arc::new(SystemClock)));
    // `Faulty` wraps any implementation of a trait; with an empty script it changes nothing.
    let script = FaultScript::new();
    let inner: Arc<dyn ProcessSupervisor> = Arc::clone(&own) as Arc<dyn ProcessSupervisor>;
    let workshop = Arc::new(workshop(Arc::new(Faulty::new(inner, script.clone())), folder.path())?);
    let laws = laws();
    let broken: Vec<(&str, Broken)> = broken_laws(&laws, &workshop).await;
    for (law, how) in &broken {
        println!("broken: {law} {how}");
    }
    println!("{} of {} laws passed", laws.len() - broken.len(), laws.len());

    // The control: the same supervisor while every answer to a stop is lost.
    script.add(FaultRule::next("processes.stop", "", When::After, Fault::Unclear).forever());
    println!("with lost answers {} of them fail", broken_laws(&laws, &workshop).await.len());

    println!("{} processes left after the end", own.end_all().await?);
    Ok(())
}

/// What a law needs to try a supervisor: files of a store, and hands to break things with.
fn workshop(supervisor: Arc<dyn ProcessSupervisor>, folder: &Path) -> Result<Workshop, Box<dyn Error>> {
    static NEXT_PORT: AtomicU16 = AtomicU16::new(4001);
    let (program, stores) = (std::env::current_exe()?, folder.to_owned());
    // Makes the files of a store: its program, under the name that makes it one, and its environment.
    let made = move |username: &str| -> Option<ProcessSpec> {
        let directory = stores.join(username);
        std::fs::create_dir(&directory).ok()?;
        symlink(&program, directory.join(STORE)).ok()?;
        let environment_file: PathBuf = stores.join(format!("{username}.env"));
        symlink("/dev/null", &environment_file).ok()?;
        Some(ProcessSpec {
            store: format!("{username}-12345").parse().ok()?,
            script: directory.join(STORE),
            directory,
            environment_file,
            environment_digest: "none".to_owned(),
            port: Port::try_from(NEXT_PORT.fetch_add(1, Ordering::Relaxed)).ok()?,
            node_env: "production".to_owned(),
            max_memory_bytes: 1 << 30,
        })
    };
    // A folder that cannot be written to ends the example here and not in the middle of a law.
    made("first").ok_or("the files of a store cannot be made")?;
    #[expect(clippy::expect_used, reason = "the maker of specifications has no way to refuse, and it was tried above")]
    let spec = move |username: &str| made(username).expect("the files of a store were made before");
    Ok(Workshop {
        supervisor,
        spec: Box::new(spec),
        lose: Box::new(|path| drop(std::fs::rename(path, path.with_extension("lost")))),
        kill: Box::new(|pid| {
            let living = proc::start_ticks(pid).and_then(|ticks| proc::Handle::open(pid, ticks).ok()?);
            let _ended_already = living.map(|process| process.signal(Signal::KILL));
        }),
        is_alive: Box::new(proc::is_alive),
    })
}

/// A store: says two lines and runs until it is ended, or until whoever started it is gone.
async fn be_a_store(port: Port) -> Result<(), Box<dyn Error>> {
    let [output, warning] = first_lines(port);
    println!("{output}");
    eprintln!("{warning}");
    let parent = || proc::Stat::of(std::process::id()).map(|stat| stat.parent);
    let mine = parent();
    while parent() == mine {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
