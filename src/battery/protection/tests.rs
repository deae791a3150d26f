use ems_protocol::State;

use super::*;
use crate::battery::{Chemistry, Estimate, Pack};

const PACK: Pack = Pack { chemistry: Chemistry::Lfp, cells_series: 16, capacity_ah: 100.0 };

fn protection() -> Protection {
    Protection::new(Limits::usual(&PACK, 3.45))
}

fn seen(pack_volts: f64, amps: f64, (low, high): (f64, f64)) -> Observation {
    let estimate = Estimate { soc: f64::midpoint(low, high), low, high, synced: true };
    Observation {
        cell_volts: pack_volts / 16.0,
        amps: Some(amps),
        celsius: None,
        estimate,
        is_full: false,
        answers: true,
    }
}

fn run(protection: &mut Protection, seen: &Observation, seconds: u32) -> Verdict {
    (0..seconds).map(|_| protection.update(seen, 1.0)).last().unwrap()
}

const MIDDLE: (f64, f64) = (48.0, 56.0);

#[test]
fn the_sign_of_the_current_beyond_the_dead_band_is_the_state() {
    for (amps, state) in [
        (0.0, State::Idle),
        (0.5, State::Idle),
        (-0.5, State::Idle),
        (0.6, State::Charging),
        (-0.6, State::Discharging),
    ] {
        let verdict = protection().update(&seen(52.0, amps, MIDDLE), 1.0);
        assert_eq!(
            (verdict.state, verdict.charge_allowed, verdict.load_allowed),
            (state, true, true),
            "{amps} A"
        );
    }
}

#[test]
fn charging_goes_on_at_the_charge_voltage_until_the_full_sync_and_again_below_95_percent() {
    let mut protection = protection();
    // 55.2 V: above the 54.0 V that would end every charge before its sync.
    assert!(run(&mut protection, &seen(55.2, 20.0, (90.0, 97.0)), 3600).charge_allowed);
    let full = Observation { is_full: true, ..seen(55.2, 2.0, (98.5, 100.0)) };
    let verdict = run(&mut protection, &full, 1);
    assert_eq!((verdict.state, verdict.charge_allowed, verdict.load_allowed), (State::Full, false, true));
    assert!(!run(&mut protection, &seen(53.0, -5.0, (92.0, 96.0)), 600).charge_allowed);
    assert_eq!(protection.update(&seen(53.0, -5.0, (92.0, 96.0)), 1.0).state, State::Discharging);
    assert!(run(&mut protection, &seen(53.0, -5.0, (90.0, 94.9)), 1).charge_allowed);
}

#[test]
fn an_over_voltage_stops_the_charge_and_a_grave_one_is_an_error_until_it_is_reset() {
    let mut protection = protection();
    let verdict = run(&mut protection, &seen(58.5, 5.0, MIDDLE), 6);
    assert!(!verdict.charge_allowed && verdict.load_allowed && verdict.state != State::Error, "{verdict:?}");
    let verdict = run(&mut protection, &seen(60.5, 5.0, MIDDLE), 1);
    assert!(
        verdict.state == State::Error && verdict.faults.has(Flag::OverVoltage) && !verdict.charge_allowed
    );
    let verdict = run(&mut protection, &seen(52.0, -5.0, MIDDLE), 100);
    assert_eq!((verdict.state, verdict.charge_allowed), (State::Error, false));
    protection.reset();
    let verdict = run(&mut protection, &seen(52.0, -5.0, MIDDLE), 1);
    assert_eq!((verdict.state, verdict.charge_allowed), (State::Discharging, true));
}

#[test]
fn loads_are_cut_at_42_volts_after_a_delay_and_come_back_only_after_ten_minutes_of_net_charge() {
    let mut protection = protection();
    let starting_motor = seen(41.0, -80.0, MIDDLE);
    assert!(run(&mut protection, &starting_motor, 9).load_allowed);
    assert!(run(&mut protection, &seen(50.0, -5.0, MIDDLE), 5).load_allowed);
    let verdict = run(&mut protection, &starting_motor, 10);
    assert_eq!((verdict.state, verdict.load_allowed, verdict.charge_allowed), (State::Empty, false, true));
    // The voltage rebounds at once: that is no reason.
    let verdict = run(&mut protection, &seen(49.0, 0.0, MIDDLE), 86_400);
    assert_eq!((verdict.state, verdict.load_allowed), (State::Empty, false));
    assert!(!run(&mut protection, &seen(50.0, 5.0, MIDDLE), 599).load_allowed);
    assert!(!run(&mut protection, &seen(50.0, -5.0, MIDDLE), 300).load_allowed);
    assert!(!run(&mut protection, &seen(50.0, 5.0, MIDDLE), 299).load_allowed);
    assert!(run(&mut protection, &seen(50.0, 5.0, MIDDLE), 3).load_allowed);
}

