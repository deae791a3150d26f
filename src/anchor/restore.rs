//! Taking up what earlier runs have left; what is there and cannot be used is told and kept.

use std::fs;

use tracing::{info, warn};

use super::saved::{Saved, Unusable};
use super::{Anchor, slots};
use crate::battery::{Battery, SavedError};

/// The name of the last one that could not be read.
const UNREAD: &str = "battery-unread";

/// Where something was kept.
#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    Ram,
    /// With the bytes that are there.
    Card(&'a [u8]),
}

impl Anchor {
    /// Takes up what earlier runs have left: of this boot from the runtime directory, else `card`, the anchor of an
    /// earlier one. What is there and cannot be used is told and kept aside. Whether the battery goes on from any of it.
    pub fn restore(&mut self, battery: &mut Battery, card: Option<&[u8]>) -> bool {
        let in_ram = self.in_ram().map(|saved| (Place::Ram, saved));
        let on_card = card.map(|bytes| (Place::Card(bytes), Saved::read(bytes)));
        let (mut is_restored, mut unusable) = (false, None);
        for (place, saved) in [in_ram, on_card].into_iter().flatten() {
            match saved.and_then(|saved| self.take_up(battery, saved)) {
                Ok(()) => {
                    is_restored = true;
                    break;
                }
                Err(why) => {
                    self.set_aside(place, why);
                    unusable = Some(why);
                }
            }
        }
        if let Some(why) = unusable.filter(|_| !is_restored) {
            warn!("{why}: the state of charge and the totals of energy and cycles start anew");
        }
        self.count.0 = battery.count_epoch();
        is_restored
    }

    /// What this boot has left on the runtime directory.
    fn in_ram(&self) -> Option<Result<Saved, Unusable>> {
        let saved = match slots::read(self.path.as_deref()?) {
            Ok(bytes) => Saved::read(&bytes?),
            Err(slots::NoneWhole) => Err(Unusable::Damaged),
        };
        // Another boot's clock tells nothing here; the card may have more of it.
        let is_of_another_boot = saved.as_ref().is_ok_and(|saved| saved.boot_id != self.boot_id);
        (!is_of_another_boot).then_some(saved)
    }

    fn take_up(&mut self, battery: &mut Battery, saved: Saved) -> Result<(), Unusable> {
        let off = self.off(&saved);
        battery.restore(&saved.state, off)?;
        if off.is_some() {
            info!("the state of charge goes on from what was kept");
        } else {
            info!("the state of charge is uncertain until the clock tells how long the power was off");
            self.waiting = saved.wall.is_some().then_some(saved);
        }
        Ok(())
    }

    /// Keeps what another version may be able to read, or somebody may want to know, from being written over.
    fn set_aside(&self, place: Place<'_>, why: Unusable) {
        if why == Unusable::State(SavedError::OtherPack) {
            return;
        }
        match (place, &self.path, &self.card) {
            (Place::Ram, Some(path), _) => {
                let aside = path.with_file_name(UNREAD);
                match fs::rename(path, &aside) {
                    Ok(()) => warn!("{why} ({}): it is kept as {}", path.display(), aside.display()),
                    Err(error) => warn!("{why} ({}): it cannot be kept: {error}", path.display()),
                }
            }
            (Place::Card(bytes), _, Some(card)) => {
                warn!("{why} (on the card): it is kept there under the name {UNREAD}");
                card(UNREAD, bytes.to_vec());
            }
            _ => {}
        }
    }
}
