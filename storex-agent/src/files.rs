//! Store directories and environment files on a Unix file system.
//!
//! Below the root: `stores/<username>` (0750, owned by whoever runs the agent, readable by the group the stores run as), `env/<store id>.env`
//! (0400, the stores' user; the directory can be passed through, not listed) and `quarantine/` (0700), where trees wait for their removal.
//!
//! Every step into a tree is one path component below an open directory, and no component may be a symbolic link: nothing a store makes in its
//! directory can lead a write or a removal out of it.

mod beneath;
mod env_file;
mod marker;
mod tree;
mod unix_files;

pub use env_file::{FILE_MAX, check_key, render};
pub use tree::{ENTRY, LINKS};
pub use unix_files::{FilesSettings, UnixFiles};
