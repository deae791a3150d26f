//! How the database is opened, whatever state it is in, and healed.

use super::backlog::Backlog;
use super::boots::Boots;
use super::events::Events;
use super::{Card, CardError, Limits, Open, database, entry, salvage, wal};
use crate::store::notice::Notice;

impl Card {
    pub(super) fn heal_and<T>(
        &mut self,
        why: &str,
        mut work: impl FnMut(&mut Open) -> Result<T, CardError>,
    ) -> Result<T, CardError> {
        self.open = None;
        self.heal(why)?;
        work(self.ready()?)
    }

    /// The open database; opens and heals it if need be.
    pub(super) fn ready(&mut self) -> Result<&mut Open, CardError> {
        if self.open.is_none() {
            let opened = match self.try_open() {
                Err(CardError::Damaged(why)) => {
                    self.heal(&why)?;
                    self.try_open()
                }
                other => other,
            }?;
            self.open = Some(opened);
            self.openings += 1;
        }
        self.open.as_mut().ok_or_else(|| CardError::Unusable("it is not open".to_owned()))
    }

    fn try_open(&mut self) -> Result<Open, CardError> {
        self.folder.hold().map_err(|error| CardError::Unusable(error.to_string()))?;
        salvage::exchange(&self.paths)?;
        // Before SQLite writes over it.
        let log = wal::read(&self.paths.log())?;
        let mut connection = database::open(&self.paths, &log)?;
        let mut boots = Boots::load(&connection)?;
        let (mut backlog, damaged) = Backlog::load(&connection, &mut boots)?;
        if damaged > 0 {
            self.notices.push(Notice::BlockDamaged { blocks: damaged });
        }
        let events = Events::load(&connection)?;
        if let Some(blocks) = salvage::torn_blocks(&log) {
            let before = backlog.samples;
            for block in blocks.into_iter().filter_map(entry::block) {
                let samples = (block.boot_id, block.samples.as_slice());
                // What makes room here is counted with the next write.
                backlog.push(&mut connection, &mut boots, samples, Limits::NONE)?;
            }
            self.notices.push(Notice::CardTorn { samples: backlog.samples - before });
        }
        Ok(Open { connection, boots, backlog, events })
    }

    fn heal(&mut self, why: &str) -> Result<(), CardError> {
        let healed = salvage::heal(&self.paths)?;
        self.notices.push(Notice::CardHealed {
            why: why.to_owned(),
            aside: healed.aside,
            samples: healed.samples,
            events: healed.events,
        });
        Ok(())
    }
}
