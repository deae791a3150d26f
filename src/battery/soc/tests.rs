use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

fn lfp_16s() -> Pack {
    Pack { chemistry: Chemistry::Lfp, cells_series: 16, capacity_ah: 100.0 }
}

fn started(volts: f64) -> StateOfCharge {
    let mut soc = StateOfCharge::new(lfp_16s());
    for _ in 0..6 {
        soc.update(volts, Some(0.0), SECOND);
    }
    soc
}

fn width(estimate: Estimate) -> f64 {
    estimate.high - estimate.low
}

#[test]
fn a_start_on_the_plateau_of_lfp_is_wide_and_one_at_the_knee_is_not() {
    let plateau = started(16.0 * 3.28).estimate;
    assert!(width(plateau) > 40.0 && !plateau.synced, "{plateau:?}");
    let empty = started(16.0 * 2.6).estimate;
    assert!(width(empty) < 6.0 && empty.soc < 5.0, "{empty:?}");
}

#[test]
fn charge_is_counted_with_the_time_it_took() {
    let mut steps = started(16.0 * 3.26);
    let mut leap = steps.clone();
    let before = steps.estimate.soc;
    for _ in 0..1800 {
        steps.update(52.0, Some(-20.0), SECOND);
    }
    leap.update(52.0, Some(-20.0), HOUR / 2);
    assert!((steps.estimate.soc - (before - 10.0)).abs() < 1e-6, "{before} {:?}", steps.estimate);
    assert!((steps.estimate.soc - leap.estimate.soc).abs() < 1e-6);
    assert!((steps.estimate.low - leap.estimate.low).abs() < 1e-6);
}

#[test]
fn counting_widens_the_interval() {
    let mut soc = started(16.0 * 3.26);
    let before = soc.estimate;
    let after = soc.update(52.0, Some(-10.0), HOUR);
    assert!(width(after) > width(before) + 3.0, "{before:?} {after:?}");
}

#[test]
fn a_day_without_a_current_widens_the_interval_by_what_the_sensor_may_not_see() {
    let mut soc = started(16.0 * 3.0);
    let before = soc.estimate;
    let after = soc.update(48.0, Some(0.0), 24 * HOUR);
    assert!((after.high - before.high - 3.6).abs() < 1e-6, "{before:?} {after:?}");
    assert!((after.soc - before.soc).abs() < f64::EPSILON);
}

#[test]
fn a_current_no_such_pack_has_is_a_gap() {
    for amps in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1e6] {
        let mut soc = started(16.0 * 3.0);
        let mut same = soc.clone();
        assert_eq!(soc.update(48.0, Some(amps), HOUR / 60), same.gap(HOUR / 60), "{amps}");
    }
}

#[test]
fn without_a_current_the_voltage_alone_speaks_and_the_interval_is_wide() {
    let mut soc = StateOfCharge::new(lfp_16s());
    let low = soc.update(16.0 * 3.0, None, SECOND);
    let mut high = low;
    for _ in 0..600 {
        high = soc.update(16.0 * 3.4, None, SECOND);
    }
    assert!(width(low) > 15.0 && width(high) > 50.0, "{low:?} {high:?}");
    assert!(high.soc > low.soc, "{low:?} {high:?}");
}

#[test]
fn a_voltage_no_such_pack_has_is_a_gap() {
    for volts in [0.0, 5.0, -53.0, 120.0, f64::NAN, f64::INFINITY] {
        let mut soc = started(16.0 * 3.0);
        let before = soc.estimate;
        let after = soc.update(volts, Some(50.0), HOUR / 60);
        assert_eq!(after, soc.clone().update(volts, None, Duration::ZERO), "{volts}");
        assert!((after.soc - before.soc).abs() < f64::EPSILON && width(after) > width(before), "{volts}");
    }
}

#[test]
fn a_lost_current_while_counting_is_a_gap() {
    let mut soc = started(16.0 * 3.0);
    let mut same = soc.clone();
    assert_eq!(soc.update(48.0, None, HOUR / 6), same.gap(HOUR / 6));
}

#[test]
fn nothing_read_yet_is_nothing_known() {
    let estimate = StateOfCharge::new(lfp_16s()).gap(SECOND);
    assert_eq!((estimate.low, estimate.high, estimate.synced), (0.0, 100.0, false));
}

#[derive(Debug, Clone)]
enum Step {
    Update(f64, Option<f64>, Duration),
    Gap(Duration),
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
    ]
}

fn pack() -> impl Strategy<Value = Pack> {
    let chemistry = prop::sample::select(vec![Chemistry::Lfp, Chemistry::Nmc, Chemistry::LeadAcid]);
    (chemistry, 1_u16..=400, 0.1..100_000.0).prop_map(|(chemistry, cells_series, capacity_ah)| Pack {
        chemistry,
        cells_series,
        capacity_ah,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_keeps_the_estimate_finite_in_order_and_in_range_and_a_gap_only_widens(
        pack in prop_oneof![Just(lfp_16s()), pack()],
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut soc = StateOfCharge::new(pack);
        let mut before = soc.gap(Duration::ZERO);
        for step in steps {
            let after = match step {
                Step::Update(voltage, current, dt) => soc.update(voltage, current, dt),
                Step::Gap(dt) => soc.gap(dt),
            };
            let ordered = 0.0 <= after.low && after.low <= after.soc && after.soc <= after.high && after.high <= 100.0;
            prop_assert!(ordered, "{after:?}");
            if matches!(step, Step::Gap(_)) {
                prop_assert!(after.low <= before.low && after.high >= before.high, "{before:?} {after:?}");
                prop_assert!((after.soc - before.soc).abs() < f64::EPSILON);
            }
            before = after;
        }
    }

    /// The truth of a pack whose capacity and sensor are within what [`COUNTED`] and the offset allow for.
    #[test]
    fn a_pack_within_the_assumptions_never_leaves_the_interval(
        truth in 0.0..100.0_f64,
        health in 0.79..1.04_f64,
        gain in 0.985..1.015_f64,
        offset in -0.1..0.1_f64,
        loads in prop::collection::vec((-60.0..60.0_f64, 60_u64..1800), 1..20),
    ) {
        let pack = lfp_16s();
        let mut truth = truth;
        // As tight as it gets around the truth, as after a start at a knee.
        let mut soc = StateOfCharge::new(pack);
        soc.phase = Phase::Counting;
        soc.set(truth, truth - MIN_WIDTH / 2.0, truth + MIN_WIDTH / 2.0);
        for (amps, seconds) in loads {
            let dt = Duration::from_secs(seconds);
            let next = truth + amps * hours(dt) / (pack.capacity_ah * health) * 100.0;
            if !(0.0..=100.0).contains(&next) {
                continue;
            }
            truth = next;
            let estimate = soc.update(52.0, Some(amps * gain + offset), dt);
            prop_assert!(estimate.low <= truth && truth <= estimate.high, "{truth}: {estimate:?}");
        }
    }
}
