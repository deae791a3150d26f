//! Which rows can be right by their time.
//!
//! A row is taken once the next one goes on from it. Where that goes back behind it instead, both are held until a later
//! row shows which of them it follows: so one row with a time far ahead costs itself, not all that come after it.

use super::rows::Row;

/// Rows held at once: more that fall, one behind the other, are no glitch of a few rows.
const HELD: usize = 8;

/// The rows whose time nothing has spoken for yet.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The row that was taken last.
    taken: Option<Sample>,
    /// In the order of the file, each earlier in time than the one before, all later than the one taken.
    held: Vec<Sample>,
}

/// A row that is kept.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    number: u64,
    /// The time as it is written.
    pub(super) time: Vec<u8>,
    pub(super) seconds: f64,
    pub(super) volts: f64,
    pub(super) amps: f64,
}

impl Order {
    /// The next row. Gives the one that it confirms, and tells `bad` the numbers of those that cannot be right, and why.
    #[inline]
    pub(super) fn take(&mut self, row: &Row<'_>, bad: impl FnMut(u64, String)) -> Option<&Sample> {
        match (&mut self.taken, self.held.as_mut_slice()) {
            (Some(taken), [held]) if row.seconds > held.seconds => {
                std::mem::swap(taken, held);
                held.fill(row);
            }
            _ => self.decide(row, bad)?,
        }
        self.taken.as_ref()
    }

    /// The row that is left at the end of the file.
    pub(super) fn finish(&mut self, bad: impl FnMut(u64, String)) -> Option<&Sample> {
        let last = self.held.len().checked_sub(1)?;
        self.choose(last, bad);
        self.taken.as_ref()
    }

    /// `None` if the row confirms none.
    fn decide(&mut self, row: &Row<'_>, mut bad: impl FnMut(u64, String)) -> Option<()> {
        let goes_back = |from: f64| format!("t_s goes from {from} to {}: time must go on", row.seconds);
        if let Some(confirmed) = self.held.iter().position(|held| held.seconds < row.seconds) {
            self.choose(confirmed, bad);
            self.held.push(Sample::of(row));
            return Some(());
        }
        let last = self.held.last().or(self.taken.as_ref()).map(|sample| sample.seconds);
        let is_behind = self.taken.as_ref().is_some_and(|taken| row.seconds <= taken.seconds);
        let repeats = self.held.last().is_some_and(|held| row.seconds >= held.seconds);
        match last {
            Some(last) if is_behind || repeats => bad(row.number, goes_back(last)),
            _ => {
                if self.held.len() == HELD {
                    let jumped = self.held.remove(0);
                    bad(jumped.number, jumped.goes_too_far(self.taken.as_ref(), row.seconds));
                }
                self.held.push(Sample::of(row));
            }
        }
        None
    }

    /// Takes that one of the held rows; the others are in its way.
    fn choose(&mut self, at: usize, mut bad: impl FnMut(u64, String)) {
        let chosen = self.held.remove(at);
        for (place, held) in self.held.drain(..).enumerate() {
            let why = if place < at {
                held.goes_too_far(self.taken.as_ref(), chosen.seconds)
            } else {
                format!("t_s goes from {} to {}: time must go on", chosen.seconds, held.seconds)
            };
            bad(held.number, why);
        }
        self.taken = Some(chosen);
    }
}

impl Sample {
    fn of(row: &Row<'_>) -> Self {
        let mut sample = Self { number: 0, time: Vec::new(), seconds: 0.0, volts: 0.0, amps: 0.0 };
        sample.fill(row);
        sample
    }

    fn fill(&mut self, row: &Row<'_>) {
        self.time.clear();
        self.time.extend_from_slice(row.time);
        (self.number, self.seconds) = (row.number, row.seconds);
        (self.volts, self.amps) = (row.volts, row.amps);
    }

    fn goes_too_far(&self, before: Option<&Self>, next: f64) -> String {
        let from = before.map_or_else(String::new, |before| format!("from {} ", before.seconds));
        format!("t_s jumps {from}to {}, which a row after it contradicts with {next}", self.seconds)
    }
}
