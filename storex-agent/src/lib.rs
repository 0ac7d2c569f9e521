//! What runs on a store host: PM2 processes, Nginx routes, store files, the ledger over them, and the HTTP service and client.

pub mod atomic;
pub mod command;
pub mod files;
pub mod nginx;
pub mod pm2;
pub mod proc;
pub mod tools;
