//! The last quarter of an hour of a device in a few numbers, for the curve in its row.

use ems_protocol::Spark as Curve;

use crate::store::samples::AHEAD_MS;

/// Minutes that a curve has.
pub const MINUTES: u8 = 15;
const MINUTE_MS: i64 = 60_000;
/// The minute that is going on is kept beside them, and those of a clock that is ahead by as much as is taken.
const SLOTS: usize = MINUTES as usize + 1 + AHEAD;
#[expect(clippy::cast_possible_truncation, reason = "a few minutes")]
const AHEAD: usize = (AHEAD_MS / MINUTE_MS) as usize + 1;

/// Means of each minute; late samples find their place in it.
#[derive(Debug, Default)]
pub(super) struct Spark {
    slots: [Slot; SLOTS],
}

/// One minute.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Since 1970.
    minute: i64,
    /// In %.
    soc: Mean,
    /// In W.
    power: Mean,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f32,
    count: u16,
}

/// A minute from the history.
pub struct Minute {
    /// Since 1970.
    pub minute: i64,
    /// The mean in %, and of how many samples.
    pub soc: (Option<f64>, u32),
    /// The mean in W, and of how many samples.
    pub power: (Option<f64>, u32),
}

/// The minute of a time in ms since 1970.
pub(super) fn minute_of(at: i64) -> i64 {
    at.div_euclid(MINUTE_MS)
}

/// Whether a sample of this time is part of the curve, both in ms since 1970.
pub(super) fn is_recent(at: i64, now: i64) -> bool {
    minute_of(now) - minute_of(at) <= i64::from(MINUTES)
}

impl Spark {
    /// Takes a sample of this time, ms since 1970; false when it is too old for the curve.
    pub(super) fn add(&mut self, at: i64, soc: Option<f64>, power: Option<f64>) -> bool {
        let Some(slot) = self.slot(minute_of(at)) else { return false };
        slot.soc.add(soc);
        slot.power.add(power);
        true
    }

    /// Takes what the history has of a minute, where it knows more.
    pub(super) fn fill(&mut self, known: &Minute) {
        let Some(slot) = self.slot(known.minute) else { return };
        slot.soc.fill(known.soc);
        slot.power.fill(known.power);
    }

    /// The curve of the minutes that had ended when `minute` began, as JSON; nothing when there is not one value.
    pub(super) fn json(&self, minute: i64) -> Option<String> {
        let slots = (1..=MINUTES).rev().map(|back| {
            let wanted = minute - i64::from(back);
            self.slots.get(place(wanted)).filter(|slot| slot.minute == wanted)
        });
        let (soc, power): (Vec<_>, Vec<_>) =
            slots.map(|slot| slot.map_or((None, None), |slot| (slot.soc.get(), slot.power.get()))).unzip();
        if soc.iter().chain(&power).all(Option::is_none) {
            return None;
        }
        serde_json::to_string(&Curve { step_s: 60, soc, power }).ok()
    }

    /// The place of a minute, emptied of an older one; none when a newer one has it.
    fn slot(&mut self, minute: i64) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(place(minute))?;
        if slot.minute < minute {
            *slot = Slot { minute, ..Slot::default() };
        }
        (slot.minute == minute).then_some(slot)
    }
}

fn place(minute: i64) -> usize {
    usize::try_from(minute.rem_euclid(SLOTS.cast_signed() as i64)).unwrap_or(0)
}

#[expect(clippy::cast_possible_truncation, reason = "a curve of 20 pixels needs no more digits")]
impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value
            && self.count < u16::MAX
        {
            self.sum += value as f32;
            self.count += 1;
        }
    }

    fn fill(&mut self, (mean, count): (Option<f64>, u32)) {
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        if let Some(mean) = mean.filter(|_| count > self.count) {
            (self.sum, self.count) = (mean as f32 * f32::from(count), count);
        }
    }

    fn get(self) -> Option<f32> {
        let mean = self.sum / f32::from(self.count);
        (self.count > 0).then(|| (mean * 10.0).round() / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(spark: &Spark, minute: i64) -> Vec<Option<f64>> {
        let Some(text) = spark.json(minute) else { return Vec::new() };
        serde_json::from_value(serde_json::from_str::<serde_json::Value>(&text).unwrap()["soc"].take())
            .unwrap()
    }

    #[test]
    fn a_curve_has_the_minutes_that_have_ended_and_gaps_where_nothing_was_said() {
        let mut spark = Spark::default();
        assert_eq!(spark.json(100), None);
        for (minute, soc) in [(85, 10.0), (85, 20.0), (97, 30.0), (99, 40.0), (100, 99.0)] {
            assert!(spark.add(minute * 60_000 + 5, Some(soc), None));
        }
        let curve = values(&spark, 100);
        let expected = |minute: i64| match minute {
            85 => Some(15.0),
            97 => Some(30.0),
            99 => Some(40.0),
            _ => None,
        };
        assert_eq!(curve, (85..100).map(expected).collect::<Vec<_>>());
        // The hour passes, and the curve moves on.
        assert_eq!(values(&spark, 101).last(), Some(&Some(99.0)));
        assert!(values(&spark, 200).is_empty());
    }

    #[test]
    fn a_clock_that_is_minutes_ahead_takes_nothing_from_the_curve() {
        let mut spark = Spark::default();
        for minute in 85..=105 {
            spark.add(minute * 60_000, Some(1.0), None);
        }
        assert_eq!(values(&spark, 100), vec![Some(1.0); 15]);
    }

    #[test]
    fn a_late_sample_finds_its_minute_and_the_history_fills_what_is_missing() {
        let mut spark = Spark::default();
        spark.add(99 * 60_000, Some(50.0), Some(7.0));
        assert!(spark.add(90 * 60_000, Some(40.0), None), "late, but within the curve");
        assert!(spark.add(101 * 60_000, None, None));
        assert!(!spark.add(79 * 60_000, Some(1.0), None), "the minute in its place is newer");
        let known = |minute, soc: f64, count| Minute { minute, soc: (Some(soc), count), power: (None, 0) };
        spark.fill(&known(98, 45.0, 60));
        spark.fill(&known(99, 48.0, 60));
        spark.fill(&known(90, 1.0, 1));
        let curve = values(&spark, 100);
        assert_eq!(
            curve.get(5..).unwrap(),
            [Some(40.0), None, None, None, None, None, None, None, Some(45.0), Some(48.0)]
        );
    }
}
