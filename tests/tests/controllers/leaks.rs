//! Leaks that are made in an installation that runs, each of a secret of its own, so that what is found tells which of them was.

use super::history::create;
use super::site::{STATE, Site};
use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use storex_agent::atomic;
use storex_mongo::driver::bson::{Binary, Document, doc, spec::BinarySubtype};
use storex_tests::canary::{Hit, Sought};
use storex_tests::process;

/// What must be found: a spelling of a secret in a kind of sink.
pub(crate) struct Leak {
    kind: &'static str,
    secret: String,
    spelling: usize,
}

impl Leak {
    pub(crate) fn is_among(&self, hits: &[Hit]) -> bool {
        let same = |hit: &Hit| (&hit.secret, hit.spelling) == (&self.secret, self.spelling);
        hits.iter().any(|hit| same(hit) && hit.sink.split(' ').next() == Some(self.kind))
    }

    pub(crate) fn told(&self) -> String {
        format!("spelling {} of the {} in {}", self.spelling, self.secret, self.kind)
    }
}

/// The leaks, and the processes that are some of them.
#[derive(Default)]
pub(crate) struct Leaks {
    pub(crate) all: Vec<Leak>,
    living: Vec<Child>,
}

impl Drop for Leaks {
    fn drop(&mut self) {
        for child in &mut self.living {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Leaks {
    fn expect(&mut self, kinds: &[&'static str], secret: &Sought, spellings: impl IntoIterator<Item = usize>) {
        for spelling in spellings {
            self.all.extend(kinds.iter().map(|kind| Leak { kind, secret: secret.name().to_owned(), spelling }));
        }
    }

    /// Lines of the log.
    pub(crate) fn log(&mut self, site: &Site, secret: &Sought) {
        let mut log = OpenOptions::new().append(true).open(site.world.log()).unwrap();
        for spelling in secret.spellings() {
            log.write_all(&[b"WARN something went wrong with ", &**spelling, b"\n"].concat()).unwrap();
        }
        self.expect(&["log"], secret, 0..secret.spellings().len());
    }

    /// A file of the data folder.
    pub(crate) fn file(&mut self, site: &Site, secret: &Sought) {
        let text = secret.spellings().join(&b"\n"[..]);
        atomic::write(&site.world.data.join("host/forgotten"), &text, 0o600, None).unwrap();
        self.expect(&["file"], secret, 0..secret.spellings().len());
    }

    /// A document beside the state, which the server's log of writes then holds too.
    pub(crate) fn document(&mut self, site: &Site, secret: &Sought) {
        let all = secret.spellings().iter().map(|spelling| Binary { subtype: BinarySubtype::Generic, bytes: spelling.clone() });
        let document: Document = doc! { "written": all.collect::<Vec<_>>() };
        site.driver(async |root| root.database(STATE).collection("noted").insert_one(document).await.unwrap());
        self.expect(&["collection", "oplog"], secret, 0..secret.spellings().len());
    }

    /// Arguments of a process.
    pub(crate) fn arguments(&mut self, site: &Site, secret: &Sought) {
        let mut command = process::command("cat");
        command.arg("-").args(secret.texts().map(|(_, text)| text));
        self.lives(site, command);
        self.expect(&["argv"], secret, secret.texts().map(|(number, _)| number));
    }

    /// Variables of a process.
    pub(crate) fn variables(&mut self, site: &Site, secret: &Sought) {
        let mut command = process::command("cat");
        command.envs(secret.texts().map(|(number, text)| (format!("LEAK_{number}"), text)));
        self.lives(site, command);
        self.expect(&["environ"], secret, secret.texts().map(|(number, _)| number));
    }

    /// It lives in the installation's folder until its input ends.
    fn lives(&mut self, site: &Site, mut command: Command) {
        command.current_dir(site.world.dir.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.living.push(command.spawn().unwrap());
    }

    /// A process that somebody starts by PM2's own program, which keeps the variables of whoever calls it in its list and its dump.
    pub(crate) fn listed(&mut self, site: &Site, secret: &Sought) {
        let script = site.world.dir.path().join("idle.js");
        atomic::write(&script, b"setInterval(() => {}, 1000);\n", 0o644, None).unwrap();
        let variables: Vec<(String, &str)> = secret.texts().map(|(number, text)| (format!("LEAK_{number}"), text)).collect();
        site.pm2(&["start", script.to_str().unwrap(), "--name", "idle"], &variables);
        self.expect(&["pm2", "dump"], secret, secret.texts().map(|(number, _)| number));
    }

    /// What a store's owner wrote into the request, which comes back in answers; each spelling that is not too long for it.
    pub(crate) fn answer(&mut self, site: &Site, secret: &Sought) {
        let (mut fields, mut written) = (["J".to_owned(), "P".to_owned()], Vec::new());
        for (number, text) in secret.texts() {
            if let Some(field) = fields.iter_mut().find(|field| field.len() + 1 + text.len() <= 200) {
                *field = format!("{field} {text}");
                written.push(number);
            }
        }
        let [owner, plan] = &fields;
        create(site, "canary-three", owner, plan, &mut Vec::new());
        self.expect(&["answer", "command"], secret, written);
    }
}
