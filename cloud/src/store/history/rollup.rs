//! What is kept of many samples: the least, the mean, the greatest and the last value of each field, and the energy.
//!
//! Roll-ups of times that follow each other merge into that of the whole, so a minute, an hour and a bucket of a plot
//! are the same thing, whichever way they came about.

/// The fields that are rolled up, by name and place among the columns of a sample.
pub const FIELDS: [(&str, usize); FIELD_COUNT] = [
    ("battery.voltage", 15),
    ("battery.current", 17),
    ("battery.power", POWER_COLUMN),
    ("battery.soc", 16),
    ("battery.soc_low", 19),
    ("battery.soc_high", 20),
    ("battery.temperature", 23),
    ("grid.power", 35),
    ("solar.power", 41),
    ("load.power", 42),
    ("system_status.cpu_temperature", 13),
    ("system_status.wifi_strength", 10),
];
/// How many they are.
pub const FIELD_COUNT: usize = 12;
const POWER_COLUMN: usize = 18;
/// `battery.power` among [`FIELDS`].
pub const POWER: usize = 2;

/// W·ms in a Wh.
const WATT_HOUR: f64 = 3_600_000.0;

/// The values of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stat {
    /// How many samples have one.
    pub count: u32,
    /// The least; NaN without any.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Of all.
    pub sum: f64,
    /// Of the last sample that has one.
    pub last: f64,
}

impl Stat {
    /// Of no sample.
    pub const NONE: Self = Self { count: 0, min: f64::NAN, max: f64::NAN, sum: 0.0, last: f64::NAN };

    fn of(value: f64) -> Self {
        if value.is_nan() {
            Self::NONE
        } else {
            Self { count: 1, min: value, max: value, sum: value, last: value }
        }
    }

    fn merge(&mut self, later: &Self) {
        if later.count > 0 {
            self.count += later.count;
            // These pass over a NaN.
            self.min = self.min.min(later.min);
            self.max = self.max.max(later.max);
            self.sum += later.sum;
            self.last = later.last;
        }
    }

    /// The mean; NaN without values.
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.count)
    }
}

/// Energy of the battery: the integral of its power over the time between samples that follow each other closely.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Energy {
    /// Charged, W·ms.
    pub charged: f64,
    /// Discharged, W·ms.
    pub discharged: f64,
    /// The time that is covered, ms.
    pub covered: i64,
}

impl Energy {
    /// In Wh.
    pub fn watt_hours(&self) -> (f64, f64) {
        (self.charged / WATT_HOUR, self.discharged / WATT_HOUR)
    }

    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.charged += other.charged;
        self.discharged += other.discharged;
        self.covered += other.covered;
    }
}

/// The power at a moment; NaN where a sample has none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// ms since 1970.
    pub at: i64,
    /// W.
    pub power: f64,
}

impl Moment {
    /// The energy on the straight line from here to `later`; none across a gap: a step longer than `longest` (ms), or
    /// one that begins or ends without a power.
    pub fn until(&self, later: &Self, longest: i64) -> Energy {
        let step = later.at - self.at;
        if step > longest || self.power.is_nan() || later.power.is_nan() {
            return Energy::default();
        }
        let (from, to, time) = (self.power, later.power, step as f64);
        let (up, down) = if from * to < 0.0 {
            // The line crosses zero: each side has its triangle.
            let crossing = from / (from - to);
            let (before, after) = (from * crossing * time / 2.0, to * (1.0 - crossing) * time / 2.0);
            (before.max(after), before.min(after))
        } else {
            let whole = (from + to) * time / 2.0;
            (whole.max(0.0), whole.min(0.0))
        };
        Energy { charged: up, discharged: -down, covered: step }
    }

    /// The point at a time on the straight line from here to `later`.
    #[must_use]
    pub fn between(&self, later: &Self, at: i64) -> Self {
        let part = (at - self.at) as f64 / ((later.at - self.at).max(1)) as f64;
        Self { at, power: self.power + (later.power - self.power) * part }
    }
}

