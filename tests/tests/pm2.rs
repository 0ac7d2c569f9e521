//! The process supervisor over real PM2 and real node: the laws, and what only real processes can show.
//!
//! As root the daemon and the stores run as `storex-apps` (or `nobody`), otherwise as the user who tests. Without node or PM2 every test fails and
//! names `scripts/install-host.sh`.

#[cfg(test)]
#[path = "pm2/scene.rs"]
mod scene;

use rustix::process::Signal;
use scene::{APP, PATIENCE, Scene, answer, effect, kill, listed, lives, logged, serving, signal, until};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use storex_agent::command::Program;
use storex_agent::pm2::{DaemonSocket, Effect, Pm2Processes};
use storex_agent::{atomic, proc};
use storex_core::{Code, ProcessStatus, ProcessSupervisor, SystemClock};
use storex_fakes::laws::broken_laws;
use storex_fakes::laws::process_supervisor::{Workshop, laws};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_pm2_keeps_every_law() {
    let scene = Arc::new(Scene::new().await);
    let processes = Arc::new(scene.connect().await);
    let maker = Arc::clone(&scene);
    let workshop = Arc::new(Workshop {
        supervisor: Arc::<Pm2Processes>::clone(&processes),
        spec: Box::new(move |username| maker.spec(username)),
        lose: Box::new(|path| fs::rename(path, path.with_extension("lost")).unwrap()),
        kill: Box::new(kill),
        is_alive: Box::new(proc::is_alive),
    });
    assert_eq!(broken_laws(&laws(), &workshop).await, []);
    processes.shutdown(PATIENCE).await.unwrap();
    assert_eq!(scene.processes(), Vec::<u32>::new());
}

const CANARIES: [&str; 5] = ["CANARY_ONE", "CLOUDFLARE_API_TOKEN", "NODE_OPTIONS_CANARY", "DB_PASSWORD_CANARY", "pm2_canary"];

