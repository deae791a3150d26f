//! Faults, permissions and settings, over readings and restarts.

use super::*;

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
