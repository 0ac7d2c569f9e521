//! Programs that embed storex. Each is short, needs nothing but this machine, says what it shows, and is run by a test.
//!
//! | program | shows |
//! |---|---|
//! | `embed` | a control plane in one line; create, wait, list, delete |
//! | `two_controllers` | two of them in one process, knowing nothing of each other |
//! | `watch_operations` | operations as handles: events, waiting, cancelling |
//! | `bulk_import` | 200 stores from a CSV file, a few at a time, with progress |
//! | `mount_in_axum` | the REST API below a path of another program, behind its own authentication |
//! | `custom_dns_provider` | a `DomainProvider` of one's own: its laws, and a create over it while calls fail |
//! | `custom_process_supervisor` | a `ProcessSupervisor` of one's own over real processes, and its laws |
//! | `fault_drill` | the Cloudflare adapter against the simulator while it loses answers and refuses |
//!
//! `cargo run --example embed` runs one. `examples/outside-provider` beside them is a whole package outside the workspace.
