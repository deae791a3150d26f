use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ems_simulator::{Faults, Ina226, SimulatedBus, Terminals};
use linux_embedded_hal::Delay;

use super::super::ina226::Ina226Monitor;
use super::super::testing::{ADDRESS, assert_close, device, wiring};
use super::super::{SensorKind, Wiring};
use super::*;

const AMPLE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);

/// The driver on a thread and a simulated chip, both in real time: a hanging transfer hangs for real, until
/// the test or the bench lets it go.
struct Bench {
    bus: SimulatedBus,
    pins: Terminals,
    faults: Faults,
    opened: Arc<AtomicU32>,
    sensor: SensorHandle,
    /// Dropped with the bench, or after [`AMPLE`]: then a chip that still hangs is released.
    _rescue: blocking::SyncSender<()>,
}

impl Bench {
    fn new() -> Self {
        Self::sensing(None)
    }

    fn sensing(every: Option<Duration>) -> Self {
        let bus = SimulatedBus::new();
        let pins = Terminals::new(12.0, 0.0);
        let faults = plug_in(&bus, &pins);
        let opened = Arc::new(AtomicU32::new(0));
        let (on, count) = (bus.clone(), Arc::clone(&opened));
        let open: Opener = Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            let wiring: Wiring = wiring(SensorKind::Ina226);
            Ok(Box::new(Ina226Monitor::open(on.clone(), Delay, device("INA226"), wiring)?))
        });
        let sensor = SensorHandle::spawn(device("INA226"), open, Work::default(), every).unwrap();
        let (rescue, dropped) = blocking::sync_channel::<()>(0);
        let hanging = faults.clone();
        std::thread::spawn(move || {
            let _ = dropped.recv_timeout(AMPLE);
            hanging.heal();
        });
        Self { bus, pins, faults, opened, sensor, _rescue: rescue }
    }

    async fn volts(&mut self) -> f64 {
        self.sensor.read(AMPLE).await.unwrap().voltage
    }
}

fn plug_in(bus: &SimulatedBus, pins: &Terminals) -> Faults {
    let chip = Ina226::new(pins.clone());
    let faults = chip.faults();
    bus.attach(ADDRESS, Box::new(chip));
    faults
}

