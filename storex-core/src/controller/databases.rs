//! What people ask of a store's database: another password.

use super::{Controller, OperationHandle};
use crate::resource::{ResourceKind, new_password};
use crate::workflow::{DatabasePlan, RotateParams};
use crate::{Code, DatabaseName, Error, Json, Result, StoreId, Username};

impl Controller {
    /// The database of a new store of this name; none without a database server.
    pub(super) fn database_plan(&self, username: &Username) -> Result<Option<DatabasePlan>> {
        let providers = self.providers();
        let Some(databases) = &providers.databases else { return Ok(None) };
        let password = new_password(providers, &DatabaseName::of(username), false)?;
        Ok(Some(DatabasePlan { address: databases.capabilities().address, password }))
    }

    /// Gives the store another user and password for its database, with no request of the store refused: the new user is there before the store learns of
    /// it, and the former one goes once the store says that it works as the new one (`database.user` of its `/health`). When it does not, everything is as
    /// before.
    ///
    /// # Errors
    /// `not_found`; `unsupported` for a store without a database. The operation fails with `store_not_serving` when the store does not take the new user.
    ///
    /// # Cancellation
    /// Dropping the future after the operation began does not stop it.
    pub async fn rotate_database_password(&self, id: &StoreId) -> Result<OperationHandle> {
        let (store, _) = self.store(id).await?;
        if !store.resources.iter().any(|held| held.key.kind == ResourceKind::Database) {
            let why = "the store has no database of its own: it was made while no database server was configured";
            return Err(Error::new(Code::Unsupported, why).with("store", id));
        }
        let params = Json::of(&RotateParams { store_id: id.clone() })?;
        let begun = self.begin_unplanned("rotate_password", id.username().as_str(), params, id.to_string()).await?;
        Ok(self.handle(&begun))
    }
}
