//! A pack in use as a sensor with errors sees it, beside the truth.

use crate::cell::{Cell, CellParameters};
use crate::noise::Noise;
use crate::usage::Consumers;

/// What the sensor and its wiring make of the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distortion {
    /// Reading per truth, and what is added, of the pack's voltage (V).
    pub voltage: (f64, f64),
    /// Reading per truth, and what is added, of the current (A).
    pub current: (f64, f64),
    /// Steps of both readings, in V and A.
    pub steps: (f64, f64),
    /// Noise of both readings, as one standard deviation in V and A.
    pub noise: (f64, f64),
}

/// The installation.
#[derive(Debug, Clone)]
pub struct Installation {
    /// One cell, which stands for all.
    pub cell: CellParameters,
    /// Cells in series.
    pub cells_series: u16,
    /// True capacity, in Ah.
    pub capacity_ah: f64,
    /// Voltages between which the pack is used, in V per cell.
    pub limits: (f64, f64),
    /// State of charge at the beginning, in %.
    pub soc: f64,
    /// Mean temperature of the surroundings, and what a day adds and takes away, in °C.
    pub celsius: (f64, f64),
    /// What charges and draws.
    pub consumers: Consumers,
    /// The sensor.
    pub sensor: Distortion,
    /// Time between two readings, in s.
    pub interval: f64,
    /// Share of the readings that is lost.
    pub lost: f64,
    /// The hour of the day at which it begins.
    pub hour: f64,
}

/// One row: the reading, and the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Since the beginning, in s.
    pub seconds: f64,
    /// As read, in V.
    pub volts: f64,
    /// As read, in A, positive while charging.
    pub amps: f64,
    /// True state of charge, in %.
    pub soc: f64,
}

/// The rows of an installation, without end.
#[derive(Debug, Clone)]
pub struct Trace {
    installation: Installation,
    cell: Cell,
    noise: Noise,
    seconds: f64,
    gap_until: f64,
}

/// About one gap in two days, of 20 minutes at most.
const GAP_CHANCE_PER_SECOND: f64 = 1.0 / 172_800.0;
const GAP_SECONDS: f64 = 1200.0;

impl Trace {
    /// A week, or as much as one takes, of this installation.
    pub fn new(installation: Installation, seed: u64) -> Self {
        let cell = Cell::new(installation.cell.clone(), installation.soc, installation.celsius.0);
        Self { installation, cell, noise: Noise::new(seed), seconds: 0.0, gap_until: 0.0 }
    }

    fn step(&mut self) -> Row {
        let i = &mut self.installation;
        let clock = self.seconds + i.hour * 3600.0;
        let daily = (clock / 86_400.0 * std::f64::consts::TAU - 2.0).sin();
        let wanted = i.consumers.c_rate(clock, self.cell.soc());
        let c = self.cell.advance(wanted, i.interval, i.celsius.0 + i.celsius.1 * daily, i.limits);
        let sensor = i.sensor;
        let read = |truth: f64, (gain, offset): (f64, f64), step: f64, noise: f64| {
            ((truth * gain + offset + noise) / step).round() * step
        };
        let volts = self.cell.volts() * f64::from(i.cells_series);
        let row = Row {
            seconds: self.seconds,
            volts: read(volts, sensor.voltage, sensor.steps.0, sensor.noise.0 * self.noise.normal()),
            amps: read(
                c * i.capacity_ah,
                sensor.current,
                sensor.steps.1,
                sensor.noise.1 * self.noise.normal(),
            ),
            soc: self.cell.soc(),
        };
        self.seconds += i.interval;
        row
    }
}

impl Iterator for Trace {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            let row = self.step();
            if row.seconds >= self.gap_until
                && self.noise.uniform() < GAP_CHANCE_PER_SECOND * self.installation.interval
            {
                self.gap_until = row.seconds + GAP_SECONDS * self.noise.uniform();
            }
            let first = row.seconds <= 0.0;
            if first || (row.seconds >= self.gap_until && self.noise.uniform() >= self.installation.lost) {
                return Some(row);
            }
        }
    }
}
