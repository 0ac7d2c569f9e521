//! Turns: operations on the same store go one after another, in the order in which they were asked for.
//!
//! A claim makes sure that only one has its turn; the operations' ids, which rise with time, say whose it is next. An operation stays open until
//! its turn is given up, so no crash can leave it taken.

use super::OperationDoc;
use super::doc::TURN;
use crate::{Claim, ClaimOutcome, Fence, OperationId, Page, Query, Result, StoreRepo, Table};

/// Namespace of the claims that are turns.
const NAMESPACE: &str = "turn";

/// Takes the turn of the operation. Answers the operation that has it, or comes before, when it is not its turn yet.
pub(super) async fn take(repo: &dyn StoreRepo, doc: &OperationDoc, fence: Fence) -> Result<Option<OperationId>> {
    let Some(turn) = &doc.turn else { return Ok(None) };
    // Who is planned has had its turn and keeps it: ids of one millisecond follow no order, so one that comes before may have been asked for after.
    if !doc.planned {
        let earlier = repo.list(Table::Operations, &Query::equals(TURN, turn), &Page::first(1)).await?.rows;
        if let Some(first) = earlier.first().filter(|row| row.id.as_str() < doc.id.as_str()) {
            // A crash may have left the turn here before anything was begun.
            repo.release(NAMESPACE, turn, doc.id.as_str(), fence).await?;
            return Ok(Some(first.id.parse()?));
        }
    }
    let claim =
        Claim { namespace: NAMESPACE.to_owned(), name: turn.clone(), owner: doc.id.to_string(), label: doc.label.clone() };
    match repo.claim(&claim, fence).await? {
        ClaimOutcome::Held => Ok(None),
        ClaimOutcome::Taken(held) => {
            let holder: OperationId = held.owner.parse()?;
            let row = repo.get(Table::Operations, holder.as_str()).await?;
            let over = row.map(|row| row.body.read::<OperationDoc>()).transpose()?.is_none_or(|doc| doc.is_over());
            if over {
                repo.release(NAMESPACE, turn, holder.as_str(), fence).await?;
                if repo.claim(&claim, fence).await? == ClaimOutcome::Held {
                    return Ok(None);
                }
            }
            Ok(Some(holder))
        }
    }
}

/// Gives the turn up.
pub(super) async fn give_up(repo: &dyn StoreRepo, doc: &OperationDoc, fence: Fence) -> Result<()> {
    match &doc.turn {
        Some(turn) => repo.release(NAMESPACE, turn, doc.id.as_str(), fence).await,
        None => Ok(()),
    }
}
