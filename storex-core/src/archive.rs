//! Carrying everything from one repo into an empty one, and proving that it arrived.

use crate::{ArchivedRow, Claim, Code, Error, Result, StoreArchive, Table};

/// Rows and claims read at a time.
const PAGE: usize = 100;

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Rows of all tables.
    pub rows: usize,
    /// Claims.
    pub claims: usize,
}

/// Carries everything from one repo into an empty one. Before the destination may be served, both are read again and compared: what changed in the
/// source meanwhile, or did not arrive, fails the copy.
///
/// # Errors
/// `unusable` when somebody works on the source, when the destination is not empty, or when the two differ at the end; what the repos answer. From
/// the moment the destination was begun it stays unfinished after an error, which says so: it has to be removed, and the copy repeated.
///
/// # Cancellation
/// Dropping the future leaves the destination unfinished, or untouched; the source is never changed.
pub async fn copy_archive(from: &dyn StoreArchive, to: &dyn StoreArchive) -> Result<Copied> {
    refuse_busy(from).await?;
    to.begin().await?;
    let copied = carry(from, to).await;
    copied.map_err(|error| error.with("destination", "unfinished: remove its file or drop its database, then copy again"))
}

async fn refuse_busy(from: &dyn StoreArchive) -> Result<()> {
    match from.busy().await? {
        None => Ok(()),
        Some(who) => {
            let what = format!(
                "the source is in use: {who}; stop every controller on it, wait until its leases are over, and copy again"
            );
            Err(Error::new(Code::Unusable, what))
        }
    }
}

async fn carry(from: &dyn StoreArchive, to: &dyn StoreArchive) -> Result<Copied> {
    let mut copied = Copied::default();
    for table in Table::ALL {
        let mut after = None;
        loop {
            let rows = from.export_rows(*table, after.as_deref(), PAGE).await?;
            let Some(last) = rows.last() else { break };
            to.import_rows(*table, &rows).await?;
            copied.rows += rows.len();
            after = Some(last.row.id.clone());
        }
    }
    let mut after = None;
    loop {
        let claims = from.export_claims(place(after.as_ref()), PAGE).await?;
        let Some(last) = claims.last() else { break };
        to.import_claims(&claims).await?;
        copied.claims += claims.len();
        after = Some(last.clone());
    }
    compare(from, to).await?;
    let last = from.last_epoch().await?;
    refuse_busy(from).await?;
    to.finish(last).await?;
    Ok(copied)
}

fn place(claim: Option<&Claim>) -> Option<(&str, &str)> {
    claim.map(|claim| (claim.namespace.as_str(), claim.name.as_str()))
}

/// Reads both again, side by side.
async fn compare(from: &dyn StoreArchive, to: &dyn StoreArchive) -> Result<()> {
    let differ = |what: String| {
        let what = format!("source and destination differ in {what}: something wrote to one of them while it was copied");
        Err(Error::new(Code::Unusable, what))
    };
    for table in Table::ALL {
        let mut after: Option<String> = None;
        loop {
            let here = from.export_rows(*table, after.as_deref(), PAGE).await?;
            let there = to.export_rows(*table, after.as_deref(), PAGE).await?;
            if here != there {
                return differ(format!("the table {table}"));
            }
            let Some(ArchivedRow { row, .. }) = here.last() else { break };
            after = Some(row.id.clone());
        }
    }
    let mut after: Option<Claim> = None;
    loop {
        let here = from.export_claims(place(after.as_ref()), PAGE).await?;
        if here != to.export_claims(place(after.as_ref()), PAGE).await? {
            return differ("the claims".to_owned());
        }
        let Some(last) = here.last() else { return Ok(()) };
        after = Some(last.clone());
    }
}
