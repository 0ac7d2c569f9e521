//! What happens in an installation before its secrets are looked for: a store with a database, another password, failures, drift, a store that goes.

use super::site::{STATE, Site};
use super::world::until;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use storex_core::{Secret, StoreId};
use storex_tests::hand::RealHand;
use storex_tests::installation::{free_port, header};

/// What is left of it.
pub(crate) struct History {
    /// The store that stands.
    pub(crate) store: String,
    /// Its password before it was changed, and now; and that of a store that is gone.
    pub(crate) passwords: [Secret<String>; 3],
    operations: Vec<String>,
}

impl History {
    pub(crate) fn of(site: &Site) -> Self {
        let mut operations = Vec::new();
        let store = create(site, "canary-one", "John Smith", "professional", &mut operations);
        let former = password(site, &store);
        let (status, head, answer) = site.api("POST", &format!("/api/stores/{store}/database/rotate"), "");
        assert_eq!(status, 202, "{answer:#}");
        rest(site, &head, &mut operations);
        let gone = create(site, "canary-two", "John Smith", "professional", &mut operations);
        let lost = password(site, &gone);
        let (_, head, _) = site.api("DELETE", &format!("/api/stores/{gone}"), "");
        rest(site, &head, &mut operations);
        drifts(site, &store, &mut operations);
        fails(site, &store);
        let checked = site.command("db check", &[]);
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        let passwords = [former, password(site, &store), lost];
        assert!(passwords[0].expose() != passwords[1].expose(), "the password was changed");
        Self { store, passwords, operations }
    }

