//! The estimator as a whole, on any input and on packs within its assumptions.

use std::time::Duration;

use ems_simulator::{Cell, CellParameters};
use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

fn setup(chemistry: Chemistry, cells_series: u16, capacity_ah: f64) -> Setup {
    Setup {
        pack: Pack { chemistry, cells_series, capacity_ah },
        errors: SensorErrors::of(&sensing::INA226, 0.00075, 2.0),
        full_cell_volts: chemistry.usual_charge_cell_volts(),
        standby_amps: 0.0,
        interval_seconds: 1.0,
    }
}

fn lfp_16s() -> StateOfCharge {
    StateOfCharge::new(setup(Chemistry::Lfp, 16, 100.0))
}

fn width(estimate: Estimate) -> f64 {
    estimate.high - estimate.low
}

fn run(soc: &mut StateOfCharge, cell_volts: f64, amps: f64, seconds: u32) -> Estimate {
    (0..seconds).map(|_| soc.update(cell_volts * 16.0, amps, SECOND)).last().unwrap()
}

#[test]
fn a_cold_start_on_the_plateau_of_lfp_is_wide_and_not_synced_and_one_at_the_knee_is_narrow() {
    let plateau = run(&mut lfp_16s(), 3.28, 0.0, 60);
    assert!(width(plateau) > 40.0 && !plateau.synced, "{plateau:?}");
    let empty = run(&mut lfp_16s(), 2.6, 0.0, 7200);
    assert!(width(empty) < 8.0 && empty.soc < 5.0, "{empty:?}");
}

#[test]
fn charge_is_counted_with_the_time_it_took_and_counting_widens_the_interval() {
    let mut soc = lfp_16s();
    soc.start_at(60.0);
    let before = run(&mut soc, 3.25, -20.0, 1);
    let after = run(&mut soc, 3.25, -20.0, 1800);
    assert!((before.soc - after.soc - 10.0).abs() < 0.5, "{before:?} {after:?}");
    assert!(width(after) > width(before) + 1.0, "{before:?} {after:?}");
}

#[test]
fn a_full_charge_syncs_and_a_weak_sun_at_the_same_voltage_of_the_plateau_does_not() {
    let mut soc = lfp_16s();
    soc.start_at(80.0);
    run(&mut soc, 3.40, 20.0, 2700);
    assert!(!run(&mut soc, 3.36, 3.0, 3600).synced);
    run(&mut soc, 3.49, 20.0, 600);
    let full = run(&mut soc, 3.50, 4.0, 240);
    assert!(full.synced && full.low > 95.0, "{full:?}");
    // The surface of the particles is ahead of their mean until the current is gone.
    let held = run(&mut soc, 3.50, 0.5, 1800);
    assert!(held.low > 97.0 && width(held) < 3.0, "{held:?}");
    assert_eq!(soc.syncs(), 1);
}

/// An LFP cell of which 16 make a pack.
fn cell(soc: f64) -> Cell {
    let parameters = CellParameters {
        curve: curves(Chemistry::Lfp)[1].to_vec(),
        ohmic: 0.12,
        kinetic: 1.0,
        ahead: [2.0, 4.0],
        lag_seconds: [100.0, 900.0],
        hysteresis: 0.01,
        acceptance: 0.0,
        gassing: 0.0,
        volts_per_kelvin: 0.0,
        warming: 0.0,
    };
    Cell::new(parameters, soc, 25.0)
}

#[test]
fn the_capacity_of_an_aged_pack_is_learned_between_full_and_empty() {
    let true_ah = 85.0;
    let (mut soc, mut cell) = (lfp_16s(), cell(90.0));
    soc.start_at(90.0);
    for hour in 0..48 {
        let wanted = if hour / 8 % 2 == 0 { 0.2 } else { -0.2 };
        for second in 0..3600 {
            let wanted = if second % 600 < 60 { wanted * 0.5 } else { wanted };
            let c = cell.advance(wanted, 1.0, 25.0, (2.6, 3.5));
            let estimate = soc.update(cell.volts() * 16.0, c * true_ah, SECOND);
            assert!(estimate.low <= cell.soc() && cell.soc() <= estimate.high, "{hour} h: {estimate:?}");
        }
    }
    assert!((0.80..0.90).contains(&(1.0 / soc.kappa())), "{}", 1.0 / soc.kappa());
}

