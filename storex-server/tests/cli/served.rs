//! A served API over a world in memory, and runs of the binary against it.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use storex_core::Controller;
use storex_fakes::World;
use storex_server::{ApiToken, router, serve};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(crate) struct Served {
    pub(crate) world: World,
    pub(crate) controller: Controller,
    pub(crate) url: String,
    pub(crate) folder: TempDir,
    pub(crate) token_file: PathBuf,
}

/// What a run left.
pub(crate) struct Run {
    pub(crate) exit: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Served {
    pub(crate) async fn new() -> Self {
        Self::over(World::new().unwrap()).await
    }

    /// The API over this world.
    pub(crate) async fn over(world: World) -> Self {
        let controller = world.ready_controller().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("admin.token");
        let token = ApiToken::create(&token_file).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = router(controller.clone(), token);
        tokio::spawn(serve(listener, router, std::future::pending()));
        Self { world, controller, url, folder, token_file }
    }

    /// Arguments that lead to this API.
    pub(crate) fn with_connection(&self, arguments: &str) -> Vec<String> {
        let mut all = words(arguments);
        all.extend(["--url".to_owned(), self.url.clone(), "--token-file".to_owned(), self.token_file.display().to_string()]);
        all
    }

    /// Runs the binary against this API; the arguments are separated by blanks, `_` standing for a blank within one.
    pub(crate) async fn run(&self, arguments: &str) -> Run {
        run(self.with_connection(arguments)).await
    }

    /// Creates a store and waits until it is active; answers its id.
    pub(crate) async fn create(&self, username: &str) -> String {
        let run =
            self.run(&format!("store create {username} --owner John_Smith --email john@example-mail.com --wait --json")).await;
        assert_eq!(run.exit, Some(0), "{}", run.err);
        run.json()["store_id"].as_str().unwrap().to_owned()
    }
}

impl Run {
    /// The one document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {:?}", self.out))
    }

    /// Checks that the run failed as it should: this exit code, nothing on standard output, one problem document on standard error.
    #[track_caller]
    pub(crate) fn failed(&self, exit: i32, code: &str) -> Value {
        assert_eq!((self.exit, self.out.as_str()), (Some(exit), ""), "{}", self.err);
        let problem: Value = serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("{error}: {:?}", self.err));
        assert_eq!(problem["code"], code, "{problem}");
        problem
    }
}

pub(crate) fn words(arguments: &str) -> Vec<String> {
    arguments.split_whitespace().map(|word| word.replace('_', " ")).collect()
}

/// Runs the binary in a folder without anything, with an empty environment.
pub(crate) async fn run(arguments: Vec<String>) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let mut command = storex();
    command.args(arguments).current_dir(folder.path());
    finish(command).await
}

pub(crate) async fn finish(mut command: Command) -> Run {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { exit: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The binary in the background, its output kept.
pub(crate) fn start(arguments: Vec<String>) -> Child {
    storex().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The built binary, with an empty environment.
#[expect(clippy::disallowed_methods, reason = "the one place where these tests start a program")]
pub(crate) fn storex() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_storex"));
    command.env_clear().stdin(Stdio::null());
    command
}