/// Of at least one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollup {
    /// How many.
    pub samples: u32,
    /// By [`FIELDS`].
    pub stats: [Stat; FIELD_COUNT],
    /// Between the first and the last.
    pub energy: Energy,
    /// The first.
    pub first: Moment,
    /// The last.
    pub last: Moment,
}

impl Rollup {
    /// Of one sample, with its values by [`FIELDS`]; NaN for those that it has not.
    pub fn of(at: i64, values: &[f64; FIELD_COUNT]) -> Self {
        let moment = Moment { at, power: values[POWER] };
        Self {
            samples: 1,
            stats: values.map(Stat::of),
            energy: Energy::default(),
            first: moment,
            last: moment,
        }
    }

    /// Takes in what follows; a step of more than `longest` ms between is a gap.
    pub fn merge(&mut self, later: &Self, longest: i64) {
        self.energy.add(&self.last.until(&later.first, longest));
        self.energy.add(&later.energy);
        self.combine(later);
        self.last = later.last;
    }

    /// Takes in samples whose place among the others is not known any more: nothing is between them.
    pub fn blend(&mut self, other: &Self) {
        self.energy.add(&other.energy);
        if other.last.at >= self.last.at {
            self.combine(other);
            self.last = other.last;
        } else {
            let mut all = other.clone();
            all.combine(self);
            self.stats = all.stats;
            self.samples = all.samples;
        }
        if other.first.at < self.first.at {
            self.first = other.first;
        }
    }

    fn combine(&mut self, later: &Self) {
        self.samples += later.samples;
        for (stat, later) in self.stats.iter_mut().zip(&later.stats) {
            stat.merge(later);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::samples::row::COLUMNS;

    #[test]
    fn each_field_is_the_column_of_its_name() {
        let columns: Vec<&str> = COLUMNS.split(',').map(str::trim).collect();
        for (name, column) in FIELDS {
            let (group, field) = name.split_once('.').unwrap();
            let plain = matches!(group, "battery" | "system_status");
            let expected = if plain { field.to_owned() } else { name.replace('.', "_") };
            assert_eq!(columns[column], expected);
        }
        assert_eq!(FIELDS[POWER].0, "battery.power");
    }

    #[test]
    fn energy_is_the_area_on_each_side_of_zero() {
        let moment = |at, power| Moment { at, power };
        let energy = |charged, discharged, covered| Energy { charged, discharged, covered };
        assert_eq!(moment(0, 100.0).until(&moment(1000, 300.0), 10_000), energy(200_000.0, 0.0, 1000));
        assert_eq!(moment(0, -100.0).until(&moment(1000, -100.0), 10_000), energy(0.0, 100_000.0, 1000));
        assert_eq!(moment(0, 300.0).until(&moment(1000, -100.0), 10_000), energy(112_500.0, 12_500.0, 1000));
        assert_eq!(moment(0, -100.0).until(&moment(1000, 300.0), 10_000), energy(112_500.0, 12_500.0, 1000));
        assert_eq!(moment(0, 100.0).until(&moment(10_001, 100.0), 10_000), Energy::default());
        assert_eq!(moment(0, f64::NAN).until(&moment(1, 1.0), 10_000), Energy::default());
        assert_eq!(moment(0, 100.0).between(&moment(1000, 300.0), 250), moment(250, 150.0));
    }

    #[test]
    fn an_hour_at_a_kilowatt_is_a_kilowatt_hour() {
        let mut values = [f64::NAN; FIELD_COUNT];
        values[POWER] = -1000.0;
        let mut hour = Rollup::of(0, &values);
        for second in 1..=3600 {
            hour.merge(&Rollup::of(second * 1000, &values), 10_000);
        }
        assert_eq!(hour.energy.watt_hours(), (0.0, 1000.0));
        assert_eq!((hour.stats[POWER].mean(), hour.samples, hour.stats[0].count), (-1000.0, 3601, 0));
    }
}