#[test]
fn where_no_current_is_measured_loads_come_back_after_ten_minutes_above_what_an_empty_battery_rebounds_to() {
    for (chemistry, empty, rebound, charging) in [
        (Chemistry::Lfp, 2.6, 3.25, 3.35),
        (Chemistry::Nmc, 2.9, 3.55, 3.7),
        (Chemistry::LeadAcid, 1.75, 2.08, 2.25),
    ] {
        let pack = Pack { chemistry, ..PACK };
        let mut protection = Protection::new(Limits::usual(&pack, chemistry.usual_charge_cell_volts()));
        let at = |cell_volts| Observation { amps: None, ..seen(cell_volts * 16.0, 0.0, MIDDLE) };
        assert_eq!(
            protection.update(&at(charging), 1.0).label(None),
            None,
            "neither charging nor discharging"
        );
        let cut = run(&mut protection, &at(empty), 10);
        assert!(!cut.load_allowed && cut.label(None) == Some(State::Empty), "{chemistry:?}: {cut:?}");
        assert!(!run(&mut protection, &at(rebound), 3_600).load_allowed, "{chemistry:?}");
        assert!(!run(&mut protection, &at(charging), 599).load_allowed, "{chemistry:?}");
        assert!(run(&mut protection, &at(charging), 2).load_allowed, "{chemistry:?}");
    }
}

#[test]
fn the_lower_end_of_the_interval_cuts_the_loads_and_never_its_middle() {
    let mut low = protection();
    assert!(run(&mut low, &seen(50.0, -5.0, (4.0, 30.0)), 59).load_allowed);
    let verdict = run(&mut low, &seen(50.0, -5.0, (4.0, 30.0)), 1);
    assert!(!verdict.load_allowed && verdict.warnings.has(Flag::LowCharge));
    let mut high = protection();
    assert!(run(&mut high, &seen(50.0, -5.0, (6.0, 8.0)), 3600).load_allowed);
}

#[test]
fn an_interval_that_says_nothing_cuts_nobody_off() {
    let mut protection = protection();
    assert!(run(&mut protection, &seen(52.0, -5.0, (0.0, 80.0)), 3600).load_allowed);
}

#[test]
fn lithium_is_not_charged_below_0_degrees_and_may_be_again_a_little_above() {
    let mut protection = protection();
    let at = |celsius| Observation { celsius: Some(celsius), ..seen(52.0, 5.0, MIDDLE) };
    assert!(run(&mut protection, &at(0.5), 1).charge_allowed);
    let cold = run(&mut protection, &at(-0.5), 1);
    assert!(!cold.charge_allowed && cold.load_allowed && cold.warnings.has(Flag::ChargeTooCold));
    assert!(!run(&mut protection, &at(1.0), 1).charge_allowed);
    assert!(run(&mut protection, &at(2.5), 1).charge_allowed);
}

#[test]
fn heat_and_deep_cold_are_errors_that_go_by_themselves() {
    let mut protection = protection();
    let at = |celsius| Observation { celsius: Some(celsius), ..seen(52.0, -5.0, MIDDLE) };
    let hot = run(&mut protection, &at(61.0), 1);
    assert!(hot.state == State::Error && !hot.load_allowed && hot.faults.has(Flag::Overheat));
    assert_eq!(run(&mut protection, &at(57.0), 1).state, State::Discharging);
    let frozen = run(&mut protection, &at(-21.0), 1);
    assert!(frozen.faults.names().eq(["UNDERTEMP"]) && !frozen.load_allowed);
}

