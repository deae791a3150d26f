//! A daemon that measures with a chip on a bus, and the cloud it reports to.

use std::collections::BTreeSet;

use crate::bus::Bus;
use crate::cloud::Cloud;
use crate::edge::Edge;
use crate::sample::Sample;
use crate::settings::Settings;

/// The three of them.
#[derive(Debug)]
pub struct Bench {
    /// Where the samples arrive.
    pub cloud: Cloud,
    /// What the chips are on.
    pub bus: Bus,
    /// The daemon.
    pub edge: Edge,
}

/// What the name of the cloud's device is.
const DEVICE: &str = "ems_001";

impl Bench {
    /// A bus as `control` says and a daemon on it, five samples a second, with these settings beside what every
    /// daemon needs.
    #[track_caller]
    pub fn new(control: &str, settings: &[(&str, &str)]) -> Self {
        Self::on(Bus::new(control), settings)
    }

    /// The same on a bus that is there already.
    #[track_caller]
    pub fn on(bus: Bus, settings: &[(&str, &str)]) -> Self {
        let cloud = Cloud::start();
        let own = Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file());
        let own = own.with("SAMPLE_INTERVAL", "200ms").with("CAPACITY_AH", "10").with("SENSOR", "");
        let own = own.with("I2C_BUS", bus.node().to_str().expect("a plain name"));
        let edge = Edge::start_on(&bus, &settings.iter().fold(own, |own, (key, value)| own.with(key, value)));
        Self { cloud, bus, edge }
    }

    /// Every sample that the cloud has.
    #[track_caller]
    pub fn samples(&self) -> Vec<Sample> {
        self.cloud.api().samples(DEVICE)
    }

    /// Waits until the samples satisfy `is_enough`.
    #[track_caller]
    pub fn wait_for(&self, what: &str, is_enough: impl Fn(&[Sample]) -> bool) -> Vec<Sample> {
        self.cloud.api().wait_for(DEVICE, what, is_enough)
    }

    /// Waits for two samples in a row within a tolerance of these values, and gives the last one; without `amps` there
    /// is no current.
    #[track_caller]
    pub fn measures(&self, volts: (f64, f64), amps: Option<(f64, f64)>) -> Sample {
        let fits = |sample: &Sample| {
            is_near(sample.voltage(), volts)
                && amps.map_or(sample.current().is_none(), |amps| is_near(sample.current(), amps))
        };
        let samples = self.wait_for(&format!("two samples of {volts:?} V, {amps:?} A"), |samples| {
            samples.len() >= 2 && samples[samples.len() - 2..].iter().all(fits)
        });
        samples.last().expect("two samples").clone()
    }

    /// Waits for three samples in a row without values that say `flag`, and gives the number of the last one.
    #[track_caller]
    pub fn loses_the_sensor(&self, flag: &str) -> u64 {
        let samples = self.wait_for(&format!("three samples with {flag}"), |samples| {
            let end = &samples[samples.len().saturating_sub(3)..];
            end.len() == 3 && end.iter().all(|sample| sample.is_gap() && sample.flags() == [flag])
        });
        samples.last().expect("three samples").seq()
    }

    /// Every sample so far obeys the rule: values, or a flag that says why there are none; and no number is missing.
    #[track_caller]
    pub fn is_honest(&self) {
        let samples = self.samples();
        for sample in &samples {
            let values =
                ["voltage", "current", "power", "soc"].map(|key| sample.0["battery"].get(key).is_some());
            let whole = values == [true; 4] && sample.flags().is_empty();
            assert!(whole || sample.is_gap(), "{sample:?}");
        }
        let numbers: BTreeSet<u64> = samples.iter().map(Sample::seq).collect();
        let (first, last) = (numbers.first().expect("samples"), numbers.last().expect("samples"));
        assert_eq!(numbers.len() as u64, last - first + 1, "a failed reading takes a number like any other");
    }

    /// The voltages of the samples after number `seq`.
    #[track_caller]
    pub fn voltages_after(&self, seq: u64) -> Vec<f64> {
        self.samples().iter().filter(|sample| sample.seq() > seq).filter_map(Sample::voltage).collect()
    }
}

/// Whether there is a value within the tolerance.
fn is_near(value: Option<f64>, (expected, tolerance): (f64, f64)) -> bool {
    value.is_some_and(|value| (value - expected).abs() <= tolerance)
}
