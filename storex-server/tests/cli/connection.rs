//! Finding the API and its token, and what is said when they are not to be found.

use crate::served::{Served, finish, run, storex, words};
use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use storex_server::ApiToken;

fn put(path: &Path, text: &str) {
    OpenOptions::new().write(true).create_new(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_folder_leads_to_the_api_by_flag_by_environment_and_by_where_one_stands() {
    let served = Served::new().await;
    let up = serde_json::json!({ "controller": { "url": served.url }, "simulator": null, "pid": 1, "admin_token_file": served.token_file });
    put(&served.folder.path().join("up.json"), &up.to_string());
    let mut by_flag = words("store list --json --data-dir");
    by_flag.push(served.folder.path().display().to_string());
    let mut by_environment = storex();
    by_environment.args(words("store list --json")).env("STOREX_DATA_DIR", served.folder.path());
    let mut by_url = storex();
    by_url.args(words("store list --json")).env("STOREX_URL", &served.url).env("STOREX_TOKEN_FILE", &served.token_file);
    let around = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(served.folder.path(), around.path().join("storex-data")).unwrap();
    let mut by_place = storex();
    by_place.args(words("store list --json")).current_dir(around.path());
    for found in [run(by_flag).await, finish(by_environment).await, finish(by_url).await, finish(by_place).await] {
        assert_eq!((found.exit, found.err.as_str()), (Some(0), ""));
        assert_eq!(found.json()["status"], "success");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_ends_with_4_and_one_others_can_read_is_not_used() {
    let served = Served::new().await;
    let other = served.folder.path().join("other.token");
    ApiToken::create(&other).unwrap();
    let list = |token_file: &Path| {
        let mut arguments = words("store list --json --url");
        arguments.extend([served.url.clone(), "--token-file".to_owned(), token_file.display().to_string()]);
        run(arguments)
    };
    list(&other).await.failed(4, "unauthenticated");
    std::fs::set_permissions(&served.token_file, Permissions::from_mode(0o644)).unwrap();
    let refused = list(&served.token_file).await.failed(2, "unusable");
    assert!(refused["detail"].as_str().unwrap().contains("chmod 600"), "{refused}");
    let missing = list(Path::new("/nowhere/admin.token")).await.failed(2, "unusable");
    assert!(missing["detail"].as_str().unwrap().contains("/nowhere/admin.token"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_does_not_answer_ends_with_7_and_names_the_address() {
    let served = Served::new().await;
    let port = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    let mut arguments = words("store list --json --url");
    arguments.extend([format!("http://127.0.0.1:{port}"), "--token-file".to_owned(), served.token_file.display().to_string()]);
    let silent = run(arguments).await.failed(7, "unavailable");
    let detail = silent["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("127.0.0.1:{port}")) && detail.contains("storex up"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_not_sent_to_another_machine_or_over_https() {
    let served = Served::new().await;
    for url in ["https://127.0.0.1:1", "http://192.0.2.1:8080"] {
        let mut arguments = words("store list --json --url");
        arguments.extend([url.to_owned(), "--token-file".to_owned(), served.token_file.display().to_string()]);
        run(arguments).await.failed(6, "unsupported");
    }
}
