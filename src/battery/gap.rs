//! A time without readings: what may have flowed meanwhile, by the currents before it and by those that follow.

use super::polarisation::{NOTHING, share};

/// A load that comes and goes shows within this time what it takes, in s.
const JUDGED_SECONDS: f64 = 300.0;
/// Until then it may have taken or given so much on the mean, as a multiple of the capacity per hour.
const UNJUDGED_C_RATE: f64 = 0.5;
/// Time constant of the average that tells what it takes, in s.
const AVERAGE_SECONDS: f64 = 150.0;
/// What a load that comes and goes may differ by from one time to the next, as a share of the usual current.
const DOUBT: f64 = 0.25;

/// Currents as multiples of the capacity per hour: just before the gap, averages of what flowed before it, just after it,
/// and their usual size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    pub(super) before: f64,
    pub(super) averages: [f64; 2],
    pub(super) after: f64,
    pub(super) usual: f64,
    /// The most that a charger gives for minutes, and that loads take.
    pub(super) charger: f64,
    pub(super) load: f64,
}

/// What has flowed in a gap, in % of the capacity on the mean, and the limits of that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Flow {
    pub(super) mean: f64,
    pub(super) below: f64,
    pub(super) above: f64,
}

/// A gap that is over, and judged by what follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gap {
    hours: f64,
    /// The currents that are allowed for.
    least: f64,
    most: f64,
    average: f64,
    judged: f64,
}

impl Gap {
    /// A gap of so many `hours` between two readings, and what may have flowed in it; `unknown` is a current that may
    /// have flowed in either direction whatever was seen.
    pub(super) fn new(around: &Around, hours: f64, unknown: f64) -> (Self, Flow) {
        let Around { before, averages: [recent, long], after, usual, charger, load } = *around;
        let (lower, upper) = (before.min(after), before.max(after));
        // A load that comes and goes may be off at both ends: then what flowed of late tells more.
        let beyond = recent - recent.clamp(lower, upper);
        let mean = if unknown > 0.0 { 0.0 } else { f64::midpoint(before, after) + 0.5 * beyond };
        // What has drawn so much before may have come and gone.
        let least = lower.min(recent).min(long).min(-load).min(-unknown);
        // What is left of a charge tells nothing of how it began.
        let charged = if upper > NOTHING { charger } else { 0.0 };
        let most = upper.max(recent).max(long).max(charged).max(unknown);
        let doubt = DOUBT * usual + 0.5 * beyond.abs();
        let percent = 100.0 * hours;
        let flow = Flow {
            mean: mean * percent,
            below: (mean - least + doubt) * percent,
            above: (most - mean + doubt) * percent,
        };
        (Self { hours, least, most, average: 0.0, judged: 0.0 }, flow)
    }

    /// Takes a reading of the current after the gap: by how much, below and above in %, more may have flowed than was
    /// allowed for.
    pub(super) fn judge(&mut self, c_rate: f64, seconds: f64) -> (f64, f64) {
        self.judged += seconds;
        self.average += share(seconds, AVERAGE_SECONDS) * (c_rate - self.average);
        let (below, above) = ((self.least - self.average).max(0.0), (self.average - self.most).max(0.0));
        (self.least, self.most) = (self.least - below, self.most + above);
        (100.0 * self.hours * below, 100.0 * self.hours * above)
    }

    /// How much more, below and above in %, what follows may still tell of.
    pub(super) fn slack(&self) -> (f64, f64) {
        let unjudged = UNJUDGED_C_RATE * (1.0 - self.judged / JUDGED_SECONDS).max(0.0);
        let more = |allowed: f64| 100.0 * self.hours * (unjudged - allowed).max(0.0);
        (more(-self.least), more(self.most))
    }

    pub(super) fn is_judged(&self) -> bool {
        self.judged >= JUDGED_SECONDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING_KNOWN: Around =
        Around { before: 0.0, averages: [0.0; 2], after: 0.0, usual: 0.0, charger: 0.0, load: 0.0 };

    #[test]
    fn what_flows_at_one_end_may_have_flowed_all_the_time_or_not_at_all() {
        let (_, flow) = Gap::new(&Around { after: -0.6, ..NOTHING_KNOWN }, 0.5, 0.0);
        assert!((flow.mean + 15.0).abs() < 1e-9 && (flow.below - 15.0).abs() < 1e-9, "{flow:?}");
        assert!((flow.above - 15.0).abs() < 1e-9, "{flow:?}");
    }

    #[test]
    fn a_charge_that_is_nearly_over_after_the_gap_may_have_been_one_of_all_that_the_charger_gives() {
        let (_, flow) = Gap::new(&Around { after: 0.03, charger: 0.2, ..NOTHING_KNOWN }, 0.5, 0.0);
        assert!((flow.mean + flow.above - 10.0).abs() < 1e-9, "{flow:?}");
        let (_, flow) = Gap::new(&Around { after: -0.03, charger: 0.2, ..NOTHING_KNOWN }, 0.5, 0.0);
        assert!((flow.mean + flow.above).abs() < 1e-9, "{flow:?}");
    }

    #[test]
    fn a_load_that_has_drawn_before_may_have_come_and_gone() {
        let around = Around { before: 0.1, averages: [0.1; 2], after: 0.1, load: 0.3, ..NOTHING_KNOWN };
        let (_, flow) = Gap::new(&around, 0.5, 0.0);
        assert!((flow.mean - flow.below + 15.0).abs() < 1e-9, "{flow:?}");
    }

    #[test]
    fn a_load_that_began_in_the_gap_tells_by_its_pulses_afterwards_what_it_took() {
        let (mut gap, flow) = Gap::new(&Around { after: -0.1, ..NOTHING_KNOWN }, 1.0 / 6.0, 0.0);
        assert!(flow.below < 1.0 && gap.slack().0 > 6.0, "{flow:?} {gap:?}");
        let mut more = 0.0;
        for second in 0..400 {
            let pulse = if second % 40 < 20 { -0.1 } else { -0.7 };
            more += gap.judge(pulse, 1.0).0;
        }
        assert!((4.5..7.0).contains(&more) && gap.is_judged() && gap.slack() == (0.0, 0.0), "{more} {gap:?}");
    }
}
