//! Where node, PM2's daemon and nginx are, and whether they are fit for use. Nothing is installed here: `scripts/install-host.sh` does that.

use crate::command::Program;
use crate::proc::User;
use std::path::{Path, PathBuf};
use std::time::Duration;
use storex_core::{Code, Error, Result};

/// The PM2 whose socket protocol storex speaks. The protocol is internal to PM2, so no other version will do.
pub const PM2_VERSION: &str = "7.0.4";

/// What brings the programs.
const REMEDY: &str = "run scripts/install-host.sh";
/// Where distributions and Node's own packages put programs and global modules.
const PROGRAM_FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/usr/sbin"];
const MODULE_FOLDERS: [&str; 2] = ["/usr/lib/node_modules", "/usr/local/lib/node_modules"];
/// Run by node with the paths of Daemon.js and PM2's package.json: proves that this user can run the one and read the others.
const PROBE: &str = r#"const fs=require("fs");fs.accessSync(process.argv[1],fs.constants.R_OK);
process.stdout.write(process.version+" "+JSON.parse(fs.readFileSync(process.argv[2],"utf8")).version)"#;

/// Programs named by the operator, each instead of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedTools {
    /// The node to use.
    pub node: Option<PathBuf>,
    /// PM2's `lib/Daemon.js`.
    pub pm2_daemon: Option<PathBuf>,
    /// The nginx to use.
    pub nginx: Option<PathBuf>,
}

/// The programs a store host needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// The node that runs PM2 and the stores. Its name ends in `node`, by which PM2 tells a Node program.
    pub node: PathBuf,
    /// The entry file of PM2's daemon.
    pub pm2_daemon: PathBuf,
    /// The nginx that is the router.
    pub nginx: PathBuf,
}

/// The versions found by [`Tools::check_versions`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolVersions {
    /// Of node, such as `v20.20.2`.
    pub node: String,
    /// Of PM2.
    pub pm2: String,
}

impl Tools {
    /// Finds each program: the named one, else below the first prefix that has it (`bin/node`, `node_modules/pm2/lib/Daemon.js`, `bin/nginx`),
    /// else where the system keeps such programs.
    ///
    /// # Errors
    /// `unusable` naming what is missing and the script that brings it.
    pub fn find(prefixes: &[PathBuf], named: &NamedTools) -> Result<Self> {
        let programs: Vec<PathBuf> = PROGRAM_FOLDERS.iter().map(PathBuf::from).collect();
        let modules: Vec<PathBuf> = MODULE_FOLDERS.iter().map(PathBuf::from).collect();
        Self::find_in(prefixes, named, &programs, &modules)
    }

    fn find_in(prefixes: &[PathBuf], named: &NamedTools, programs: &[PathBuf], modules: &[PathBuf]) -> Result<Self> {
        let below = |folder: &str, file: &str, system: &[PathBuf]| -> Vec<PathBuf> {
            let own = prefixes.iter().map(|prefix| prefix.join(folder).join(file));
            own.chain(system.iter().map(|place| place.join(file))).collect()
        };
        Ok(Self {
            node: first("node", named.node.as_ref(), below("bin", "node", programs))?,
            pm2_daemon: first("PM2", named.pm2_daemon.as_ref(), below("node_modules", "pm2/lib/Daemon.js", modules))?,
            nginx: first("nginx", named.nginx.as_ref(), below("bin", "nginx", programs))?,
        })
    }

    /// Checks that node is 20.14 or later (of 22: 22.2 or later; earlier `--env-file` parsers lose values or ignore a missing file), that PM2 is
    /// exactly [`PM2_VERSION`], and that the user the stores run as can run and read them.
    ///
    /// # Errors
    /// `unusable` naming the program, the version found and the one needed.
    pub async fn check_versions(&self, user: Option<&User>) -> Result<ToolVersions> {
        let package = self.pm2_daemon.parent().and_then(Path::parent).map(|root| root.join("package.json")).unwrap_or_default();
        let probe = Program::new(&self.node).args(["-e", PROBE]).arg(&self.pm2_daemon).arg(package);
        let finished = probe.directory("/").user(user.cloned()).run(Duration::from_secs(30)).await?;
        let answer = finished.stdout_text();
        let Some((node, pm2)) = answer.split_once(' ').filter(|_| finished.status.success()) else {
            let who = user.map_or_else(|| "this user".to_owned(), |user| format!("the user {}", user.name));
            let why =
                finished.stderr_text().lines().find(|line| line.contains("Error")).unwrap_or("it answers nothing").to_owned();
            let what = format!("{who} cannot use {} with {}: {why}; {REMEDY}", self.node.display(), self.pm2_daemon.display());
            return Err(Error::new(Code::Unusable, what));
        };
        if !node_serves(node) {
            return Err(Error::new(
                Code::Unusable,
                format!("{} is {node}; 20.14, 22.2 or later is needed; {REMEDY}", self.node.display()),
            ));
        }
        if pm2 != PM2_VERSION {
            return Err(Error::new(
                Code::Unusable,
                format!("PM2 at {} is {pm2}; exactly {PM2_VERSION} is needed; {REMEDY}", self.pm2_daemon.display()),
            ));
        }
        Ok(ToolVersions { node: node.to_owned(), pm2: pm2.to_owned() })
    }
}