#[test]
fn a_gap_widens_moves_nothing_and_is_bridged_by_the_currents_at_its_ends() {
    let mut soc = lfp_16s();
    soc.start_at(60.0);
    let before = run(&mut soc, 3.25, -20.0, 10);
    let inside = soc.gap(HOUR / 6);
    assert!((inside.soc - before.soc).abs() < 1e-9 && width(inside) > width(before), "{before:?} {inside:?}");
    let after = soc.update(52.0, -20.0, SECOND);
    assert!((after.soc - before.soc + 10.0 / 3.0).abs() < 0.3, "{before:?} {after:?}");
    assert!(after.low <= before.soc - 3.3 && after.high >= before.soc - 0.5, "{after:?}");
}

#[test]
fn what_happened_while_nobody_looked_is_not_forgotten_by_a_restart() {
    let (setup, limits, mut battery) = watched();
    battery.start_at(50.0);
    for _ in 0..600 {
        let measured = Measured { voltage: 16.0 * 3.28, current: Some(-20.0), temperature: None };
        battery.update(measured, SECOND);
    }
    let known = width(battery.estimate());
    let blind = battery.gap(HOUR / 2);
    let mut bytes = Vec::new();
    battery.save(&mut bytes);
    let mut again = Battery::new(setup, limits);
    again.restore(&bytes, Some(SECOND)).unwrap();
    let restored = again.estimate();
    assert!(width(blind) > known + 10.0 && width(restored) >= width(blind), "{blind:?} {restored:?}");
    // Nor by other settings, and neither counts it twice.
    again.reconfigure(setup, limits).unwrap();
    let configured = again.estimate();
    assert!((width(configured) - width(restored)).abs() < 0.1, "{restored:?} {configured:?}");
}

#[test]
fn what_a_gap_may_still_turn_out_to_have_taken_is_not_forgotten_by_a_restart() {
    let mut soc = lfp_16s();
    soc.start_at(60.0);
    run(&mut soc, 3.28, 0.0, 600);
    soc.gap(HOUR / 4);
    let after = run(&mut soc, 3.27, -5.0, 60);
    let mut bytes = Vec::new();
    saved::save(&soc, &saved::Beside::default(), &mut bytes);
    let mut again = lfp_16s();
    saved::restore(&mut again, &bytes).unwrap();
    let restored = again.estimate();
    assert!(after.soc - after.low > 8.0 && restored.low <= after.low + 0.01, "{after:?} {restored:?}");
}

#[test]
fn a_reading_no_such_pack_gives_is_a_gap() {
    for (volts, amps) in [
        (f64::NAN, 0.0),
        (52.0, f64::NAN),
        (52.0, f64::INFINITY),
        (52.0, -1e6),
        (0.0, 0.0),
        (120.0, 1.0),
        (-52.0, 1.0),
    ] {
        let mut soc = lfp_16s();
        soc.start_at(50.0);
        run(&mut soc, 3.25, -5.0, 60);
        let mut same = soc.clone();
        assert_eq!(soc.update(volts, amps, HOUR / 60), same.gap(HOUR / 60), "{volts} V {amps} A");
    }
}

/// What a chip of 1 mAh a step has counted.
fn counted(steps: i64) -> ChargeCount {
    ChargeCount { steps, step_ah: 1e-3, restarted: false, by_chip: true }
}

