//! The native half of the Python package `storex`: calls by name with JSON, carried out by the engine in the process or by a controller behind its
//! REST API.
//!
//! What people use is written once in Python (`storex-py/python/storex`), for both modes. Here live what Python cannot do well: the engine, threads of
//! its own, waiting with the interpreter released, and dropping what nobody waits for any more.

mod asked;
mod assembly;
mod call;
mod embedded;
mod engine;
mod follow;
mod logging;
mod measure;
mod parameters;
mod remote;
mod runtime;
mod sandbox;
mod settings;

use pyo3::prelude::*;

/// The native half of `storex`. Nothing here is for use from outside the package.
#[pymodule(gil_used = false)]
mod _storex {
    #[pymodule_export]
    use crate::engine::{Engine, Pending};

    use pyo3::prelude::*;
    use storex_core::Code;

    /// The code table: name, class, HTTP status, title, next step.
    #[pyfunction]
    fn codes() -> Vec<(&'static str, &'static str, u16, &'static str, &'static str)> {
        let rows = Code::table().iter();
        rows.map(|row| (row.name, crate::call::class(row.kind), row.http_status, row.title, row.next_step)).collect()
    }
}