/// Waits until `done`, for as long as a hang is not certain.
async fn until(mut done: impl FnMut() -> bool) {
    let hangs = Instant::now() + AMPLE;
    while !done() {
        assert!(Instant::now() < hangs, "it hangs");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_chip_that_blocks_misses_the_deadline_then_is_busy_and_its_late_value_is_thrown_away() {
    let mut bench = Bench::new();
    assert_close(bench.volts().await, 12.0, 1e-9);
    assert_eq!(bench.sensor.stuck_since(), None);

    bench.faults.stall();
    let missed = bench.sensor.read(SHORT).await.unwrap_err();
    assert!(matches!(missed, SensorError::Deadline { waited: SHORT, .. }), "{missed}");
    assert!(bench.sensor.stuck_since().is_some());
    for _ in 0..3 {
        let busy = bench.sensor.read(SHORT).await.unwrap_err();
        assert!(matches!(busy, SensorError::Busy { since, .. } if since >= SHORT), "{busy}");
        assert_eq!(busy.flag(), "SENSOR_LOST");
    }

    bench.faults.resume();
    until(|| bench.sensor.answers.len() == 1).await;
    bench.pins.set(24.0, 0.0);
    assert_close(bench.volts().await, 24.0, 1e-9);
    assert_eq!(bench.sensor.stuck_since(), None);
    assert_eq!(bench.opened.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_error_that_ends_a_missed_deadline_is_told_by_the_next_read() {
    let mut bench = Bench::new();
    bench.volts().await;
    bench.faults.stall();
    assert!(matches!(bench.sensor.read(SHORT).await, Err(SensorError::Deadline { .. })));
    bench.faults.nak_after(0);
    bench.faults.resume();
    assert_eq!(bench.sensor.read(AMPLE).await.unwrap_err().errno(), Some(121));
    bench.faults.heal();
    assert_close(bench.volts().await, 12.0, 1e-9);
}

#[tokio::test]
async fn a_blocked_chip_does_not_block_the_executor() {
    let mut bench = Bench::new();
    bench.faults.stall();
    let faults = bench.faults.clone();
    let ticked = AtomicBool::new(false);
    let other_task = async {
        tokio::time::sleep(SHORT).await;
        ticked.store(true, Ordering::Relaxed);
        faults.resume();
    };
    let read = async {
        let result = bench.sensor.read(2 * AMPLE).await;
        (result, ticked.load(Ordering::Relaxed))
    };
    let ((result, ticked_before), ()) = tokio::join!(read, other_task);
    assert!(ticked_before, "the executor stood still during the read");
    assert!(result.is_ok());
}

#[tokio::test]
async fn unplugging_is_told_at_each_read_and_a_chip_plugged_in_again_is_read() {
    let mut bench = Bench::new();
    bench.volts().await;
    bench.bus.detach(ADDRESS);
    for _ in 0..3 {
        let lost = bench.sensor.read(AMPLE).await.unwrap_err();
        assert_eq!((lost.flag(), lost.errno()), ("SENSOR_LOST", Some(121)));
    }
    bench.pins.set(13.0, 0.0);
    plug_in(&bench.bus, &bench.pins);
    assert_close(bench.volts().await, 13.0, 1e-9);
}

#[tokio::test]
async fn a_chip_that_is_missing_at_the_start_is_opened_once_a_read_until_it_comes() {
    let mut bench = Bench::new();
    bench.bus.detach(ADDRESS);
    for reads in 1..=3 {
        assert_eq!(bench.sensor.read(AMPLE).await.unwrap_err().flag(), "SENSOR_LOST");
        assert_eq!(bench.opened.load(Ordering::Relaxed), reads);
    }
    plug_in(&bench.bus, &bench.pins);
    assert_close(bench.volts().await, 12.0, 1e-9);
    assert_close(bench.volts().await, 12.0, 1e-9);
    assert_eq!(bench.opened.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn another_chip_plugged_in_at_the_same_address_is_noticed() {
    let mut bench = Bench::new();
    bench.volts().await;
    bench.bus.detach(ADDRESS);
    assert!(bench.sensor.read(AMPLE).await.is_err());
    bench.bus.attach(ADDRESS, Box::new(Ina226::new(bench.pins.clone()).with_ids(0x1234, 0x5678)));
    assert!(matches!(bench.sensor.read(AMPLE).await, Err(SensorError::WrongChip { .. })));
}

#[tokio::test]
async fn a_restarted_chip_is_configured_again_without_being_opened_again() {
    let mut bench = Bench::new();
    bench.volts().await;
    bench.faults.brown_out();
    assert_eq!(bench.sensor.read(AMPLE).await.unwrap_err().flag(), "SENSOR_RESET");
    assert_close(bench.volts().await, 12.0, 1e-9);
    assert_eq!(bench.opened.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_read_that_is_given_up_half_way_leaves_no_old_value_behind() {
    let mut bench = Bench::new();
    bench.volts().await;
    tokio::select! {
        biased;
        _ = bench.sensor.read(AMPLE) => panic!("a conversion takes longer than one poll"),
        () = std::future::ready(()) => {}
    }
    assert!(bench.sensor.stuck_since().is_some());
    until(|| bench.sensor.answers.len() == 1).await;
    bench.pins.set(24.0, 0.0);
    assert_close(bench.volts().await, 24.0, 1e-9);
}

#[tokio::test]
async fn the_thread_ends_with_its_handle() {
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let open: Opener = Box::new(move || {
        assert_eq!(Arc::strong_count(&held), 2);
        Err(SensorError::NoConversion { device: device("INA226") })
    });
    let mut sensor = SensorHandle::spawn(device("INA226"), open, Work::default(), None).unwrap();
    assert!(sensor.read(AMPLE).await.is_err());
    drop(sensor);
    until(|| Arc::strong_count(&alive) == 1).await;
}

#[tokio::test]
async fn a_thread_that_is_gone_is_an_error_and_no_hang() {
    let open: Opener = Box::new(|| panic!("on purpose, to end the thread"));
    let mut sensor = SensorHandle::spawn(device("INA226"), open, Work::default(), None).unwrap();
    for _ in 0..2 {
        assert!(matches!(sensor.read(AMPLE).await, Err(SensorError::ThreadEnded { .. })));
    }
}

const SENSE: Duration = Duration::from_millis(100);

/// Ah of one reading after another.
fn ah(earlier: Reading, later: Reading) -> f64 {
    let (earlier, later) = (earlier.charge.unwrap(), later.charge.unwrap());
    (later.steps - earlier.steps) as f64 * later.step_ah
}

#[tokio::test]
async fn a_pulse_between_two_readings_that_are_asked_for_is_in_their_mean_and_in_the_count() {
    let mut bench = Bench::sensing(Some(SENSE));
    bench.pins.set(12.0, 0.0);
    let first = bench.sensor.read(AMPLE).await.unwrap();
    assert!(first.charge.unwrap().restarted);
    // -10 A through 2 mΩ, gone before anybody asks.
    bench.pins.set(11.0, -0.02);
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_millis(500)).await;
    bench.pins.set(12.0, 0.0);
    let on = begun.elapsed().as_secs_f64();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = bench.sensor.read(AMPLE).await.unwrap();
    assert!(!second.charge.unwrap().restarted);
    let (mean, flowed) = (second.current.unwrap(), ah(first, second) * 3600.0);
    assert!(mean < -1.0 && second.voltage < 11.95, "{second:?}");
    // Within three readings' time.
    assert!((flowed + 10.0 * on).abs() < 3.5, "{flowed} As in {on} s");
}

#[tokio::test]
async fn a_chip_that_hangs_between_two_readings_is_a_missed_deadline_and_then_a_hole_in_the_count() {
    let mut bench = Bench::sensing(Some(SENSE));
    bench.sensor.read(AMPLE).await.unwrap();
    bench.sensor.read(AMPLE).await.unwrap();
    bench.faults.stall();
    tokio::time::sleep(2 * SENSE).await;
    assert_eq!(bench.sensor.read(SHORT).await.unwrap_err().flag(), "SENSOR_LOST");
    assert!(matches!(bench.sensor.read(SHORT).await, Err(SensorError::Busy { .. })));
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.faults.resume();
    let after = bench.sensor.read(AMPLE).await.unwrap();
    assert!(after.charge.unwrap().restarted, "{after:?}");
}

#[tokio::test]
async fn what_a_chip_that_restarted_has_measured_before_it_was_found_out_is_not_counted() {
    let mut bench = Bench::sensing(Some(SENSE));
    bench.sensor.read(AMPLE).await.unwrap();
    bench.faults.brown_out();
    bench.pins.set(12.0, -0.02);
    tokio::time::sleep(5 * SENSE).await;
    assert_eq!(bench.sensor.read(AMPLE).await.unwrap_err().flag(), "SENSOR_RESET");
    bench.pins.set(12.0, 0.0);
    tokio::time::sleep(5 * SENSE).await;
    let after = bench.sensor.read(AMPLE).await.unwrap();
    assert!(after.charge.unwrap().restarted && after.current.unwrap().abs() < 1e-9, "{after:?}");
}

#[tokio::test]
async fn nor_is_it_if_an_error_of_the_bus_comes_before_it_is_found_out() {
    for is_asked in [true, false] {
        let mut bench = Bench::sensing(Some(SENSE));
        bench.sensor.read(AMPLE).await.unwrap();
        bench.faults.brown_out();
        bench.pins.set(12.0, -0.02);
        tokio::time::sleep(5 * SENSE).await;
        bench.faults.nak_after(0);
        if is_asked {
            assert_eq!(bench.sensor.read(AMPLE).await.unwrap_err().errno(), Some(121));
        } else {
            tokio::time::sleep(3 * SENSE).await;
        }
        bench.faults.heal();
        bench.pins.set(12.0, 0.0);
        let after = bench.sensor.read(AMPLE).await.unwrap();
        assert!(after.charge.unwrap().restarted && after.current.unwrap().abs() < 1e-9, "{after:?}");
    }
}

#[tokio::test]
async fn a_current_beyond_the_range_between_two_readings_is_not_counted_as_if_it_had_been_within_it() {
    let mut bench = Bench::sensing(Some(SENSE));
    bench.sensor.read(AMPLE).await.unwrap();
    bench.sensor.read(AMPLE).await.unwrap();
    // -45 A through 2 mΩ; the range ends at -41 A.
    bench.pins.set(11.0, -0.09);
    tokio::time::sleep(5 * SENSE).await;
    bench.pins.set(12.0, 0.0);
    tokio::time::sleep(3 * SENSE).await;
    let after = bench.sensor.read(AMPLE).await.unwrap();
    assert!(after.charge.unwrap().restarted, "{after:?}");
    // The same, and gone only once it has been asked for.
    bench.pins.set(11.0, -0.09);
    tokio::time::sleep(SENSE / 2).await;
    assert!(matches!(bench.sensor.read(AMPLE).await, Err(SensorError::OutOfRange { .. })));
    bench.pins.set(12.0, 0.0);
    tokio::time::sleep(3 * SENSE).await;
    let after = bench.sensor.read(AMPLE).await.unwrap();
    assert!(after.charge.unwrap().restarted, "{after:?}");
}

#[tokio::test]
async fn a_chip_that_is_gone_between_two_readings_is_left_alone_until_it_is_asked_for() {
    let mut bench = Bench::sensing(Some(SENSE));
    bench.sensor.read(AMPLE).await.unwrap();
    bench.bus.detach(ADDRESS);
    tokio::time::sleep(5 * SENSE).await;
    assert_eq!(bench.opened.load(Ordering::Relaxed), 1, "only who asks opens it");
    plug_in(&bench.bus, &bench.pins);
    assert!(bench.sensor.read(AMPLE).await.unwrap().charge.is_some());
    assert_eq!(bench.opened.load(Ordering::Relaxed), 2);
}
