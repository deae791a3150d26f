//! Any sequence of readings, gaps and restarts.

use proptest::prelude::*;

use super::*;

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
