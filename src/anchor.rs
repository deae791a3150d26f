//! What is known of the battery, kept over restarts and power cuts.
//!
//! It is written into a file on the runtime directory (RAM) every ten seconds, and at once when a total that is shown or
//! anything that is judged has changed: a stop loses nothing and a crash seconds, which count as time off. The card gets an
//! anchor when the battery was full or empty, when the daemon stops, when what the protection has tripped changes, each time that
//! another percent has flowed, and otherwise every half hour at most: so a power cut loses one percent of counting, less than the
//! narrowest interval leaves, and the time without power widens the interval like any gap. Both get a chip's count as soon as it
//! begins: from an older one of the same chip nothing that has flowed could be told.

mod restore;
mod saved;
mod slots;

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use ems_protocol::ClockQuality;
use tracing::{info, warn};

use crate::battery::Battery;
use crate::battery::protection::Kept;
use crate::clock::{BootTime, Clock};
use crate::sample::shown_total;
use saved::Saved;
use slots::Slots;

/// The name of the anchor, on the card and on the runtime directory.
pub const NAME: &str = "battery";
/// How old the file in RAM may become, in ms; and what may be counted meanwhile, in %.
const RAM_MS: u64 = 10_000;
const RAM_PERCENT: f64 = 0.05;
/// How often the card is written, at most, in ms.
const CARD_MS: u64 = 30 * 60 * 1000;
/// How soon after the start it is written first, in ms.
const FIRST_CARD_MS: u64 = 5 * 60 * 1000;
/// How soon after another it is written for a new count of the chip, in ms: one on a loose plug begins anew all the time.
const CARD_COUNT_MS: u64 = 60_000;
/// A change in % that is written before that.
const CARD_PERCENT: f64 = 1.0;

/// Keeps a value on the card, under its name.
pub type Card = Box<dyn Fn(&'static str, Vec<u8>)>;

/// Keeps the battery's state.
pub struct Anchor {
    path: Option<PathBuf>,
    /// Opened with the first sample.
    file: Option<Slots>,
    card: Option<Card>,
    clock: Rc<Clock>,
    boot_id: String,
    /// When the card is written next, and syncs and state of charge in % when it was last.
    card_due: BootTime,
    syncs: u32,
    soc: f64,
    /// What it has of the protection.
    kept: Kept,
    /// Which of the chip's counts it has, and from when on another is written.
    count: (Option<u32>, BootTime),
    /// What the file in RAM has: when it is written next, and what else makes it due.
    ram: (BootTime, Option<Shown>),
    /// What an earlier boot left, while nobody knows how long ago.
    waiting: Option<Saved>,
    bytes: Vec<u8>,
}

/// What must not be older in the file than on the wire: totals must not go back, nor a fault be forgotten, nor a count be
/// compared with one from before the chip restarted.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shown {
    soc: f64,
    totals: [u32; 2],
    syncs: u32,
    kept: Kept,
    allowed: (bool, bool),
    /// [`Battery::count_epoch`].
    count: Option<u32>,
}

impl Anchor {
    /// Keeps the state in the folder `runtime` and by `card`; `boot_id` is the kernel's name of this boot.
    pub fn new(runtime: Option<&Path>, card: Option<Card>, clock: Rc<Clock>, boot_id: String) -> Self {
        // The first one comes soon: a battery that was learned for an hour must not be lost with the second.
        let card_due = BootTime(clock.boottime().0.saturating_add(FIRST_CARD_MS));
        let path = runtime.map(|folder| folder.join(NAME));
        Self {
            path,
            file: None,
            card,
            clock,
            boot_id,
            card_due,
            syncs: 0,
            soc: f64::NAN,
            kept: Kept::default(),
            count: (None, BootTime(0)),
            ram: (BootTime(0), None),
            waiting: None,
            bytes: Vec::new(),
        }
    }

