use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tempfile::TempDir;

use super::*;
use crate::battery::protection::Limits;
use crate::battery::{ChargeCount, Chemistry, Measured, Pack, SensorErrors, Setup, sensing};
use crate::clock::TimeSource;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Default)]
struct Hand(Rc<Cell<u64>>);

impl TimeSource for Hand {
    fn boottime(&self) -> BootTime {
        BootTime(self.0.get())
    }

    fn realtime_ms(&self) -> i64 {
        1_760_000_000_000 + i64::try_from(self.0.get()).unwrap()
    }

    fn synchronised(&self) -> bool {
        true
    }
}

/// A 16s LFP pack of 100 Ah, its daemon, and what that leaves behind.
struct Machine {
    battery: Battery,
    anchor: Anchor,
    hand: Hand,
    runtime: TempDir,
    card: Rc<RefCell<Vec<Vec<u8>>>>,
    boots: u32,
}

impl Machine {
    fn new() -> Self {
        let (hand, runtime, card) = (Hand::default(), TempDir::new().unwrap(), Rc::default());
        let (battery, anchor) = program(&hand, &runtime, &card, 0);
        Self { battery, anchor, hand, runtime, card, boots: 0 }
    }

    fn second(&mut self, sample: impl FnOnce(&mut Battery)) {
        self.hand.0.set(self.hand.0.get() + 1000);
        sample(&mut self.battery);
        self.anchor.sampled(&mut self.battery);
    }

    fn gap(&mut self) {
        self.second(|battery| {
            battery.gap(SECOND);
        });
    }

    fn reading(&mut self, volts: f64, amps: f64, count: Option<ChargeCount>) {
        let measured = Measured { voltage: volts, current: Some(amps), temperature: None };
        self.second(|battery| {
            battery.update_counted(measured, count, SECOND);
        });
    }

    fn counts(&mut self, steps: i64, restarted: bool) {
        self.reading(52.5, -36.0, Some(ChargeCount { steps, step_ah: 1e-3, restarted, by_chip: true }));
    }

    /// The daemon is killed and started again; the chip goes on.
    fn kill(&mut self) {
        (self.battery, self.anchor) = program(&self.hand, &self.runtime, &self.card, self.boots);
    }

    fn cut_power(&mut self) {
        std::fs::remove_file(self.runtime.path().join(NAME)).unwrap();
        self.boots += 1;
        self.kill();
    }

    fn watt_hours(&self) -> (f64, f64) {
        let meter = self.battery.meter();
        (meter.energy_in * 1000.0, meter.energy_out * 1000.0)
    }
}

fn program(hand: &Hand, runtime: &TempDir, card: &Rc<RefCell<Vec<Vec<u8>>>>, boot: u32) -> (Battery, Anchor) {
    let pack = Pack { chemistry: Chemistry::Lfp, cells_series: 16, capacity_ah: 100.0 };
    let errors = SensorErrors::of(&sensing::INA226, 0.001, 1.0);
    let setup = Setup { pack, errors, full_cell_volts: 3.5, standby_amps: 0.0, interval_seconds: 1.0 };
    let mut battery = Battery::new(setup, Limits::usual(&pack, 3.5));
    let pen = Rc::clone(card);
    let keep = Box::new(move |bytes| pen.borrow_mut().push(bytes));
    let clock = Rc::new(Clock::new(hand.clone()));
    let mut anchor = Anchor::new(Some(runtime.path()), Some(keep), clock, format!("boot {boot}"));
    anchor.restore(&mut battery, card.borrow().last().map(Vec::as_slice));
    (battery, anchor)
}

#[test]
fn what_a_chip_counts_while_the_daemon_or_its_machine_is_dead_is_known_from_its_first_count_on() {
    for end in [Machine::kill, Machine::cut_power] {
        let mut machine = Machine::new();
        machine.gap();
        machine.counts(0, true);
        machine.hand.0.set(machine.hand.0.get() + 100_000);
        end(&mut machine);
        // 36 A for 100 s.
        machine.counts(-1_000, false);
        let (_, out) = machine.watt_hours();
        assert!((out - 52.5).abs() < 1.1, "{out} Wh");
    }
}

#[test]
fn a_count_from_before_a_restart_of_the_chip_is_never_compared_with_one_after_it() {
    for end in [Machine::kill, Machine::cut_power] {
        for is_read_again in [false, true] {
            let mut machine = Machine::new();
            machine.counts(0, true);
            for second in 1..=200 {
                machine.counts(-10 * second, false);
            }
            machine.second(|battery| {
                battery.lose_count();
                battery.gap(SECOND);
            });
            if is_read_again {
                machine.counts(0, true);
            }
            machine.hand.0.set(machine.hand.0.get() + 100_000);
            end(&mut machine);
            machine.counts(-1_000, false);
            machine.counts(-1_010, false);
            let (charged, out) = machine.watt_hours();
            assert!(charged < 0.1, "{charged} Wh came from nowhere");
            assert!(out < 170.0, "{out} Wh");
        }
    }
}

#[test]
fn a_chip_that_restarts_all_the_time_is_written_on_the_card_once_a_minute() {
    let mut machine = Machine::new();
    for _ in 0..240 {
        machine.counts(0, true);
    }
    let written = machine.card.borrow().len();
    assert!((3..=8).contains(&written), "{written} times in four minutes");
}

#[test]
fn a_full_and_an_empty_battery_are_news_while_a_fault_forbids_all_anyway() {
    let machine = Machine::new();
    let before = Shown::of(&machine.battery);
    assert!(!before.is_stale(&before));
    for kept in [Kept { full: true, ..before.kept }, Kept { empty: true, ..before.kept }] {
        assert!(before.is_stale(&Shown { kept, ..before }), "{kept:?}");
    }
}