/// Runs itself again in a process whose environment holds the canaries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_daemon_nor_store_sees_anything_of_the_callers_environment() {
    let own: BTreeSet<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    if !CANARIES.iter().all(|canary| own.contains(*canary)) {
        let this = "neither_daemon_nor_store_sees_anything_of_the_callers_environment";
        let again = Program::new(std::env::current_exe().unwrap()).args(["--exact", this]);
        let kept =
            ["STOREX_TOOLS", "HOME", "TMPDIR", "PATH"].map(|name| (name, std::env::vars_os().find(|(found, _)| found == name)));
        let again = kept
            .into_iter()
            .filter_map(|(name, found)| Some((name, found?.1)))
            .fold(again, |again, (name, value)| again.env(name, value));
        let again = CANARIES.iter().fold(again, |again, name| again.env(name, "tweet"));
        let finished = again.run(PATIENCE * 2).await.unwrap();
        assert!(
            finished.status.success() && finished.stdout_text().contains("1 passed"),
            "{} {}",
            finished.stdout_text(),
            finished.stderr_text()
        );
        return;
    }
    let scene = Scene::new().await;
    let processes = scene.connect().await;
    let daemon = proc::environment(processes.daemon_pid().await.unwrap().unwrap()).unwrap();
    let names: Vec<&str> = daemon.keys().map(String::as_str).collect();
    assert_eq!(names, ["HOME", "LANG", "PATH", "PM2_DISCRETE_MODE", "PM2_HOME", "PM2_NO_INTERACTION"]);
    assert_eq!(daemon["PATH"], "/usr/bin:/bin");
    let spec = scene.spec("canary");
    let facts = serving(&processes, &spec).await;
    for seen in [answer(spec.port).await, proc::environment(facts.pid.unwrap()).unwrap()] {
        assert_eq!((seen["PORT"].as_str(), seen["NODE_ENV"].as_str()), (spec.port.to_string().as_str(), "production"));
        let leaked: Vec<&String> = seen.keys().filter(|name| own.contains(*name)).collect();
        assert!(leaked.is_empty(), "{leaked:?} came from the caller");
        assert!(!seen.values().any(|value| value == "tweet"));
    }
    assert_eq!(answer(spec.port).await["SHOP"], "yes", "the control: the environment file arrives");
    processes.shutdown(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_of_the_environment_file_is_in_no_list_log_dump_or_process_table() {
    const SECRET: &str = "s3cret-hunter2-swordfish";
    let scene = Scene::new().await;
    let processes = scene.connect().await;
    let spec = scene.store("secretive", APP, &format!("DB_PASSWORD='{SECRET}'\n"));
    let facts = serving(&processes, &spec).await;
    logged(&processes, &spec).await;
    assert_eq!(answer(spec.port).await["DB_PASSWORD"], SECRET, "the control: the store has it");

    let uid = scene.settings.user.as_ref().map_or_else(|| rustix::process::geteuid().as_raw(), |user| user.uid);
    let socket = DaemonSocket::new(scene.settings.home.join("rpc.sock"), uid);
    let list = socket.call("getMonitorData", json!({}), Effect::Read, PATIENCE).await.unwrap().to_string();
    assert!(list.contains(&format!("\"PORT\":\"{}\"", spec.port)), "the control: the list shows the process");
    assert!(!list.contains(SECRET));
    let daemon = processes.daemon_pid().await.unwrap().unwrap();
    for pid in [facts.pid.unwrap(), daemon] {
        for part in ["environ", "cmdline"] {
            let text = fs::read(format!("/proc/{pid}/{part}")).unwrap();
            assert!(!text.is_empty() && !contains(&text, SECRET), "{part} of {pid}");
        }
    }
    // On SIGTERM the daemon dumps its list and ends its processes.
    signal(daemon, Signal::TERM);
    until(async || processes.daemon_pid().await.unwrap().is_none().then_some(())).await;
    until(async || (!lives(&facts)).then_some(())).await;
    let files = scene.written_files();
    for wanted in ["dump.pm2", "pm2.log", "secretive-12345.log", "secretive-12345.json"] {
        assert!(files.iter().any(|file| file.ends_with(wanted)), "the control: {wanted} is among {files:?}");
    }
    for file in files {
        // Sockets have no content.
        let text = fs::read(&file).unwrap_or_default();
        assert!(!contains(&text, SECRET), "{}", file.display());
    }
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_daemon_is_killed_the_next_connect_ends_the_orphan_and_its_port_serves_again() {
    let scene = Scene::new().await;
    let processes = scene.connect().await;
    let spec = scene.spec("orphan");
    let orphan = serving(&processes, &spec).await;
    kill(processes.daemon_pid().await.unwrap().unwrap());
    until(async || processes.daemon_pid().await.unwrap().is_none().then_some(())).await;
    answer(spec.port).await;
    assert!(lives(&orphan), "the control: the store outlives its daemon");
    assert_eq!(processes.list().await.unwrap_err().code(), Code::Unavailable);
    drop(processes);

    let processes = scene.connect().await;
    assert!(!lives(&orphan));
    let remembered = listed(&processes, &spec.store).await.unwrap();
    assert_eq!((remembered.status, remembered.pid, &remembered.spec), (ProcessStatus::Unsettled, None, &spec));
    let again = serving(&processes, &spec).await;
    assert!(lives(&again));
    assert!(proc::listens(again.pid.unwrap(), spec.port));
    processes.shutdown(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphans_are_found_without_any_record_and_a_strangers_process_is_not_touched() {
    let scene = Scene::new().await;
    let stranger = Scene::new().await;
    let (processes, others) = (scene.connect().await, stranger.connect().await);
    let spec = scene.spec("unrecorded");
    let orphan = serving(&processes, &spec).await;
    let kept = serving(&others, &stranger.spec("unrecorded")).await;
    kill(processes.daemon_pid().await.unwrap().unwrap());
    until(async || processes.daemon_pid().await.unwrap().is_none().then_some(())).await;
    fs::remove_file(scene.settings.state_dir.join("unrecorded-12345.json")).unwrap();
    drop(processes);

    let processes = scene.connect().await;
    assert!(!lives(&orphan));
    assert!(lives(&kept), "another installation's process of the same user and name");
    assert_eq!(processes.list().await.unwrap(), []);
    processes.shutdown(PATIENCE).await.unwrap();
    others.shutdown(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_replaces_a_daemon_that_died_and_other_stores_serve_until_it_is_their_turn() {
    let scene = Scene::new().await;
    let processes = scene.connect().await;
    let (one, two) = (scene.spec("one"), scene.spec("two"));
    let (first, second) = (serving(&processes, &one).await, serving(&processes, &two).await);
    kill(processes.daemon_pid().await.unwrap().unwrap());
    until(async || processes.daemon_pid().await.unwrap().is_none().then_some(())).await;

    let again = serving(&processes, &one).await;
    assert!(lives(&again) && !lives(&first));
    assert!(lives(&second), "the other store goes on");
    processes.remove(&effect(&two.store), &two.store).await.unwrap();
    assert!(!lives(&second), "a removed store is ended although no daemon knows it");
    processes.shutdown(PATIENCE).await.unwrap();
    assert_eq!(scene.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_living_daemon_is_taken_over_with_its_processes() {
    let scene = Scene::new().await;
    let processes = scene.connect().await;
    let spec = scene.spec("kept");
    let facts = serving(&processes, &spec).await;
    let daemon = processes.daemon_pid().await.unwrap();
    let busy = Pm2Processes::connect(scene.settings.clone(), Arc::new(SystemClock)).await.unwrap_err();
    assert_eq!(busy.code(), Code::DirectoryBusy, "two agents on one daemon");
    drop(processes);

    let processes = scene.connect().await;
    assert_eq!(processes.daemon_pid().await.unwrap(), daemon);
    assert_eq!(processes.list().await.unwrap(), std::slice::from_ref(&facts));
    assert_eq!(processes.start(&effect(&spec.store), &spec).await.unwrap(), facts);
    processes.shutdown(PATIENCE).await.unwrap();
    assert!(!lives(&facts));
    let late = processes.start(&effect(&spec.store), &spec).await.unwrap_err();
    assert_eq!(late.code(), Code::Unavailable, "after the end nothing is started");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_does_not_answer_is_replaced_with_its_processes() {
    let mut scene = Scene::new().await;
    let processes = scene.connect().await;
    let spec = scene.spec("stuck");
    let facts = serving(&processes, &spec).await;
    let daemon = processes.daemon_pid().await.unwrap().unwrap();
    signal(daemon, Signal::STOP);
    drop(processes);

    scene.settings.start_limit = Duration::from_secs(8);
    let processes = scene.connect().await;
    assert_ne!(processes.daemon_pid().await.unwrap().unwrap(), daemon);
    assert!(!lives(&facts) && proc::start_ticks(daemon).is_none());
    serving(&processes, &spec).await;
    processes.shutdown(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_does_not_start_is_reported_with_its_last_words_and_leaves_nothing() {
    let mut scene = Scene::new().await;
    let broken = scene.settings.stores_root.join("Daemon.js");
    scene.settings.pm2_daemon.clone_from(&broken);
    for (program, limit, said) in [
        ("throw new Error('no such module')", PATIENCE, "no such module"),
        ("console.log('hung'); setInterval(() => {}, 1000)", Duration::from_secs(2), "did not answer within"),
    ] {
        atomic::write(&broken, program.as_bytes(), 0o644, None).unwrap();
        scene.settings.start_limit = limit;
        let connected = Pm2Processes::connect(scene.settings.clone(), Arc::new(SystemClock)).await;
        let error = connected.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable);
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(scene.processes(), Vec::<u32>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_under_way_at_a_shutdown_leave_nothing_behind() {
    let scene = Scene::new().await;
    let processes = Arc::new(scene.connect().await);
    let specs: Vec<_> = (0..6).map(|number| scene.spec(&format!("late{number}"))).collect();
    let starts = specs.into_iter().map(|spec| {
        let processes = Arc::clone(&processes);
        tokio::spawn(async move { processes.start(&effect(&spec.store), &spec).await })
    });
    let starts: Vec<_> = starts.collect();
    until(async || processes.list().await.ok().filter(|all| !all.is_empty())).await;
    processes.shutdown(PATIENCE).await.unwrap();
    assert_eq!(scene.processes(), Vec::<u32>::new());
    for start in starts {
        if let Err(error) = start.await.unwrap() {
            assert_eq!(error.code(), Code::Unavailable, "{error}");
        }
    }
    assert_eq!(scene.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_whose_socket_was_taken_away_is_ended_and_not_doubled() {
    let scene = Scene::new().await;
    let processes = scene.connect().await;
    let spec = scene.spec("deaf");
    let facts = serving(&processes, &spec).await;
    let daemon = processes.daemon_pid().await.unwrap().unwrap();
    fs::remove_file(scene.settings.home.join("rpc.sock")).unwrap();
    assert_eq!(processes.daemon_pid().await.unwrap(), None, "the control: nobody can reach it");
    assert!(proc::start_ticks(daemon).is_some(), "the control: it lives on");

    let again = serving(&processes, &spec).await;
    assert!(lives(&again) && !lives(&facts));
    assert_eq!(proc::start_ticks(daemon), None);
    processes.shutdown(PATIENCE).await.unwrap();
    assert_eq!(scene.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_store_started_ends_with_it() {
    const PARENT: &str = r#"
const child = require("child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" });
console.log(`child ${child.pid}`);
"#;
    let scene = Scene::new().await;
    let processes = scene.connect().await;
    let spec = scene.store("parent", &format!("{PARENT}{APP}"), "");
    let child_of = async || {
        let log = logged(&processes, &spec).await;
        let line = log.iter().rev().find_map(|line| line.strip_prefix("child "));
        line.unwrap().parse::<u32>().unwrap()
    };
    serving(&processes, &spec).await;
    let child = child_of().await;
    assert!(proc::start_ticks(child).is_some(), "the control: the child lives");
    processes.remove(&effect(&spec.store), &spec.store).await.unwrap();
    assert_eq!(proc::start_ticks(child), None);

    let orphan = serving(&processes, &spec).await;
    let child = child_of().await;
    kill(processes.daemon_pid().await.unwrap().unwrap());
    until(async || processes.daemon_pid().await.unwrap().is_none().then_some(())).await;
    kill(orphan.pid.unwrap());
    until(async || (!lives(&orphan)).then_some(())).await;
    assert!(proc::start_ticks(child).is_some(), "the control: the child has lost its parent and lives on");
    processes.shutdown(PATIENCE).await.unwrap();
    assert_eq!(proc::start_ticks(child), None);
    assert_eq!(scene.processes(), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_ends_at_once_is_given_up_with_its_last_words_in_the_log() {
    let scene = Scene::new().await;
    let processes = scene.connect().await;
    let spec = scene.store("crashing", "console.error('no database'); process.exit(3);", "");
    processes.start(&effect(&spec.store), &spec).await.unwrap();
    let failed =
        until(async || listed(&processes, &spec.store).await.filter(|facts| facts.status == ProcessStatus::Failed)).await;
    assert_eq!((failed.pid, failed.start_ticks), (None, None));
    assert!(failed.restarts > 1, "{} restarts", failed.restarts);
    assert_eq!(processes.log_tail(&spec.store, 1).await.unwrap(), ["no database"]);
    assert_eq!(processes.start(&effect(&spec.store), &spec).await.unwrap().restarts, 0, "it can be tried again");
    processes.remove(&effect(&spec.store), &spec.store).await.unwrap();
    assert_eq!(processes.list().await.unwrap(), []);
    let of_the_store: Vec<PathBuf> =
        scene.written_files().into_iter().filter(|file| file.to_str().unwrap().contains("crashing")).collect();
    assert_eq!(of_the_store, Vec::<PathBuf>::new(), "a removed store leaves no file");
    processes.shutdown(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_ignores_the_request_to_end_is_killed() {
    let scene = Scene::new().await;
    let processes = scene.connect().await;
    let spec = scene.store("stubborn", &format!("process.on('SIGINT', () => {{}});{APP}"), "");
    let facts = serving(&processes, &spec).await;
    processes.stop(&effect(&spec.store), &spec.store).await.unwrap();
    assert!(!lives(&facts));
    assert_eq!(listed(&processes, &spec.store).await.unwrap().status, ProcessStatus::Stopped);
    processes.shutdown(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_environment_file_others_may_read_and_a_folder_elsewhere_are_refused() {
    let scene = Scene::new().await;
    let processes = scene.connect().await;
    let spec = scene.spec("open");
    let mode = |mode| fs::set_permissions(&spec.environment_file, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o444);
    let error = processes.start(&effect(&spec.store), &spec).await.unwrap_err();
    assert!(error.code() == Code::Unusable && error.message().contains("closed to all others"), "{error}");
    mode(0o400);
    let mut elsewhere = spec.clone();
    elsewhere.directory = "/tmp".into();
    let error = processes.start(&effect(&spec.store), &elsewhere).await.unwrap_err();
    assert!(error.code() == Code::Unusable && error.message().contains("does not lie below"), "{error}");
    assert_eq!(processes.list().await.unwrap(), []);
    serving(&processes, &spec).await;
    processes.shutdown(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_record_is_lost_is_listed_by_what_pm2_knows_and_replaced_when_started() {
    let scene = Scene::new().await;
    let processes = scene.connect().await;
    let spec = scene.spec("lost");
    let facts = serving(&processes, &spec).await;
    fs::remove_file(scene.settings.state_dir.join("lost-12345.json")).unwrap();
    let mut known = listed(&processes, &spec.store).await.unwrap();
    assert_eq!(known.spec.environment_digest, "", "PM2 does not know the digest");
    known.spec.environment_digest.clone_from(&spec.environment_digest);
    assert_eq!(known, facts);
    let again = serving(&processes, &spec).await;
    assert!(!lives(&facts) && lives(&again));
    processes.shutdown(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_and_logs_are_closed_to_other_users_and_the_daemon_has_no_privileges() {
    let scene = Scene::new().await;
    let processes = scene.connect().await;
    let spec = scene.spec("closed");
    let facts = serving(&processes, &spec).await;
    logged(&processes, &spec).await;
    let settings = &scene.settings;
    for folder in [&settings.home, &settings.log_dir, &settings.pid_dir, &settings.state_dir] {
        assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o7777, 0o700, "{}", folder.display());
    }
    for pid in [processes.daemon_pid().await.unwrap().unwrap(), facts.pid.unwrap()] {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        if let Some(user) = &settings.user {
            assert_eq!(proc::uid(pid), Some(user.uid));
            assert_eq!(
                field("Gid:").split_ascii_whitespace().collect::<BTreeSet<_>>(),
                BTreeSet::from([user.gid.to_string().as_str()])
            );
            assert_eq!(field("Groups:"), "");
        }
        assert_eq!(field("CapEff:"), "0000000000000000");
    }
    processes.shutdown(PATIENCE).await.unwrap();
}