#[test]
fn what_the_chip_has_counted_is_believed_over_loads_that_nobody_saw_over_gaps_and_over_a_restart() {
    let setup = setup(Chemistry::Lfp, 16, 100.0);
    let limits = protection::Limits::usual(&setup.pack, 3.5);
    let idle = Measured { voltage: 52.5, current: Some(0.0), temperature: None };
    let mut battery = Battery::new(setup, limits);
    battery.start_at(60.0);
    battery.update_counted(idle, Some(counted(0)), SECOND);
    // Each second 40 A for half of it, never when the current is read: 10 Ah in half an hour.
    let mut before = battery.estimate();
    for second in 1..=1800 {
        before = battery.update_counted(idle, Some(counted(-second * 10_000 / 1800)), SECOND);
    }
    assert!((before.soc - 50.0).abs() < 0.5, "{before:?}");
    let energy = battery.details().meter.energy_out;
    assert!((energy - 0.525).abs() < 0.005, "{energy}");
    // Ten minutes without a reading, in which 5 Ah flow.
    battery.gap(HOUR / 6);
    let after = battery.update_counted(idle, Some(counted(-15_000)), SECOND);
    assert!((before.soc - after.soc - 5.0).abs() < 0.3, "{before:?} {after:?}");
    assert!(width(after) < width(before) + 1.5, "{before:?} {after:?}");
    // The daemon is off for half an hour, the chip is not.
    let mut bytes = Vec::new();
    battery.save(&mut bytes);
    let mut again = Battery::new(setup, limits);
    again.restore(&bytes, Some(HOUR / 2)).unwrap();
    let on = again.update_counted(idle, Some(counted(-25_000)), SECOND);
    assert!((after.soc - on.soc - 10.0).abs() < 0.6 && width(on) < width(after) + 4.0, "{after:?} {on:?}");
    // A chip that has lost its count, and one that says what no battery gives: as if it did not count.
    for count in
        [ChargeCount { restarted: true, ..counted(-25_000) }, ChargeCount { steps: 1 << 38, ..counted(0) }]
    {
        let mut lost = Battery::new(setup, limits);
        lost.restore(&bytes, Some(HOUR / 2)).unwrap();
        let wide = lost.update_counted(idle, Some(count), SECOND);
        assert!((wide.soc - after.soc).abs() < 2.0 && width(wide) > width(on) + 2.0, "{on:?} {wide:?}");
    }
}

#[test]
fn a_count_that_began_anew_at_boot_is_no_charge_when_the_clock_tells_how_long_the_power_was_off() {
    let setup = setup(Chemistry::Lfp, 16, 100.0);
    let limits = protection::Limits::usual(&setup.pack, 3.5);
    let idle = Measured { voltage: 52.5, current: Some(0.0), temperature: None };
    let mut battery = Battery::new(setup, limits);
    battery.start_at(60.0);
    battery.update_counted(idle, Some(counted(-9_000)), SECOND);
    let mut bytes = Vec::new();
    battery.save(&mut bytes);
    let before = battery.details().meter;
    let mut again = Battery::new(setup, limits);
    again.restore(&bytes, None).unwrap();
    again.update_counted(idle, Some(ChargeCount { restarted: true, ..counted(0) }), SECOND);
    again.restore(&bytes, Some(HOUR)).unwrap();
    let after = again.update_counted(idle, Some(counted(0)), SECOND);
    assert!((after.soc - 60.0).abs() < 1.0, "{after:?}");
    assert!(again.details().meter.energy_in - before.energy_in < 1e-3, "{:?}", again.details().meter);
}

#[test]
fn totals_counted_since_the_boot_stay_when_the_clock_tells_how_long_the_power_was_off() {
    let setup = setup(Chemistry::Lfp, 16, 100.0);
    let limits = protection::Limits::usual(&setup.pack, 3.5);
    let load = Measured { voltage: 52.5, current: Some(-20.0), temperature: None };
    let mut battery = Battery::new(setup, limits);
    battery.start_at(60.0);
    battery.update_counted(load, Some(counted(0)), SECOND);
    let mut bytes = Vec::new();
    battery.save(&mut bytes);
    // 20 A for half an hour; by a chip that counts, one that has begun anew, and readings alone.
    for (counts, restarted) in [(true, false), (true, true), (false, false)] {
        let mut again = Battery::new(setup, limits);
        again.restore(&bytes, None).unwrap();
        let count = |second: i64| {
            let restarted = restarted && second == 0;
            counts.then_some(ChargeCount { restarted, ..counted(-second * 10_000 / 1800) })
        };
        for second in 0..=1800 {
            again.update_counted(load, count(second), SECOND);
        }
        let before = again.meter();
        assert!((before.energy_out - 0.525).abs() < 0.005, "{before:?}");
        again.restore(&bytes, Some(HOUR)).unwrap();
        assert_eq!(again.meter(), before);
        let after = again.update_counted(load, count(1801), SECOND);
        assert!((again.meter().energy_out - before.energy_out) * 1000.0 < 1.0, "{:?}", again.meter());
        // The chip that counted on tells the state of charge all of it; otherwise nobody knows what flowed.
        let is_known = counts && !restarted;
        assert_eq!((after.soc - 50.0).abs() < 0.5 && width(after) < 35.0, is_known, "{after:?}");
        assert!(is_known || after.low < 50.0 && after.high > 50.0, "{after:?}");
    }
}

