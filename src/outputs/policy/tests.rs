use proptest::prelude::*;

use super::*;
use crate::battery::protection::{Limits, Observation, Protection};
use crate::battery::{Chemistry, Estimate, Pack};

const ROLES: [Role; 4] = [Role::Charge, Role::Load, Role::Identify, Role::Other];
const LEAST: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(30));
const ALL: Permission = Permission { charge: true, load: true };

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn policy() -> Policy {
    Policy::new(ROLES.into_iter(), LEAST, at(0))
}

/// One that has been running for long, with everything permitted.
fn settled() -> Policy {
    let mut policy = policy();
    policy.permit(ALL);
    policy.step(at(100));
    policy
}

#[test]
fn nothing_is_on_before_the_first_verdict_nor_before_the_least_time_off() {
    let mut policy = policy();
    assert_eq!(policy.step(at(1000)), []);
    let mut policy = self::policy();
    policy.permit(ALL);
    assert_eq!((policy.step(at(29)), policy.next(at(29))), (vec![], Some(at(30))));
    assert_eq!(policy.step(at(30)), [(0, true), (1, true)]);
}

#[test]
fn the_modes_drive_charge_and_load_and_the_protection_is_quicker_than_the_least_times() {
    let mut policy = settled();
    policy.set_target(Target::ManualCharge, at(300)).unwrap();
    assert_eq!(policy.step(at(110)), [], "the load has been on for 10 s");
    assert_eq!(policy.step(at(120)), [(1, false)]);
    policy.permit(Permission { charge: false, load: true });
    assert_eq!(policy.step(at(121)), [(0, false)]);
    assert_eq!(policy.set_target(Target::ManualCharge, at(300)), Err(Forbidden::Protection));
    policy.set_target(Target::ManualIdle, at(300)).unwrap();
    policy.set_target(Target::Auto, at(300)).unwrap();
    assert_eq!(policy.step(at(149)), []);
    assert_eq!(policy.step(at(150)), [(1, true)]);
}

#[test]
fn a_wish_holds_for_its_time_and_is_refused_where_something_forbids_it() {
    let mut policy = settled();
    assert_eq!(policy.set_output(0, false, None, at(200)), Err(Forbidden::Auto));
    policy.set_output(3, true, Some(at(25)), at(200)).unwrap();
    assert_eq!(policy.step(at(200)), [(3, true)]);
    assert_eq!(policy.set_output(3, false, None, at(205)), Err(Forbidden::TooSoon(at(15))));
    assert_eq!((policy.next(at(200)), policy.step(at(224))), (Some(at(225)), vec![]));
    assert_eq!(policy.step(at(225)), [(3, false)]);
    policy.set_target(Target::ManualIdle, at(300)).unwrap();
    policy.step(at(226));
    policy.permit(Permission { charge: false, load: true });
    assert_eq!(policy.set_output(0, true, None, at(300)), Err(Forbidden::Protection));
    policy.set_output(1, true, None, at(300)).unwrap();
    assert_eq!(policy.step(at(300)), [(1, true)]);
}

#[test]
fn a_mode_without_its_output_does_not_exist() {
    let mut policy = Policy::new([Role::Load, Role::Other].into_iter(), LEAST, at(0));
    policy.permit(ALL);
    assert_eq!(policy.set_target(Target::ManualCharge, at(300)), Err(Forbidden::NoOutput));
    assert_eq!(policy.set_target(Target::ManualDischarge, at(300)), Ok(()));
    let mut policy = Policy::new([Role::Other].into_iter(), LEAST, at(0));
    assert_eq!(policy.set_target(Target::Auto, at(300)), Err(Forbidden::NoOutput));
}

#[test]
fn a_pin_that_does_not_follow_is_off_and_tried_again_after_a_minute_or_when_asked_for() {
    let mut policy = settled();
    assert!(policy.failed(0, at(100)) && !policy.is_on(0));
    assert_eq!((policy.step(at(159)), policy.next(at(159))), (vec![], Some(at(160))));
    assert_eq!(policy.step(at(160)), [(0, true)], "by the mode");
    assert!(!policy.failed(0, at(160)), "it is told once");
    assert_eq!(policy.next(at(160)), Some(at(220)));
    policy.set_output(3, true, None, at(161)).unwrap();
    assert_eq!(policy.step(at(161)), [(3, true)]);
    assert!(policy.failed(3, at(161)));
    assert_eq!(policy.step(at(200)), [], "the wish is over");
    policy.set_output(3, true, None, at(200)).unwrap();
    assert_eq!(policy.step(at(200)), [(3, true)], "by an operator");
    policy.failed(3, at(200));
    policy.set_output(3, false, None, at(201)).unwrap();
    assert_eq!(policy.step(at(201)), [(3, false)], "an operator wants to be sure");
    assert_eq!(policy.faults().collect::<Vec<_>>(), [0, 3]);
    policy.followed(3);
    assert_eq!(policy.faults().collect::<Vec<_>>(), [0]);
    assert_eq!(policy.step(at(202)), []);
    assert!(policy.failed(3, at(232)), "a new fault is told");
}

