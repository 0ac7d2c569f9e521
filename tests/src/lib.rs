//! What tests that need two or more rooms, or a real program, share. Nothing ships from here.

pub mod canary;
pub mod hand;
pub mod installation;
pub mod live;
pub mod mongod;
pub mod process;