#[test]
fn a_probe_that_falls_silent_forgets_nothing_and_after_a_minute_lithium_is_not_charged() {
    for (chemistry, may_charge) in [(Chemistry::Lfp, false), (Chemistry::LeadAcid, true)] {
        let limits = Limits { has_probe: true, ..Limits::usual(&Pack { chemistry, ..PACK }, 3.45) };
        let at = |celsius| Observation { celsius, ..seen(52.0, -5.0, MIDDLE) };
        let mut hot = Protection::new(limits);
        run(&mut hot, &at(Some(61.0)), 1);
        assert!(run(&mut hot, &at(None), 600).faults.has(Flag::Overheat), "{chemistry:?}");
        let mut warm = Protection::new(limits);
        run(&mut warm, &at(Some(20.0)), 1);
        let silent = run(&mut warm, &at(None), 59);
        assert!(silent.charge_allowed && silent.warnings == Flags::NONE, "{silent:?}");
        let lost = run(&mut warm, &at(None), 1);
        assert!(lost.charge_allowed == may_charge && lost.load_allowed, "{lost:?}");
        assert!(lost.warnings.names().eq(["PROBE_LOST"]), "{lost:?}");
        assert!(run(&mut warm, &at(Some(20.0)), 1).charge_allowed);
        // Without a configured probe there is none to be lost.
        let mut none = warm.with_limits(Limits { has_probe: false, ..limits });
        assert!(run(&mut none, &at(None), 600).charge_allowed);
    }
}

#[test]
fn lithium_is_not_charged_before_the_probe_has_said_how_cold_it_is() {
    for (chemistry, may_charge) in
        [(Chemistry::Lfp, false), (Chemistry::Nmc, false), (Chemistry::LeadAcid, true)]
    {
        let limits = Limits { has_probe: true, ..Limits::usual(&Pack { chemistry, ..PACK }, 3.45) };
        let at = |celsius| Observation { celsius, ..seen(52.0, -5.0, MIDDLE) };
        let mut started = Protection::new(limits);
        let unknown = run(&mut started, &at(None), 1);
        assert!(unknown.charge_allowed == may_charge && unknown.load_allowed, "{chemistry:?}: {unknown:?}");
        assert_eq!(unknown.warnings, Flags::NONE, "it is given its minute");
        assert!(run(&mut started, &at(Some(20.0)), 1).charge_allowed, "{chemistry:?}");
        assert!(run(&mut started, &at(None), 1).charge_allowed, "{chemistry:?}");
    }
}

#[test]
fn an_over_current_that_lasts_is_latched() {
    let mut protection = protection();
    assert!(run(&mut protection, &seen(50.0, -310.0, MIDDLE), 9).load_allowed);
    assert!(!run(&mut protection, &seen(50.0, -310.0, MIDDLE), 1).load_allowed);
    assert!(!run(&mut protection, &seen(50.0, 0.0, MIDDLE), 60).load_allowed);
}

#[test]
fn without_a_sensor_nothing_is_allowed_after_a_minute_and_all_is_when_it_is_back() {
    let mut protection = protection();
    run(&mut protection, &seen(52.0, -5.0, MIDDLE), 1);
    assert!((0..59).map(|_| protection.gap(1.0)).all(|v| v.load_allowed && v.charge_allowed));
    let lost = protection.gap(1.0);
    assert!(lost.state == State::Error && !lost.load_allowed && lost.faults.has(Flag::SensorLost));
    assert!(run(&mut protection, &seen(52.0, -5.0, MIDDLE), 1).load_allowed);
}

#[test]
fn the_set_of_flags_survives_its_number() {
    let mut flags = Flags::NONE;
    flags.set(Flag::NotSynced);
    flags.set(Flag::Overheat);
    assert_eq!(Flags::from_bits(flags.bits()), flags);
    assert_eq!(Flags::from_bits(u16::MAX).names().count(), ALL_FLAGS);
}

const ALL_FLAGS: usize = 12;

#[test]
fn a_reading_that_no_such_battery_gives_is_a_fault_at_once_and_after_a_minute_as_good_as_none() {
    let mut protection = protection();
    let well = seen(52.0, -5.0, MIDDLE);
    protection.update(&well, 1.0);
    let first = protection.implausible(1.0);
    assert!(first.faults.has(Flag::SensorImplausible) && first.load_allowed, "{first:?}");
    let later = (0..60).map(|_| protection.implausible(1.0)).last().unwrap();
    assert!(later.faults.has(Flag::SensorLost) && !later.load_allowed && !later.charge_allowed, "{later:?}");
    let again = protection.update(&well, 1.0);
    assert!(again.faults == Flags::NONE && again.load_allowed, "{again:?}");
}

#[test]
fn a_voltage_that_does_not_answer_to_the_current_as_it_can_is_a_warning() {
    let mut protection = protection();
    let verdict = protection.update(&Observation { answers: false, ..seen(52.0, -5.0, MIDDLE) }, 1.0);
    assert!(verdict.warnings.has(Flag::SensorImplausible) && verdict.load_allowed, "{verdict:?}");
}
