//! What the program is told from outside.

mod environment;

pub use environment::Environment;
