//! Whatever a sensor, a clock and a card may say, the battery's values stay finite, in order and in range, and the
//! protection keeps its promises. Longer: `EMS_TEST_INPUTS` says how many lives of a battery are lived.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use ems_edge::battery::protection::{Beyond, Flag, Limits};
use ems_edge::battery::{
    Battery, ChargeCount, Chemistry, Estimate, Measured, Pack, SensorErrors, Setup, sensing,
};
use ems_protocol::State;

const LIVES: u64 = 100;
const STEPS: u32 = 400;

/// Repeatable, and good enough to be nasty (splitmix64).
struct Dice(u64);

impl Dice {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.place(choices.len())]
    }

    fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length.max(1) as u64)).unwrap()
    }

    /// Anything that a 64-bit float can be.
    fn wild(&mut self) -> f64 {
        match self.below(4) {
            0 => f64::from_bits(self.bits()),
            1 => self.of(&[
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::MAX,
                f64::MIN,
                f64::MIN_POSITIVE,
                -0.0,
            ]),
            2 => 10_f64.powf(self.between(-300.0, 300.0)),
            _ => -(10_f64.powf(self.between(-300.0, 300.0))),
        }
    }

    fn time(&mut self) -> Duration {
        match self.below(20) {
            0 => Duration::ZERO,
            1 => Duration::MAX,
            2 => Duration::from_secs(self.bits()),
            3 => Duration::from_nanos(self.below(1000)),
            4 => Duration::from_secs(self.below(14 * 86_400)),
            5 | 6 => Duration::from_millis(self.below(120_000)),
            _ => Duration::from_secs(1),
        }
    }

    fn setup(&mut self) -> Setup {
        let chemistry = self.of(&[Chemistry::Lfp, Chemistry::Nmc, Chemistry::LeadAcid]);
        let chip = self.of(&[
            sensing::INA219,
            sensing::INA226,
            sensing::INA228_COUNTING,
            sensing::INA238,
            sensing::UNKNOWN,
        ]);
        let any_cells = 1 + u16::try_from(self.below(400)).unwrap();
        let cells_series = self.of(&[1, 2, 3, 4, 6, 13, 16, 400, any_cells]);
        let any_capacity = self.between(0.1, 100_000.0);
        let capacity_ah = self.of(&[0.1, 2.6, 20.0, 100.0, 100_000.0, any_capacity]);
        let (least, most) = chemistry.charge_cell_volts();
        Setup {
            pack: Pack { chemistry, cells_series, capacity_ah },
            errors: SensorErrors::of(&chip, self.of(&[10e-6, 750e-6, 0.1, 1.0]), self.of(&[1.0, 2.1, 100.0])),
            full_cell_volts: self.between(least, most),
            standby_amps: self.of(&[0.0, 0.0, 0.3, 10.0]),
            interval_seconds: self.of(&[0.1, 1.0, 60.0]),
        }
    }

    fn limits(&mut self, setup: &Setup) -> Limits {
        let has_probe = self.one_in(2);
        Limits { has_probe, ..Limits::usual(&setup.pack, setup.full_cell_volts) }
    }
}

