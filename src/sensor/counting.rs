//! The INA228's own count: over missed readings, restarts of the daemon, and those of the chip.

use std::time::Duration;

use ems_simulator::{Faults, Ina228};

use super::testing::{ADDRESS, Bench, assert_close, device, wiring};
use super::{BatteryMonitor, CurrentSign, SensorHandle, SensorKind, Wiring, chips};
use crate::battery::ChargeCount;
use crate::health::Work;

const AMPLE: Duration = Duration::from_secs(20);

/// A chip at 53.2 V and -10 A through 2 mΩ.
fn bench() -> (Bench, Faults) {
    let bench = Bench::default();
    bench.pins.set(53.2, -0.02);
    let chip = Ina228::with_clock(bench.pins.clone(), bench.hand.clock());
    let faults = chip.faults();
    bench.bus.attach(ADDRESS, Box::new(chip));
    (bench, faults)
}

fn open(bench: &Bench, wiring: Wiring) -> Box<dyn BatteryMonitor> {
    chips::open(bench.bus.clone(), bench.delay(), device("INA228"), wiring).unwrap()
}

/// The count at a reading after so many seconds.
fn count(bench: &Bench, monitor: &mut dyn BatteryMonitor, seconds: u64) -> ChargeCount {
    bench.hand.advance(Duration::from_secs(seconds));
    monitor.read().unwrap().charge.unwrap()
}

fn ah(earlier: ChargeCount, later: ChargeCount) -> f64 {
    (later.steps - earlier.steps) as f64 * later.step_ah
}

#[test]
fn the_count_between_two_readings_is_the_charge_in_either_direction_and_range() {
    for (sign, fine, amps) in [
        (CurrentSign::Normal, false, -10.0),
        (CurrentSign::Inverted, false, 10.0),
        (CurrentSign::Normal, true, -10.0),
    ] {
        let (bench, _) = bench();
        let mut wiring = Wiring { current_sign: sign, ..wiring(SensorKind::Ina228) };
        wiring.shunt.rated_amps = fine.then_some(10.0);
        let mut monitor = open(&bench, wiring);
        let first = count(&bench, &mut *monitor, 1);
        assert!(first.restarted, "nobody had set it up");
        let second = count(&bench, &mut *monitor, 1800);
        assert!(!second.restarted);
        assert_close(ah(first, second), amps / 2.0, 1e-3);
    }
}

#[test]
fn the_count_goes_on_over_a_restart_of_the_daemon_and_not_over_one_of_the_chip() {
    let (bench, faults) = bench();
    let mut monitor = open(&bench, wiring(SensorKind::Ina228));
    let first = count(&bench, &mut *monitor, 1);
    drop(monitor);
    bench.hand.advance(Duration::from_secs(3600));
    let mut monitor = open(&bench, wiring(SensorKind::Ina228));
    let second = count(&bench, &mut *monitor, 1);
    assert!(!second.restarted);
    assert_close(ah(first, second), -10.0, 0.01);
    faults.brown_out();
    bench.hand.advance(Duration::from_secs(1));
    assert_eq!(monitor.read().unwrap_err().flag(), "SENSOR_RESET");
    assert!(count(&bench, &mut *monitor, 1).restarted, "it began at 0");
    assert!(!count(&bench, &mut *monitor, 1).restarted);
    drop(monitor);
    faults.brown_out();
    let mut monitor = open(&bench, wiring(SensorKind::Ina228));
    assert!(count(&bench, &mut *monitor, 1).restarted, "it restarted while nobody looked");
}

fn handle(bench: &Bench) -> SensorHandle {
    let (bus, delay) = (bench.bus.clone(), bench.delay());
    let open = move || chips::open(bus.clone(), delay.clone(), device("INA228"), wiring(SensorKind::Ina228));
    SensorHandle::spawn(device("INA228"), Box::new(open), Work::default(), None).unwrap()
}

#[tokio::test]
async fn a_restart_of_the_chip_is_told_whichever_transfer_fails_between_it_and_the_first_answer() {
    let mut failed = 0;
    for messages in 0..60 {
        let (bench, faults) = bench();
        bench.hand.advance(Duration::from_secs(1));
        let mut sensor = handle(&bench);
        faults.nak_after(messages);
        let first = sensor.read(AMPLE).await;
        faults.heal();
        failed += u32::from(first.is_err());
        let told = match first {
            Ok(reading) => reading,
            Err(_) => sensor.read(AMPLE).await.unwrap(),
        };
        assert!(told.charge.unwrap().restarted, "after {messages} messages");
        assert!(!sensor.read(AMPLE).await.unwrap().charge.unwrap().restarted, "told once");
    }
    assert!((10..60).contains(&failed), "{failed} of 60 reads failed");
}

#[tokio::test]
async fn a_restart_that_only_a_late_answer_told_is_told_by_the_next() {
    let (bench, faults) = bench();
    bench.hand.advance(Duration::from_secs(1));
    let mut sensor = handle(&bench);
    faults.stall();
    assert_eq!(sensor.read(Duration::from_millis(20)).await.unwrap_err().flag(), "SENSOR_LOST");
    faults.resume();
    assert!(sensor.read(AMPLE).await.unwrap().charge.unwrap().restarted);
    assert!(!sensor.read(AMPLE).await.unwrap().charge.unwrap().restarted, "told once");
}