    /// A sample has been taken.
    pub fn sampled(&mut self, battery: &mut Battery) {
        let now = self.clock.boottime();
        if let Some(saved) = self.waiting.take() {
            match self.off(&saved) {
                // What was counted since is within what may have flowed unseen.
                Some(off) if battery.restore(&saved.state, Some(off)).is_ok() => {
                    info!("the clock is known: the state of charge goes on from what was kept");
                }
                Some(_) => {}
                None => self.waiting = Some(saved),
            }
        }
        let shown = Shown::of(battery);
        if now >= self.ram.0 || self.ram.1.is_none_or(|kept| kept.is_stale(&shown)) {
            self.ram = (BootTime(now.0.saturating_add(RAM_MS)), Some(shown));
            self.write_down(battery, now);
            self.keep_in_ram();
        }
        // While it waits, what is on the card is worth more.
        let soc = shown.soc;
        if self.soc.is_nan() {
            self.soc = soc;
        }
        let has_moved = (soc - self.soc).abs() >= CARD_PERCENT;
        let has_tripped = shown.kept != self.kept;
        let has_restarted = shown.count != self.count.0 && now >= self.count.1;
        let due =
            has_moved || has_tripped || has_restarted || shown.syncs != self.syncs || now >= self.card_due;
        if due && self.waiting.is_none() {
            self.write_down(battery, now);
            self.keep_on_card(battery, now);
        }
    }

    /// The daemon stops.
    pub fn stop(&mut self, battery: &Battery) {
        let now = self.clock.boottime();
        self.write_down(battery, now);
        self.keep_in_ram();
        if self.waiting.is_none() {
            self.keep_on_card(battery, now);
        }
    }

    fn keep_in_ram(&mut self) {
        let Some(path) = &self.path else { return };
        let written = match &mut self.file {
            Some(file) => file.write(&self.bytes),
            None => Slots::open(path).and_then(|file| self.file.insert(file).write(&self.bytes)),
        };
        if let Err(error) = written {
            warn!(
                "cannot write {}: {error}; after a restart the state of charge is uncertain",
                path.display()
            );
            (self.path, self.file) = (None, None);
        }
    }

    fn keep_on_card(&mut self, battery: &Battery, now: BootTime) {
        self.card_due = BootTime(now.0.saturating_add(CARD_MS));
        (self.syncs, self.soc, self.kept) = (battery.syncs(), battery.estimate().soc, battery.kept());
        self.count = (battery.count_epoch(), BootTime(now.0.saturating_add(CARD_COUNT_MS)));
        if let Some(card) = &self.card {
            card(NAME, self.bytes.clone());
        }
    }

    fn write_down(&mut self, battery: &Battery, now: BootTime) {
        let (label, quality) = self.clock.label(now);
        let wall = is_known(quality).then_some(label.millis());
        saved::write(&mut self.bytes, &self.boot_id, now, wall, |out| battery.save(out));
    }

    /// How long ago it was saved, if anybody knows.
    fn off(&self, saved: &Saved) -> Option<Duration> {
        let now = self.clock.boottime();
        if saved.boot_id == self.boot_id {
            return Some(Duration::from_millis(now.0.saturating_sub(saved.taken.0)));
        }
        let (label, quality) = self.clock.label(now);
        let millis = label.millis().checked_sub(saved.wall?)?;
        // A clock that has gone back tells nothing.
        u64::try_from(millis).ok().filter(|_| is_known(quality)).map(Duration::from_millis)
    }
}

impl Shown {
    fn of(battery: &Battery) -> Self {
        let meter = battery.meter();
        let verdict = battery.verdict();
        Self {
            soc: battery.estimate().soc,
            totals: [meter.energy_in, meter.energy_out].map(shown_total),
            syncs: battery.syncs(),
            kept: battery.kept(),
            allowed: (verdict.charge_allowed, verdict.load_allowed),
            count: battery.count_epoch(),
        }
    }

    /// Whether `now` is news that must not be lost.
    fn is_stale(&self, now: &Self) -> bool {
        let moved = (self.soc - now.soc).abs() >= RAM_PERCENT;
        moved
            || (self.totals, self.syncs, self.kept, self.allowed, self.count)
                != (now.totals, now.syncs, now.kept, now.allowed, now.count)
    }
}

fn is_known(quality: ClockQuality) -> bool {
    matches!(quality, ClockQuality::Synced | ClockQuality::Server)
}

#[cfg(test)]
mod tests;
