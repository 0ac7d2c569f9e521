//! Embedding storex changes nothing of the process around it: no subscriber, no panic hook, no runtime or thread, no second TLS provider. One test, in
//! a process of its own: what it looks at belongs to the whole process.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::panic;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use storex_agent::AgentClient;
use storex_cloudflare::{CloudflareClient, ensure_crypto_provider};
use storex_core::{Clock, Controller, CreateStoreRequest, Secret, SystemClock};
use storex_fakes::World;
use storex_redb::RedbStores;
use storex_server::{Access, ApiToken, router};

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn request(username: &str) -> CreateStoreRequest {
    let body =
        serde_json::json!({ "username": username, "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" } });
    CreateStoreRequest::from_json(&body).unwrap()
}

async fn create_and_delete(controller: &Controller, username: &str) {
    let (created, operation) = controller.create_store(&request(username)).await.unwrap();
    operation.success(Duration::from_mins(2)).await.unwrap();
    controller.delete_store(&created.store_id).await.unwrap().success(Duration::from_mins(2)).await.unwrap();
}

/// Everything that an embedding program may put together, and a store made and removed with it.
async fn embed(folder: &Path) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    create_and_delete(&storex_fakes::sandbox().await.unwrap(), "oceanbreeze").await;
    let world = World::new().unwrap();
    let controller = world.ready_controller().await.unwrap();
    let token: ApiToken = format!("stx_{}", "0".repeat(32)).parse().unwrap();
    drop((router(controller.clone(), token), router(controller.clone(), Access::HostAuthenticates)));
    let secret = || Secret::new("stx_secret".to_owned());
    drop(CloudflareClient::builder().token(secret()).clock(Arc::clone(&clock)).build().unwrap());
    drop(AgentClient::new("127.0.0.1:9".parse().unwrap(), secret(), Arc::clone(&clock)).unwrap());
    drop(RedbStores::open(&folder.join("storex.redb"), clock).unwrap());
    create_and_delete(&controller, "mountainpeak").await;
    controller.stop().await;
}

#[test]
fn an_embedding_program_keeps_its_subscriber_its_panic_hook_its_threads_and_its_tls_provider() {
    let folder = tempfile::tempdir().unwrap();
    panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, Ordering::SeqCst);
    }));
    // The host's own provider, if it has one, is left alone by every later call.
    ensure_crypto_provider();
    let provider = rustls::crypto::CryptoProvider::get_default().unwrap();
    let before = threads();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(embed(folder.path()));
    assert!(Arc::ptr_eq(provider, rustls::crypto::CryptoProvider::get_default().unwrap()), "another TLS provider was installed");
    assert!(!tracing::dispatcher::has_been_set(), "a subscriber was installed");
    // Files are written by a pool of the runtime's, which ends with it.
    drop(runtime);
    assert_eq!(threads(), before, "threads were left behind");
    assert!(tokio::runtime::Handle::try_current().is_err(), "a runtime was left behind");
    let panicked = panic::catch_unwind(|| panic!("the host's own")).is_err();
    assert!(panicked && PANICS.load(Ordering::SeqCst) == 1, "the host's panic hook was replaced, or something panicked before");
    // The controls: each of the looks above sees what it is for.
    tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::default()).unwrap();
    assert!(tracing::dispatcher::has_been_set());
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv().is_err());
    assert_eq!(threads(), before + 1);
    drop(stop);
    assert!(thread.join().unwrap());
}
