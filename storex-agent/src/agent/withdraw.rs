//! `withdraw`: fence, remember that the part is going, remove it, remember that it is gone.

use super::Inner;
use storex_core::{EffectCx, Part, Result, StoreId};

impl Inner {
    pub(super) async fn withdraw(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()> {
        let _route_turn = if part == Part::Route { Some(self.ledger.route_turn(store).await) } else { None };
        let _turn = self.ledger.turn(store).await;
        self.check_deadline(cx)?;
        let mut entry = self.entry(store);
        let rose = entry.fence(cx)?;
        let is_done = entry.withdrawn(&cx.mark, part);
        let is_known = entry.parts.contains_key(&part) || entry.doubts.contains_key(&part);
        if is_known && !is_done {
            // From here on a restart ends what was begun.
            entry.doubt(part, &cx.mark, true);
        }
        if rose || (is_known && !is_done) {
            self.ledger.put(&entry).await?;
        }
        if is_done {
            return Ok(());
        }
        self.remove(cx, store, part).await?;
        entry.gone(part, self.clock.now());
        entry.finish(&cx.mark, part, None);
        self.ledger.put(&entry).await?;
        if entry.retired_at.is_some() {
            self.ledger.forget_old(self.clock.now())?;
        }
        tracing::info!(%store, %part, effect = %cx.mark.effect, "a part is gone");
        Ok(())
    }

    /// Removes whatever there is of the part.
    pub(super) async fn remove(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()> {
        match part {
            // What has no marker of ours is not ours to remove, and not there as far as this store is concerned.
            Part::Files => match self.files.find(store).await?.tree {
                Some(_) => self.files.remove_tree(cx, store).await,
                None => Ok(()),
            },
            Part::Environment => self.files.remove_environment(cx, store).await,
            Part::Process => self.processes.remove(cx, store).await,
            Part::Route => {
                let change = self.routes.put(store, None);
                self.routes.applied(change.version).await.map(drop)
            }
        }
    }
}