    /// Asks for all there is, by every door.
    pub(crate) fn is_looked_at(&self, site: &Site) {
        let store = &self.store;
        for path in ["/api/stores", "/api/drift", "/api/tunnel/connectors", "/healthz", "/readyz"] {
            assert_eq!(site.api("GET", path, "").0, 200, "{path}");
        }
        for path in [format!("/api/stores/{store}"), format!("/api/stores/{store}/insight")] {
            assert_eq!(site.api("GET", &path, "").0, 200, "{path}");
        }
        for operation in &self.operations {
            assert_eq!(site.api("GET", operation, "").0, 200, "{operation}");
        }
        let (agent, simulator) = (site.token("agent.token"), site.token("simulator.token"));
        let deployment = format!("/v1/deployments/{store}");
        for path in ["/v1/deployments", "/v1/host", "/healthz", &*deployment, &*format!("{deployment}/logs?lines=100")] {
            assert_eq!(site.get("agent", site.world.agent, &agent, path), 200, "{path}");
        }
        for path in ["/client/v4/zones", "/client/v4/user/tokens/verify"] {
            assert_eq!(site.get("simulator", site.world.simulator, &simulator, path), 200, "{path}");
        }
        let (status, health) = site.visit("canary-one", "/health");
        assert!(status == 200 && health["database"]["user"].is_string(), "it works with its database: {health}");
        assert_eq!(site.visit("canary-one", "/api/products").0, 200);
        let connection = site.connection("admin.token");
        for words in ["store list --json", "drift --json", &*format!("store get {store}"), "reconcile --dry-run"] {
            let output = site.command(&format!("{words} {connection}"), &[]);
            assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// Where the store's environment is.
pub(crate) fn environment(store: &str) -> PathBuf {
    PathBuf::from(format!("data/host/env/{store}.env"))
}

fn password(site: &Site, store: &str) -> Secret<String> {
    let text = std::fs::read_to_string(site.world.dir.path().join(environment(store))).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix("DB_PASSWORD=")).unwrap();
    Secret::new(value.trim_matches(['\'', '"']).to_owned())
}

/// Creates a store and waits until it stands; answers its id.
pub(crate) fn create(site: &Site, username: &str, owner: &str, plan: &str, operations: &mut Vec<String>) -> String {
    let details = json!({ "owner": owner, "email": "john@example-mail.com", "plan": plan });
    let body = json!({ "username": username, "domain": format!("{username}-shop.com"), "storeDetails": details });
    let (status, head, answer) = site.api("POST", "/api/stores", &body.to_string());
    assert_eq!(status, 201, "{answer:#}");
    rest(site, &head, operations);
    answer["store_id"].as_str().unwrap().to_owned()
}

/// Waits until the operation an answer names has succeeded.
fn rest(site: &Site, head: &str, operations: &mut Vec<String>) {
    succeeds(site, header(head, "operation-location").unwrap(), operations);
}

fn succeeds(site: &Site, operation: String, operations: &mut Vec<String>) {
    let view = until("the operation is at rest", || {
        let (_, _, view) = site.api("GET", &format!("{operation}?wait=20"), "");
        (view["done"] == true).then_some(view)
    });
    assert_eq!(view["state"], "succeeded", "{view:#}");
    operations.push(operation);
}

/// The environment of the store is changed by hand, shown as drift, and brought back.
fn drifts(site: &Site, store: &str, operations: &mut Vec<String>) {
    let hand = RealHand { host: site.world.data.join("host"), router: site.world.router };
    hand.edit_environment(&store.parse::<StoreId>().unwrap()).unwrap();
    let rows = |drift: &Value| drift["drift"].as_array().map_or(0, Vec::len);
    let (_, _, drift) = site.api("GET", "/api/drift", "");
    assert!(rows(&drift) > 0, "{drift:#}");
    let (status, _, report) = site.api("POST", "/api/reconcile", "");
    assert_eq!(status, 202, "{report:#}");
    for operation in report["operations"].as_array().unwrap() {
        succeeds(site, format!("/api/operations/{}", operation.as_str().unwrap()), operations);
    }
    assert_eq!(rows(&site.api("GET", "/api/drift", "").2), 0);
}

/// Whatever can be refused is refused, and says why.
fn fails(site: &Site, store: &str) {
    let refused = |(status, _, answer): (u16, String, Value), wanted: u16| assert_eq!(status, wanted, "{answer:#}");
    let (admin, agent) = (site.world.token.clone(), site.token("agent.token"));
    refused(site.api("POST", "/api/stores", "{\"username\":"), 400);
    refused(site.api("POST", "/api/stores", "{\"username\":5}"), 422);
    refused(site.api("GET", "/api/stores/nobody-12345", ""), 404);
    refused(site.api("POST", "/api/stores/nobody-12345/database/rotate", ""), 404);
    refused(site.api("GET", "/nowhere", ""), 404);
    refused(site.api("PUT", "/api/stores", ""), 405);
    refused(site.api("GET", &format!("/api/stores/{store}/insight?seconds=x"), ""), 422);
    // Tokens that are wrong and hold a right one: whoever repeats what was sent shows it.
    refused(site.api_as(&format!("{admin}0"), "GET", "/api/stores", ""), 401);
    refused(site.api_as(&agent, "GET", "/api/stores", ""), 401);
    for (whose, port, token) in
        [("agent", site.world.agent, agent), ("simulator", site.world.simulator, site.token("simulator.token"))]
    {
        let path = if whose == "agent" { "/v1/deployments" } else { "/client/v4/zones" };
        assert!(site.get(whose, port, &format!("{token}0"), path) >= 400);
    }
    let missing = site.command(&format!("store get nobody-12345 {}", site.connection("admin.token")), &[]);
    let denied = site.command(&format!("store list {}", site.connection("agent.token")), &[]);
    assert_eq!((missing.status.code(), denied.status.code()), (Some(3), Some(4)));
    let wrong = site.world.dir.path().join("secrets/refused.uri");
    let named: [(&str, &Path); 1] = [("STOREX_MONGODB_URI_FILE", &wrong)];
    let unchecked = site.command("db check", &named);
    let told = String::from_utf8(unchecked.stderr).unwrap();
    assert!(unchecked.status.code() == Some(2) && told.contains("user name or password"), "{told}");
    let words = site.world.controller_words(free_port().unwrap());
    let started = site.world.role(&words).envs(named).stdout(Stdio::null()).status().unwrap();
    assert_eq!(started.code(), Some(2), "a controller that may not into {STATE}");
    let both = site.command("db check", &[("STOREX_MONGODB_URI", Path::new("mongodb://127.0.0.1/"))]);
    assert!(String::from_utf8(both.stderr).unwrap().contains("unset STOREX_MONGODB_URI,"));
}
