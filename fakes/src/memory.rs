//! In-memory twins of the traits: real semantics, no world behind them.

mod clock;
mod domains;
mod entropy;
mod files;
mod host;
mod notifier;
mod processes;
mod proxy;
mod repo;
mod tunnels;

pub use clock::MemoryClock;
pub use domains::MemoryDomains;
pub use entropy::SeededEntropy;
pub use files::MemoryFiles;
pub use host::MemoryHost;
pub use notifier::MemoryNotifier;
pub use processes::MemoryProcesses;
pub use proxy::MemoryProxy;
pub use repo::MemoryStores;
pub use tunnels::MemoryTunnels;
