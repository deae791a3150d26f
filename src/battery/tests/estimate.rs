//! What is known of the state of charge, and what a restart leaves of it.

use ems_simulator::{Cell, CellParameters};

use super::*;

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
