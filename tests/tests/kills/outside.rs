//! What the test asks over HTTP: the API of the controller, and the simulator's own routes and those of Cloudflare.

use serde_json::{Value, json};
use storex_tests::installation::{Failure, ask, exchange};

/// Status and body of `GET path` under this host name.
pub(crate) fn visit(port: u16, host: &str, path: &str) -> Result<(u16, String), Failure> {
    let (status, _, body) = exchange(port, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))?;
    Ok((status, body))
}

/// The simulated Cloudflare.
#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    pub(crate) port: u16,
    pub(crate) token: String,
}

impl Cloud {
    fn sim(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, _, body) = ask(self.port, "", method, path, body).unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {status} {body}");
        body
    }

    /// Everything the account holds.
    pub(crate) fn state(&self) -> Value {
        self.sim("GET", "/__sim/state", None)
    }

    /// Holds the how-many-th call of this method and route from now, before or after its effect.
    pub(crate) fn hold(&self, method: &str, path: &str, nth: u32, when: &str) {
        let rule = json!({ "method": method, "path": path, "nth": nth, "when": when, "action": { "hold": true } });
        self.sim("POST", "/__sim/faults", Some(&rule));
    }

    /// Whether a call is held.
    pub(crate) fn holds(&self) -> bool {
        self.sim("GET", "/__sim/held", None).as_array().is_some_and(|held| !held.is_empty())
    }

    /// Holds the next call of the controller's own repository; only where one process runs everything.
    pub(crate) fn hold_repo(&self, call: &str, subject: &str, nth: u32, when: &str) {
        let rule = json!({ "call": call, "subject": subject, "nth": nth, "when": when, "fault": "hold" });
        self.sim("POST", "/__sim/storex/faults", Some(&rule));
    }

    /// Refuses the last document of every create, so that it turns back; only where one process runs everything.
    pub(crate) fn refuse_last_step(&self) {
        let rule =
            json!({ "call": "repo.put", "subject": "outbox/", "times": 0, "when": "before", "fault": { "refuse": "corrupt" } });
        self.sim("POST", "/__sim/storex/faults", Some(&rule));
    }

    /// Whether a call of the repository is held.
    pub(crate) fn repo_holds(&self) -> bool {
        let rules = self.sim("GET", "/__sim/storex/faults", None);
        rules.as_array().is_some_and(|rules| rules.iter().any(|rule| rule["fault"] == "hold" && rule["fired"].as_u64() > Some(0)))
    }

    /// Forgets all rules.
    pub(crate) fn clear(&self) {
        self.sim("DELETE", "/__sim/faults", None);
        self.sim("POST", "/__sim/held/release", None);
    }

    /// Forgets which calls were made so far.
    pub(crate) fn forget_calls(&self) {
        self.sim("DELETE", "/__sim/calls", None);
    }

    /// Every call of Cloudflare's API since then, as method and route.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = self.sim("GET", "/__sim/calls", None);
        let name = |call: &Value| format!("{} {}", call["method"].as_str().unwrap(), call["route"].as_str().unwrap_or("?"));
        calls.as_array().unwrap().iter().map(name).collect()
    }

    /// Answers the next call of this method and route with an error of the server, without an effect.
    pub(crate) fn fail_once(&self, method: &str, path: &str) {
        let rule = json!({ "method": method, "path": path, "nth": 1, "when": "before", "action": { "status": 500 } });
        self.sim("POST", "/__sim/faults", Some(&rule));
    }

    /// A call of Cloudflare's API, as anybody with a token would make it.
    pub(crate) fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, _, body) = ask(self.port, &self.token, method, &format!("/client/v4{path}"), body).unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {status} {body}");
        body["result"].clone()
    }
}
