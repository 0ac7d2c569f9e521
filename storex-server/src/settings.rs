//! What the program is told from outside.

mod environment;
mod secret_setting;

pub use environment::Environment;
pub use secret_setting::SecretSetting;