#[test]
fn what_a_count_says_that_no_battery_gives_is_in_no_total() {
    let setup = setup(Chemistry::Lfp, 16, 100.0);
    let mut battery = Battery::new(setup, protection::Limits::usual(&setup.pack, 3.5));
    let idle = Measured { voltage: 52.5, current: Some(0.0), temperature: None };
    battery.update_counted(idle, Some(counted(0)), SECOND);
    battery.update_counted(idle, Some(counted(9_000)), SECOND);
    assert!(battery.details().meter.energy_in < 1e-3, "{:?}", battery.details().meter);
}

fn watched() -> (Setup, protection::Limits, Battery) {
    let setup = setup(Chemistry::Lfp, 16, 100.0);
    let limits = protection::Limits::usual(&setup.pack, 3.5);
    (setup, limits, Battery::new(setup, limits))
}

fn verdict_at(battery: &mut Battery, voltage: f64, amps: f64, seconds: u32) -> protection::Verdict {
    for _ in 0..seconds {
        battery.update(Measured { voltage, current: Some(amps), temperature: None }, SECOND);
    }
    battery.verdict()
}

#[test]
fn other_settings_forget_neither_a_latched_fault_nor_how_long_the_sensor_has_been_lost() {
    use protection::Flag;
    for capacity_ah in [100.0, 120.0] {
        let (mut other, limits, mut battery) = watched();
        other.pack.capacity_ah = capacity_ah;
        assert!(verdict_at(&mut battery, 50.0, -310.0, 10).faults.has(Flag::OverCurrent));
        battery.gap(59 * SECOND);
        assert_eq!(battery.reconfigure(other, limits).is_ok(), capacity_ah < 110.0);
        assert!(battery.verdict().faults.has(Flag::OverCurrent) && !battery.verdict().load_allowed);
        battery.gap(SECOND);
        assert!(battery.verdict().faults.has(Flag::SensorLost), "{:?}", battery.verdict());
        battery.gap(HOUR);
        assert!(battery.reconfigure(other, limits).is_ok());
        assert!(battery.verdict().faults.has(Flag::SensorLost), "{:?}", battery.verdict());
    }
}

#[test]
fn a_latched_fault_outlives_a_restart_until_it_is_reset() {
    use protection::Flag;
    for (voltage, amps, flag) in [(50.0, -310.0, Flag::OverCurrent), (60.5, 5.0, Flag::OverVoltage)] {
        let (setup, limits, mut battery) = watched();
        verdict_at(&mut battery, voltage, amps, 10);
        let mut bytes = Vec::new();
        battery.save(&mut bytes);
        let mut again = Battery::new(setup, limits);
        again.restore(&bytes, Some(HOUR)).unwrap();
        let held = verdict_at(&mut again, 52.0, 0.0, 100);
        assert!(held.faults.has(flag) && !held.charge_allowed, "{held:?}");
        assert!(!again.reset_error().faults.has(flag));
        // Known too late: what was reset stays so.
        again.restore(&bytes, Some(HOUR)).unwrap();
        assert!(!verdict_at(&mut again, 52.0, 0.0, 1).faults.has(flag));
    }
}

#[test]
fn a_reading_of_no_battery_takes_nothing_of_what_the_chip_has_counted_and_is_in_no_total() {
    let (_, _, mut battery) = watched();
    let idle = Measured { voltage: 52.5, current: Some(0.0), temperature: None };
    battery.start_at(60.0);
    battery.update_counted(idle, Some(counted(0)), SECOND);
    for (steps, voltage, amps) in [(-2_500, 0.0, -20.0), (-5_000, 52.5, 1e6)] {
        let strange = Measured { voltage, current: Some(amps), ..idle };
        battery.update_counted(strange, Some(counted(steps)), HOUR / 8);
    }
    let after = battery.update_counted(idle, Some(counted(-5_000)), SECOND);
    assert!((after.soc - 55.0).abs() < 0.3, "{after:?}");
    let meter = battery.details().meter;
    assert!((meter.energy_out - 0.2625).abs() < 0.001 && meter.energy_in < 1e-9, "{meter:?}");
    // A restart that such a reading tells is one all the same.
    let restarted = ChargeCount { restarted: true, ..counted(0) };
    battery.update_counted(Measured { voltage: 0.0, ..idle }, Some(restarted), SECOND);
    let on = battery.update_counted(idle, Some(counted(0)), SECOND);
    assert!((on.soc - after.soc).abs() < 0.1, "{after:?} {on:?}");
}

