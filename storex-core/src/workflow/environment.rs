//! The environment of a store and the package its host receives, by the specification's keys.

use crate::{DatabaseAddress, DatabaseName, DatabaseUser, Hostname, Port, StoreId, StorePackage, Symlinks};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the environment is made of.
pub(super) struct Inputs<'a> {
    pub(super) store_id: &'a StoreId,
    pub(super) port: Port,
    pub(super) system: &'a Hostname,
    pub(super) custom: Option<&'a Hostname>,
    /// Where it reaches its database, when it has one.
    pub(super) database: Option<&'a DatabaseAddress>,
}

/// The package of a store, without secrets: `DB_PASSWORD` is added on the way to the host. It and `DB_HOST` are absent while no database server is configured.
pub(super) fn package(inputs: &Inputs<'_>) -> StorePackage {
    let username = inputs.store_id.username();
    let primary = inputs.custom.unwrap_or(inputs.system);
    let environment: [(&str, Value); 15] = [
        ("NODE_ENV", json!("production")),
        ("PORT", json!(inputs.port.get())),
        ("STORE_ID", json!(inputs.store_id)),
        ("STORE_NAME", json!(username)),
        ("PRIMARY_DOMAIN", json!(primary)),
        ("SYSTEM_DOMAIN", json!(inputs.system)),
        ("SSL_MODE", json!("full")),
        ("FORCE_HTTPS", json!(true)),
        ("DB_NAME", json!(DatabaseName::of(username))),
        ("DB_USER", json!(DatabaseUser::of(inputs.store_id.digits()))),
        ("ENABLE_INVENTORY", json!(false)),
        ("ENABLE_ANALYTICS", json!(false)),
        ("ENABLE_CUSTOM_THEME", json!(false)),
        ("DOMAIN", json!(primary)),
        ("INTERNAL_DOMAIN", json!(inputs.system)),
    ];
    let address = inputs.database.map(|address| ("DB_HOST", json!(address)));
    let environment = environment.into_iter().chain(address);
    StorePackage {
        store_id: inputs.store_id.clone(),
        directory: format!("/stores/{username}"),
        environment: environment.map(|(key, value)| (key.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        symlinks: Symlinks {
            core_components: ["models", "middleware", "utils"].map(str::to_owned).to_vec(),
            static_assets: ["public", "templates"].map(str::to_owned).to_vec(),
        },
    }
}
