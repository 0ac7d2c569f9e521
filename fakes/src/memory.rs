//! In-memory twins of the traits: real semantics, no world behind them.

mod clock;
mod databases;
mod domains;
mod edge;
mod entropy;
mod files;
mod host;
mod hostnames;
mod insight;
mod notifier;
mod processes;
mod proxy;
mod repo;
mod resolver;
mod tunnels;

pub use clock::MemoryClock;
pub use databases::{Collections, MemoryDatabases, MemoryLogin};
pub use domains::MemoryDomains;
pub use edge::MemoryEdge;
pub use entropy::SeededEntropy;
pub use files::MemoryFiles;
pub use host::MemoryHost;
pub use insight::{MemoryInsight, Visits};
pub use notifier::MemoryNotifier;
pub use processes::MemoryProcesses;
pub use proxy::MemoryProxy;
pub use repo::MemoryStores;
pub use resolver::MemoryResolver;
pub use tunnels::MemoryTunnels;