#[derive(Debug, Clone)]
enum Move {
    Reading(Reading),
    Gap(u32),
    Reset,
    Mode(usize),
    Output(usize, bool, Option<u64>),
    Wait(u64),
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    volts: f64,
    amps: Option<f64>,
    celsius: Option<f64>,
    low: f64,
    width: f64,
    is_full: bool,
    seconds: u32,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let reading = (
        prop_oneof![Just(2.5), Just(3.3), Just(3.5), Just(3.7), Just(3.9), 2.0..4.0_f64],
        prop::option::weighted(0.9, prop_oneof![Just(0.0), Just(20.0), Just(-20.0), -500.0..500.0_f64]),
        prop::option::weighted(0.5, -40.0..80.0_f64),
        0.0..100.0_f64,
        0.0..60.0_f64,
        prop::bool::weighted(0.2),
        1..700_u32,
    )
        .prop_map(|(volts, amps, celsius, low, width, is_full, seconds)| {
            Move::Reading(Reading { volts, amps, celsius, low, width, is_full, seconds })
        });
    let one = prop_oneof![
        6 => reading,
        1 => (1..90_u32).prop_map(Move::Gap),
        1 => Just(Move::Reset),
        2 => (0..4_usize).prop_map(Move::Mode),
        3 => (0..4_usize, any::<bool>(), prop::option::of(1..60_u64)).prop_map(|(o, on, s)| Move::Output(o, on, s)),
        2 => (0..60_u64).prop_map(Move::Wait),
    ];
    prop::collection::vec(one, 1..120)
}

fn observation(reading: &Reading) -> Observation {
    let high = (reading.low + reading.width).min(100.0);
    let estimate = Estimate { soc: f64::midpoint(reading.low, high), low: reading.low, high, synced: true };
    Observation {
        cell_volts: reading.volts,
        amps: reading.amps,
        celsius: reading.celsius,
        estimate,
        is_full: reading.is_full,
        answers: true,
    }
}

/// Plays the moves on the protection and the policy, a second a step as the sampler does; `look` sees each verdict with
/// charge and load as they are then, and the step before.
fn play(moves: &[Move], mut look: impl FnMut(&Verdict, [bool; 2])) {
    let pack = Pack { chemistry: Chemistry::Lfp, cells_series: 16, capacity_ah: 100.0 };
    let mut protection = Protection::new(Limits::usual(&pack, 3.45));
    let mut verdict = protection.gap(0.0);
    let mut policy = policy();
    let mut now = 0;
    for one in moves {
        let seconds = match one {
            Move::Reading(reading) => reading.seconds,
            Move::Gap(seconds) => *seconds,
            Move::Reset | Move::Mode(_) | Move::Output(..) => 1,
            Move::Wait(seconds) => u32::try_from(*seconds).unwrap(),
        };
        for second in 0..seconds {
            match one {
                Move::Reading(reading) => verdict = protection.update(&observation(reading), 1.0),
                Move::Gap(_) => verdict = protection.gap(1.0),
                Move::Reset => verdict = protection.reset(),
                Move::Mode(mode) => {
                    let _ = policy.set_target(Target::WORDS[*mode].0, at(now));
                }
                Move::Output(place, on, time) if second == 0 => {
                    let _ = policy.set_output(*place, *on, time.map(at), at(now));
                }
                Move::Output(..) | Move::Wait(_) => {}
            }
            policy.permit(Permission::from(&verdict));
            policy.step(at(now));
            look(&verdict, [policy.is_on(0), policy.is_on(1)]);
            now += 1;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn charge_and_load_are_never_on_when_the_state_or_the_protection_forbids_it(moves in moves()) {
        let mut broken = None;
        play(&moves, |verdict, [charge, load]| {
            let bad_charge = charge
                && (!verdict.charge_allowed || matches!(verdict.state, State::Full | State::Error));
            let bad_load =
                load && (!verdict.load_allowed || matches!(verdict.state, State::Empty | State::Error));
            if bad_charge || bad_load {
                broken.get_or_insert((*verdict, charge, load));
            }
        });
        prop_assert_eq!(broken, None);
    }
}

#[test]
fn the_random_moves_pass_through_every_state_and_switch_both_outputs() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut transitions, mut edges) = (std::collections::BTreeSet::new(), [0; 2]);
    for _ in 0..200 {
        let moves = moves().new_tree(&mut runner).unwrap().current();
        let (mut last, mut was) = (None, [false; 2]);
        play(&moves, |verdict, is| {
            let state = format!("{:?}", verdict.state);
            if let Some(last) = last.replace(state.clone()).filter(|last| *last != state) {
                transitions.insert((last, state));
            }
            for (edges, (was, is)) in edges.iter_mut().zip(was.iter().zip(is)) {
                *edges += u32::from(*was != is);
            }
            was = is;
        });
    }
    let entered: std::collections::BTreeSet<_> = transitions.iter().map(|(_, to)| to.clone()).collect();
    assert_eq!(entered.len(), 6, "{entered:?}");
    println!("{} different transitions, edges of charge and load {edges:?}", transitions.len());
    assert!(transitions.len() >= 20 && edges.iter().all(|edges| *edges > 100), "{transitions:?} {edges:?}");
}
