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
    card: Pages,
    boots: u32,
}

/// What was written on the card, with its names.
type Pages = Rc<RefCell<Vec<(&'static str, Vec<u8>)>>>;

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

fn program(hand: &Hand, runtime: &TempDir, card: &Pages, boot: u32) -> (Battery, Anchor) {
    let pack = Pack { chemistry: Chemistry::Lfp, cells_series: 16, capacity_ah: 100.0 };
    let errors = SensorErrors::of(&sensing::INA226, 0.001, 1.0);
    let setup = Setup { pack, errors, full_cell_volts: 3.5, standby_amps: 0.0, interval_seconds: 1.0 };
    let mut battery = Battery::new(setup, Limits::usual(&pack, 3.5));
    let pen = Rc::clone(card);
    let keep = Box::new(move |name, bytes| pen.borrow_mut().push((name, bytes)));
    let clock = Rc::new(Clock::new(hand.clone()));
    let mut anchor = Anchor::new(Some(runtime.path()), Some(keep), clock, format!("boot {boot}"));
    let on_card = card.borrow().iter().rfind(|(name, _)| *name == NAME).map(|(_, bytes)| bytes.clone());
    anchor.restore(&mut battery, on_card.as_deref());
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

/// The same with another byte at `place`, and the checksum that belongs to it.
fn changed(bytes: &[u8], place: usize, byte: u8) -> Vec<u8> {
    let mut body = bytes[..bytes.len() - 4].to_vec();
    body[place] = byte;
    let checksum = crc32fast::hash(&body);
    [body, checksum.to_le_bytes().to_vec()].concat()
}

type Worsen = fn(&[u8]) -> Vec<u8>;

#[test]
fn what_another_version_or_damage_has_left_is_kept_beside_what_starts_anew() {
    let worse: [Worsen; 4] = [
        |bytes| changed(bytes, 0, 200),
        // Behind the boot's name and two times: the first byte of the battery's own state.
        |bytes| changed(bytes, 2 + "boot 0".len() + 16, 200),
        |bytes| [&bytes[..50], &[!bytes[50]], &bytes[51..]].concat(),
        |_| b"?".to_vec(),
    ];
    for worsen in worse {
        let mut machine = Machine::new();
        for second in 0..100 {
            machine.counts(-10 * second, second == 0);
        }
        machine.anchor.stop(&machine.battery);
        let bad = worsen(&machine.card.borrow().last().unwrap().1);
        machine.card.borrow_mut().push((NAME, bad.clone()));
        let file = machine.runtime.path().join(NAME);
        let mut slots = Slots::open(&file).unwrap();
        slots.write(&bad).unwrap();
        let in_ram = std::fs::read(&file).unwrap();
        machine.kill();
        assert!(machine.watt_hours().1 < 1e-9);
        assert_eq!(std::fs::read(machine.runtime.path().join("battery-unread")).unwrap(), in_ram);
        assert_eq!(machine.card.borrow().last(), Some(&("battery-unread", bad)));
        // What is learned from now on is kept as ever.
        machine.counts(0, true);
        machine.counts(-1_000, false);
        machine.anchor.stop(&machine.battery);
        let (_, out) = machine.watt_hours();
        machine.kill();
        assert!(out > 1.0 && (machine.watt_hours().1 - out).abs() < 1e-9, "{out} Wh");
    }
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
