//! Purge: mark the set as dropping, so that nothing of it is seen from then on; remove each copy with its
//! versions and index entries; forget the set; empty the write-ahead log. What a crash interrupts, the next
//! start finishes.

use super::{Purged, Shares, is_grant};
use crate::{
    Error,
    erase::{PER_TRANSACTION_MAX, erase},
};

impl Shares {
    /// Physically removes the copies of `grant`. An unknown grant is an empty one.
    pub async fn purge(&self, grant: &str) -> Result<Purged, Error> {
        let _changing = self.changing.lock().await;
        if !is_grant(grant) {
            return Err(Error::Share("the grant id is not lower-case hex".into()));
        }
        let count = self.remove(grant).await?;
        let scrubbed = self.store.checkpoint().await?;
        Ok(Purged { count, scrubbed })
    }

    /// Finishes the purges that an earlier process began.
    pub(crate) async fn resume(&self) -> Result<(), Error> {
        let _changing = self.changing.lock().await;
        let unfinished: Vec<String> =
            self.snapshot().iter().filter(|(_, set)| set.dropping).map(|(grant, _)| grant.clone()).collect();
        for grant in unfinished {
            self.remove(&grant).await?;
            self.store.checkpoint().await?;
        }
        Ok(())
    }

    async fn remove(&self, grant: &str) -> Result<usize, Error> {
        let set = grant.to_owned();
        let members = self.store.write(move |db| begin(db, &set)).await?;
        self.reload().await?;
        for chunk in members.chunks(PER_TRANSACTION_MAX) {
            let chunk = chunk.to_vec();
            self.store
                .write(move |db| chunk.iter().try_for_each(|copy| erase(db, &copy.0, &copy.1).map(drop)))
                .await?;
        }
        let set = grant.to_owned();
        self.store.write(move |db| finish(db, &set)).await?;
        self.reload().await?;
        Ok(members.len())
    }
}

fn begin(db: &rusqlite::Connection, grant: &str) -> Result<Vec<(String, String)>, Error> {
    db.execute("UPDATE share_set SET dropping = 1 WHERE grant_id = ?1", [grant])?;
    let mut select = db.prepare("SELECT resource_type, id FROM share_member WHERE grant_id = ?1")?;
    let members = select.query_map([grant], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(members.collect::<Result<_, _>>()?)
}

fn finish(db: &rusqlite::Connection, grant: &str) -> Result<(), Error> {
    db.execute("DELETE FROM share_member WHERE grant_id = ?1", [grant])?;
    db.execute("DELETE FROM share_set WHERE grant_id = ?1", [grant])?;
    Ok(())
}
