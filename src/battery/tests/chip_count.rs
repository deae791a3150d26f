//! What the chip has counted by itself.

use super::*;

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
