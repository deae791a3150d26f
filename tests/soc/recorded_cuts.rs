//! Restarts, power cuts and weeks without power at points all over the recorded traces, by the anchor's own file and
//! what it keeps on the card. More points: `SOC_CUTS=200`.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use ems_edge::anchor::{Anchor, NAME};
use ems_edge::battery::protection::Limits;
use ems_edge::battery::{Battery, Estimate, Measured, Setup};
use ems_edge::clock::{BootTime, Clock, TimeSource};
use ems_simulator::{Noise, Row};

use crate::recorded::{TRACES, recorded};
use crate::weeks::setting;

/// Clocks that a test moves.
#[derive(Debug, Clone, Default)]
struct Hand(Rc<Cell<u64>>);

/// When the machine was first switched on, in ms since 1970.
const EPOCH_MS: i64 = 1_760_000_000_000;

impl TimeSource for Hand {
    fn boottime(&self) -> BootTime {
        BootTime(self.0.get())
    }

    fn realtime_ms(&self) -> i64 {
        EPOCH_MS + i64::try_from(self.0.get()).unwrap()
    }

    fn synchronised(&self) -> bool {
        true
    }
}

/// What happens to the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    /// The program is killed and started again: the runtime directory is still there.
    Restart,
    /// Five minutes without power, in which the battery is used on.
    PowerCut,
    /// A week without power, in which nobody uses the battery.
    Week,
}

/// The machine, as long as it is powered.
struct Machine<'a> {
    battery: Battery,
    anchor: Anchor,
    hand: Hand,
    runtime: &'a Path,
    card: Rc<RefCell<Option<Vec<u8>>>>,
    setup: Setup,
    boots: u32,
}

impl<'a> Machine<'a> {
    fn new(setup: Setup, runtime: &'a Path) -> Self {
        let (hand, card) = (Hand::default(), Rc::default());
        let (battery, anchor) = Self::program(setup, runtime, &hand, &card, 0);
        Self { battery, anchor, hand, runtime, card, setup, boots: 0 }
    }

    /// What the daemon does at its start.
    fn program(
        setup: Setup,
        runtime: &Path,
        hand: &Hand,
        card: &Rc<RefCell<Option<Vec<u8>>>>,
        boot: u32,
    ) -> (Battery, Anchor) {
        let mut battery = Battery::new(setup, Limits::usual(&setup.pack, setup.full_cell_volts));
        let clock = Rc::new(Clock::new(hand.clone()));
        let pen = Rc::clone(card);
        let keep = Box::new(move |_, bytes| *pen.borrow_mut() = Some(bytes));
        let mut anchor = Anchor::new(Some(runtime), Some(keep), clock, format!("boot {boot}"));
        anchor.restore(&mut battery, card.borrow().as_deref());
        (battery, anchor)
    }

    fn take(&mut self, row: &Row, seconds: f64) -> Estimate {
        self.hand.0.set(self.hand.0.get() + (seconds * 1000.0) as u64);
        let measured = Measured { voltage: row.volts, current: Some(row.amps), temperature: None };
        let estimate = self.battery.update(measured, Duration::from_secs_f64(seconds));
        self.anchor.sampled(&mut self.battery);
        estimate
    }

    /// The same machine once more, with its files in `runtime`.
    fn twin<'b>(&self, runtime: &'b Path) -> Machine<'b> {
        std::fs::copy(self.runtime.join(NAME), runtime.join(NAME)).unwrap();
        let (hand, card) = (Hand(Rc::new(self.hand.0.as_ref().clone())), Rc::new(self.card.as_ref().clone()));
        let (battery, anchor) = Self::program(self.setup, runtime, &hand, &card, self.boots);
        Machine { battery, anchor, hand, runtime, card, setup: self.setup, boots: self.boots }
    }

    /// Lets it happen; the first sample afterwards is `row`.
    fn suffer(&mut self, event: Event, row: &Row) -> Estimate {
        let off = match event {
            Event::Restart => 2_000,
            Event::PowerCut => 300_000,
            Event::Week => 604_800_000,
        };
        self.hand.0.set(self.hand.0.get() + off);
        if event != Event::Restart {
            std::fs::remove_file(self.runtime.join(NAME)).unwrap();
            self.boots += 1;
        }
        (self.battery, self.anchor) =
            Self::program(self.setup, self.runtime, &self.hand, &self.card, self.boots);
        self.take(row, 0.0)
    }
}

#[test]
fn no_restart_power_cut_or_week_without_power_makes_a_jump_out_of_the_stated_interval() {
    let cuts = setting("SOC_CUTS", 12.0) as usize;
    let mut happened = 0;
    for (number, name) in (0..).zip(TRACES) {
        let (setup, rows) = recorded(name);
        let mut noise = Noise::new(number);
        let mut at: Vec<usize> =
            (0..cuts).map(|_| 1 + (noise.uniform() * rows.len() as f64) as usize).collect();
        at.sort_unstable();
        let dir = tempfile::tempdir().unwrap();
        let mut machine = Machine::new(setup, dir.path());
        machine.battery.start_at((rows[0].soc + 2.0).min(100.0));
        let (mut last, mut at) = (rows[0].seconds, at.into_iter().peekable());
        for (number, row) in rows.iter().enumerate() {
            let before = machine.take(row, row.seconds - last);
            last = row.seconds;
            if at.next_if(|at| *at <= number + 1).is_some() {
                for event in [Event::Restart, Event::PowerCut, Event::Week] {
                    happened += survives(name, &machine, before, event, &rows[number..]);
                }
            }
        }
    }
    println!("{happened} restarts, power cuts and weeks without power");
    assert!(happened >= cuts * 15, "{happened}");
}

/// Lets `event` happen to a twin of the machine after the first of these rows; 1 if there is a row afterwards.
fn survives(name: &str, machine: &Machine<'_>, before: Estimate, event: Event, rows: &[Row]) -> usize {
    let cut = rows[0].seconds;
    let later = if event == Event::PowerCut { cut + 300.0 } else { cut };
    let Some(next) = rows.iter().position(|row| row.seconds > later) else { return 0 };
    let dir = tempfile::tempdir().unwrap();
    let mut machine = machine.twin(dir.path());
    let after = machine.suffer(event, &rows[next]);
    let truth = rows[next].soc;
    let what = format!("{name}, {event:?} at {cut} s: {before:?}, then {after:?}; truth {truth}");
    let holds = |estimate: &Estimate, row: &Row| {
        // The truth is rounded to 0.01 %.
        estimate.low <= row.soc + 0.005 && row.soc - 0.005 <= estimate.high
    };
    assert!(holds(&after, &rows[next]), "the truth is outside: {what}");
    assert!(before.low <= after.soc && after.soc <= before.high, "a jump: {what}");
    if event == Event::Restart {
        let wider = (after.high - after.low) - (before.high - before.low);
        assert!(wider < 1.0, "wider by {wider}: {what}");
    }
    let mut last = rows[next].seconds;
    for row in rows[next + 1..].iter().take(600) {
        let estimate = machine.take(row, row.seconds - last);
        last = row.seconds;
        assert!(holds(&estimate, row), "{estimate:?} at {last} s, truth {}: {what}", row.soc);
    }
    1
}