#[test]
fn nothing_is_judged_before_the_first_reading_that_a_battery_can_give() {
    let (_, _, mut battery) = watched();
    battery.gap(SECOND);
    verdict_at(&mut battery, 0.0, 0.0, 5);
    verdict_at(&mut battery, 52.0, 1e6, 5);
    assert!(!battery.has_judged());
    verdict_at(&mut battery, 52.0, 0.0, 1);
    verdict_at(&mut battery, 0.0, 0.0, 1);
    assert!(battery.has_judged());
}

#[test]
fn what_is_beyond_the_sensors_range_for_long_is_a_fault_that_stays() {
    use protection::{Beyond, Flag};
    for (beyond, flag, seconds) in
        [(Beyond::Current, Flag::OverCurrent, 10), (Beyond::Voltage, Flag::OverVoltage, 5)]
    {
        let (_, _, mut battery) = watched();
        verdict_at(&mut battery, 52.0, 0.0, 1);
        for _ in 1..seconds {
            battery.beyond_range(beyond, SECOND);
        }
        assert!(!battery.verdict().faults.has(flag) && battery.verdict().charge_allowed, "{beyond:?}");
        battery.beyond_range(beyond, SECOND);
        assert!(battery.verdict().faults.has(flag), "{:?}", battery.verdict());
        assert!(battery.reset_error().faults.has(flag), "it is there yet");
        let later = verdict_at(&mut battery, 52.0, 0.0, 60);
        assert!(later.faults.has(flag) && !later.charge_allowed, "{later:?}");
        assert!(battery.reset_error().charge_allowed);
    }
}

#[test]
fn loads_that_were_cut_since_the_boot_stay_cut_when_the_clock_tells_how_long_the_power_was_off() {
    let (setup, limits, mut battery) = watched();
    verdict_at(&mut battery, 52.0, -5.0, 10);
    let mut bytes = Vec::new();
    battery.save(&mut bytes);
    let mut again = Battery::new(setup, limits);
    again.restore(&bytes, None).unwrap();
    assert!(!verdict_at(&mut again, 41.0, -5.0, 10).load_allowed);
    again.restore(&bytes, Some(HOUR)).unwrap();
    assert!(!verdict_at(&mut again, 50.0, 0.0, 1).load_allowed);
}

#[test]
fn a_reversed_current_and_values_of_no_battery_are_told_as_implausible() {
    use protection::{Flag, Limits};
    let setup = setup(Chemistry::Lfp, 16, 100.0);
    let mut battery = Battery::new(setup, Limits::usual(&setup.pack, 3.5));
    let mut take = |voltage, amps| {
        battery.update(Measured { voltage, current: Some(amps), temperature: None }, SECOND);
        battery.details().verdict
    };
    let mut verdict = take(52.0, 0.0);
    for second in 0..40 {
        let amps = if second / 2 % 2 == 0 { 30.0 } else { -30.0 };
        verdict = take(52.0 + 0.02 * amps, amps);
    }
    assert!(!verdict.warnings.has(Flag::SensorImplausible), "{verdict:?}");
    for second in 0..400 {
        let amps = if second / 2 % 2 == 0 { 30.0 } else { -30.0 };
        verdict = take(52.0 - 0.02 * amps, amps);
    }
    assert!(verdict.warnings.has(Flag::SensorImplausible), "{verdict:?}");
    for (voltage, amps) in [(0.0, 1.0), (52.0, 1e6), (f64::NAN, 1.0), (52.0, f64::NAN)] {
        assert!(take(voltage, amps).faults.has(Flag::SensorImplausible), "{voltage} V {amps} A");
    }
}

#[test]
fn what_the_board_draws_past_the_shunt_is_counted() {
    let fed = Setup { standby_amps: 1.0, ..setup(Chemistry::Lfp, 16, 100.0) };
    let (mut with, mut without) = (StateOfCharge::new(fed), lfp_16s());
    with.start_at(50.0);
    without.start_at(50.0);
    let difference = run(&mut without, 3.27, 0.0, 36_000).soc - run(&mut with, 3.27, 0.0, 36_000).soc;
    assert!((9.0..11.5).contains(&difference), "{difference}");
}