fn first(what: &str, named: Option<&PathBuf>, candidates: Vec<PathBuf>) -> Result<PathBuf> {
    if let Some(path) = named {
        let missing = || Error::new(Code::Unusable, format!("{what} was named as {}, which is no file", path.display()));
        return if path.is_file() { Ok(path.clone()) } else { Err(missing()) };
    }
    let looked: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
    candidates
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| Error::new(Code::Unusable, format!("{what} is missing (looked at {}); {REMEDY}", looked.join(", "))))
}

/// 21 and 22.0 to 22.1 are older than the repair of the parser that 20.14 and 22.2 brought.
fn node_serves(version: &str) -> bool {
    let mut parts = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major == 20 && minor >= 14) || (major == 22 && minor >= 2) || major >= 23,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{OpenOptions, create_dir_all};
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    fn put(path: &Path, text: &str) {
        create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o755).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// A prefix with a node that answers like the probe would.
    fn prefix(answer: &str) -> (tempfile::TempDir, Tools) {
        let folder = tempfile::tempdir().unwrap();
        put(&folder.path().join("bin/node"), &format!("#!/bin/sh\n{answer}\n"));
        put(&folder.path().join("bin/nginx"), "");
        put(&folder.path().join("node_modules/pm2/lib/Daemon.js"), "");
        let tools = Tools::find_in(&[folder.path().to_owned()], &NamedTools::default(), &[], &[]).unwrap();
        (folder, tools)
    }

    /// Another test may be between fork and exec with our fresh script still open for writing; the kernel then calls it busy.
    async fn checked(tools: &Tools) -> Result<ToolVersions> {
        loop {
            match tools.check_versions(None).await {
                Err(error) if error.message().contains("Text file busy") => tokio::task::yield_now().await,
                answer => return answer,
            }
        }
    }

    #[test]
    fn the_first_prefix_that_has_a_program_wins_and_a_named_program_wins_over_all() {
        let (one, two) = (prefix("true").0, prefix("true").0);
        std::fs::remove_file(one.path().join("bin/nginx")).unwrap();
        let prefixes = [one.path().to_owned(), two.path().to_owned()];
        let found = Tools::find_in(&prefixes, &NamedTools::default(), &[], &[]).unwrap();
        assert_eq!((found.node, found.nginx), (one.path().join("bin/node"), two.path().join("bin/nginx")));
        let named = NamedTools { node: Some(two.path().join("bin/node")), ..NamedTools::default() };
        assert_eq!(Tools::find_in(&prefixes, &named, &[], &[]).unwrap().node, two.path().join("bin/node"));
        let system = [two.path().join("bin")];
        assert_eq!(
            Tools::find_in(&prefixes[..1], &NamedTools::default(), &system, &[]).unwrap().nginx,
            two.path().join("bin/nginx")
        );
    }

    #[test]
    fn a_missing_program_is_named_with_the_script_that_brings_it() {
        let (folder, _) = prefix("true");
        std::fs::remove_file(folder.path().join("node_modules/pm2/lib/Daemon.js")).unwrap();
        let error = Tools::find_in(&[folder.path().to_owned()], &NamedTools::default(), &[], &[]).unwrap_err();
        assert_eq!(error.code(), Code::Unusable);
        assert!(error.message().contains("PM2 is missing") && error.message().contains("scripts/install-host.sh"), "{error}");
        let named = NamedTools { nginx: Some("/nonexistent/nginx".into()), ..NamedTools::default() };
        assert!(Tools::find(&[], &named).is_err());
    }

    #[test]
    fn versions_of_node_whose_env_files_can_be_trusted() {
        for good in ["v20.14.0", "v20.20.2", "v22.2.0", "v23.0.0", "24.4.1"] {
            assert!(node_serves(good), "{good}");
        }
        for bad in ["v18.20.4", "v20.13.1", "v20.6.0", "v21.7.3", "v22.1.0", "v2", "", "node"] {
            assert!(!node_serves(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn wrong_versions_and_unreadable_programs_are_refused_by_name() {
        let (_kept, good) = prefix("echo -n v22.20.0 7.0.4");
        assert_eq!(checked(&good).await.unwrap(), ToolVersions { node: "v22.20.0".into(), pm2: "7.0.4".into() });
        for (answer, named) in
            [("echo v18.19.0 7.0.4", "v18.19.0"), ("echo v22.20.0 7.0.3", "7.0.3"), ("echo Error: EACCES >&2; exit 1", "EACCES")]
        {
            let (_kept, bad) = prefix(answer);
            let error = checked(&bad).await.unwrap_err();
            assert_eq!(error.code(), Code::Unusable);
            assert!(error.message().contains(named) && error.message().contains("scripts/install-host.sh"), "{error}");
        }
    }
}
