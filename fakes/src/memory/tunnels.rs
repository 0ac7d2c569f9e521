//! Twin (being written).

/// Twin.
#[derive(Clone, Debug, Default)]
pub struct MemoryTunnels;