#[test]
fn a_battery_measured_by_voltage_alone_is_so_after_a_restart_too() {
    let setup = setup(Chemistry::Nmc, 1, 5.0);
    let limits = protection::Limits::usual(&setup.pack, 4.2);
    let blind = Measured { voltage: 3.9, current: None, temperature: None };
    let mut battery = Battery::new(setup, limits);
    let before = battery.update(blind, SECOND);
    let mut bytes = Vec::new();
    battery.save(&mut bytes);
    let mut again = Battery::new(setup, limits);
    again.restore(&bytes, Some(HOUR)).unwrap();
    let after = again.update(blind, SECOND);
    assert_eq!((after.low, after.soc, after.high), (before.low, before.soc, before.high));
    // One whose current was measured goes on counting, and a reading without it is a gap.
    battery.update(Measured { current: Some(-1.0), ..blind }, SECOND);
    let counted = battery.estimate();
    battery.save({
        bytes.clear();
        &mut bytes
    });
    again.restore(&bytes, Some(SECOND)).unwrap();
    assert!((again.update(blind, SECOND).soc - counted.soc).abs() < 0.1);
}

#[test]
fn nothing_read_yet_is_nothing_known() {
    let estimate = lfp_16s().gap(SECOND);
    assert_eq!((estimate.low, estimate.high, estimate.synced), (0.0, 100.0, false));
}

#[derive(Debug, Clone)]
enum Step {
    Update(f64, Option<f64>, Duration),
    Gap(Duration),
    Restart(Option<Duration>),
}

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        8 => (0_u64..120_000).prop_map(Duration::from_millis),
        1 => any::<u64>().prop_map(Duration::from_secs),
        1 => Just(Duration::MAX),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let any_number = || prop::num::f64::ANY;
    prop_oneof![
        6 => (20.0..70.0, prop::option::weighted(0.9, -300.0..300.0), time())
            .prop_map(|(v, i, dt)| Step::Update(v, i, dt)),
        2 => (any_number(), prop::option::of(any_number()), time()).prop_map(|(v, i, dt)| Step::Update(v, i, dt)),
        2 => (45.0..58.0, any_number(), time()).prop_map(|(v, i, dt)| Step::Update(v, Some(i), dt)),
        2 => time().prop_map(Step::Gap),
        1 => prop::option::of(time()).prop_map(Step::Restart),
    ]
}

fn any_setup() -> impl Strategy<Value = Setup> {
    let chemistry = prop::sample::select(vec![Chemistry::Lfp, Chemistry::Nmc, Chemistry::LeadAcid]);
    (chemistry, 1_u16..=400, 0.1..100_000.0).prop_map(|(chemistry, cells, ah)| setup(chemistry, cells, ah))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_keeps_estimate_and_totals_finite_in_order_and_in_range_and_a_gap_only_widens(
        setup in prop_oneof![Just(setup(Chemistry::Lfp, 16, 100.0)), any_setup()],
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let limits = protection::Limits::usual(&setup.pack, setup.full_cell_volts);
        let mut battery = Battery::new(setup, limits);
        let mut before = battery.gap(Duration::ZERO);
        for step in steps {
            let after = match step {
                Step::Update(voltage, current, dt) => {
                    battery.update(Measured { voltage, current, temperature: None }, dt)
                }
                Step::Gap(dt) => battery.gap(dt),
                Step::Restart(off) => {
                    let mut bytes = Vec::new();
                    battery.save(&mut bytes);
                    battery = Battery::new(setup, limits);
                    prop_assert_eq!(battery.restore(&bytes, off), Ok(()));
                    battery.gap(Duration::ZERO)
                }
            };
            let ordered = 0.0 <= after.low && after.low <= after.soc && after.soc <= after.high && after.high <= 100.0;
            prop_assert!(ordered, "{after:?} after {step:?}");
            if matches!(step, Step::Gap(_)) {
                prop_assert!(after.low <= before.low && after.high >= before.high, "{before:?} {after:?}");
                prop_assert!((after.soc - before.soc).abs() < 1e-9);
            }
            let details = battery.details();
            let totals = [details.meter.energy_in, details.meter.energy_out, details.cycles, details.health];
            prop_assert!(totals.iter().all(|total| total.is_finite() && *total >= 0.0), "{details:?}");
            let times = [details.time_to_empty, details.time_to_full];
            prop_assert!(times.iter().flatten().all(|time| time.is_finite() && *time >= 0.0), "{details:?}");
            before = after;
        }
    }
}