/// A battery, what it was told, and what must hold of what it says.
struct Life {
    dice: Dice,
    setup: Setup,
    limits: Limits,
    battery: Battery,
    saved: Vec<u8>,
    steps: i64,
    is_tampered: bool,
    /// Seconds of charge since the loads were cut.
    recharged: f64,
    /// Seconds at the end of discharge, and above the fault of the voltage.
    empty_for: f64,
    /// Where the voltage and the current wander, in V a cell and in capacities an hour.
    wander: (f64, f64),
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let setup = dice.setup();
        let limits = dice.limits(&setup);
        let battery = Battery::new(setup, limits);
        let mut saved = Vec::new();
        battery.save(&mut saved);
        let wander = (setup.full_cell_volts - 0.3, 0.0);
        Self {
            dice,
            setup,
            limits,
            battery,
            saved,
            steps: 0,
            is_tampered: false,
            recharged: 0.0,
            empty_for: 0.0,
            wander,
        }
    }

    fn measured(&mut self) -> Measured {
        let (dice, cells) = (&mut self.dice, f64::from(self.setup.pack.cells_series));
        let (volts, rate) = &mut self.wander;
        *volts = (*volts + dice.between(-0.02, 0.02)).clamp(1.5, 4.6);
        *rate = (*rate + dice.between(-0.1, 0.1)).clamp(-3.0, 1.0);
        if dice.one_in(40) {
            (*volts, *rate) = (dice.between(1.6, 4.5), dice.between(-3.0, 1.0));
        }
        let mut measured = Measured {
            voltage: *volts * cells,
            current: Some(*rate * self.setup.pack.capacity_ah),
            temperature: (!dice.one_in(3)).then(|| dice.between(-30.0, 70.0)),
        };
        match dice.below(25) {
            0 => measured.voltage = dice.wild(),
            1 => measured.current = Some(dice.wild()),
            2 => measured.current = None,
            3 => measured.temperature = Some(dice.wild()),
            _ => {}
        }
        measured
    }

    fn count(&mut self) -> Option<ChargeCount> {
        self.steps = match self.dice.below(30) {
            0 => self.dice.bits().cast_signed(),
            1 => self.steps.wrapping_add(1 << 39),
            _ => self.steps.wrapping_add(self.dice.below(1_000_000).cast_signed() - 500_000),
        };
        let step_ah = self.dice.of(&[1e-8, 1e-8, 1e-8, -1e-8]);
        let restarted = self.dice.one_in(20);
        (!self.dice.one_in(4)).then_some(ChargeCount { steps: self.steps, step_ah, restarted, by_chip: true })
    }

    fn step(&mut self) {
        let before = self.battery.estimate();
        let dt = self.dice.time();
        match self.dice.below(60) {
            0..=2 => {
                let after = self.battery.gap(dt);
                assert!(after.low <= before.low && after.high >= before.high, "{before:?} {after:?}");
                assert!((after.soc - before.soc).abs() < 1e-9, "{before:?} {after:?}");
            }
            3 => {
                let beyond = self.dice.of(&[Beyond::Voltage, Beyond::Current]);
                self.battery.beyond_range(beyond, dt);
            }
            4 => drop(self.battery.reset_error()),
            5 => self.battery.lose_count(),
            6 => self.restart(),
            7 => {
                // Told the time off a second time, as when the clock becomes known.
                let off = self.dice.one_in(2).then_some(dt);
                let _ = self.battery.restore(&self.saved, off);
            }
            8 => self.reconfigure(),
            9 => {
                let mut damaged = self.saved.clone();
                for _ in 0..self.dice.below(4) {
                    let at = self.dice.place(damaged.len());
                    if let Some(byte) = damaged.get_mut(at) {
                        *byte = self.dice.bits().to_le_bytes()[0];
                    }
                }
                // What passes for a saved state may hold what no estimator would have learned.
                self.is_tampered |= self.battery.restore(&damaged, Some(dt)).is_ok() && damaged != self.saved;
            }
            _ => self.update(dt),
        }
        self.saved.clear();
        self.battery.save(&mut self.saved);
        self.check();
    }

    fn restart(&mut self) {
        let tripped = self.battery.kept();
        let off = (!self.dice.one_in(3)).then(|| self.dice.time());
        self.battery = Battery::new(self.setup, self.limits);
        self.empty_for = 0.0;
        if !self.dice.one_in(8) {
            let restored = self.battery.restore(&self.saved, off);
            assert!(restored == Ok(()) || self.is_tampered, "{restored:?}");
            assert!(self.battery.kept() == tripped || restored.is_err());
            self.recharged = 0.0;
        }
    }

    fn reconfigure(&mut self) {
        if self.dice.one_in(3) {
            self.setup = self.dice.setup();
        }
        self.limits = self.dice.limits(&self.setup);
        let _ = self.battery.reconfigure(self.setup, self.limits);
        self.empty_for = 0.0;
    }

    fn update(&mut self, dt: Duration) {
        let (measured, count) = (self.measured(), self.count());
        let was_cut = self.battery.kept().empty;
        self.battery.update_counted(measured, count, dt);
        let verdict = self.battery.verdict();
        if verdict.faults.has(Flag::SensorImplausible) {
            return;
        }
        let (seconds, cell_volts) =
            (dt.as_secs_f64().min(90.0), measured.voltage / f64::from(self.setup.pack.cells_series));
        let is_charging = match measured.current {
            Some(amps) => amps > self.limits.dead_band_amps,
            None => cell_volts > self.limits.rebound_volts,
        };
        let charged = if is_charging { seconds } else { 0.0 };
        let is_cut = self.battery.kept().empty;
        self.recharged = if was_cut { self.recharged + charged } else { charged };
        if was_cut && !is_cut {
            assert!(
                self.recharged >= self.limits.recharge_seconds,
                "back after {} s of charge",
                self.recharged
            );
        }
        self.empty_for = if cell_volts <= self.limits.empty_volts { self.empty_for + seconds } else { 0.0 };
        assert!(self.empty_for < self.limits.empty_seconds || !verdict.load_allowed, "{verdict:?}");
        if let Some(celsius) = measured.temperature.filter(|celsius| celsius.is_finite()) {
            assert!(
                celsius >= self.limits.coldest_charge || !verdict.charge_allowed,
                "{celsius} °C: {verdict:?}"
            );
            assert!(celsius <= self.limits.hottest || !verdict.load_allowed, "{celsius} °C: {verdict:?}");
        }
    }

    fn check(&self) {
        let Estimate { soc, low, high, .. } = self.battery.estimate();
        let details = self.battery.details();
        let ordered = 0.0 <= low && low <= soc && soc <= high && high <= 100.0;
        assert!(ordered, "{low} {soc} {high}");
        let totals = [details.meter.energy_in, details.meter.energy_out, details.cycles, details.health];
        assert!(totals.iter().all(|total| total.is_finite() && *total >= 0.0), "{details:?}");
        let times = [details.time_to_empty, details.time_to_full];
        assert!(times.iter().flatten().all(|time| time.is_finite() && *time >= 0.0), "{details:?}");
        let since = details.since_sync;
        assert!(
            since.is_none_or(|(hours, ah)| hours.is_finite() && hours >= 0.0 && ah.is_finite() && ah >= 0.0),
            "{details:?}"
        );
        let verdict = details.verdict;
        let blind = verdict.faults.has(Flag::SensorLost) || verdict.faults.has(Flag::OverCurrent);
        assert!(!blind || !(verdict.charge_allowed || verdict.load_allowed), "{verdict:?}");
        let kept = self.battery.kept();
        assert!(!kept.empty || !verdict.load_allowed, "{verdict:?}");
        assert!(!kept.full || !verdict.charge_allowed, "{verdict:?}");
        let faults =
            [Flag::OverVoltage, Flag::OverCurrent, Flag::Overheat, Flag::UnderTemp, Flag::SensorLost];
        let must_err = faults.iter().any(|flag| verdict.faults.has(*flag));
        assert_eq!(must_err, verdict.state == State::Error, "{verdict:?}");
    }
}

#[test]
fn whatever_comes_in_what_goes_out_is_finite_in_order_and_safe() {
    let lives = std::env::var("EMS_TEST_INPUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(LIVES);
    let first =
        std::env::var("EMS_TEST_INPUTS_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(0_u64);
    for seed in first..first + lives {
        let lived = std::panic::catch_unwind(|| {
            let mut life = Life::new(seed);
            (0..STEPS).for_each(|_| life.step());
        });
        assert!(lived.is_ok(), "life {seed}");
    }
}
