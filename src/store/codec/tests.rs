use super::totals::COUNT;
use super::*;
use crate::battery::protection::Flags;
use crate::sample::Totals;
use ems_protocol::Mode;
use proptest::prelude::*;

/// The longest sample: head, jump, time, six values and the totals with the mask of those that changed.
const LONGEST: usize = 1 + 8 * 10 + 2 + COUNT * 10;
/// What a run has before its first sample, at most.
const PREAMBLE: usize = 11;

/// Any sample on the grid of the wire.
pub(crate) fn any_outcome() -> impl Strategy<Value = Outcome> {
    let measured = (
        (0i64..100_000, prop::option::of(-500_000i64..500_000), prop::option::of(-400i64..900)),
        (0i64..=10_000, 0i64..=10_000, 0i64..=10_000, any::<bool>()),
        prop::option::of(prop::sample::select(STATES.as_slice())),
        prop::option::of(any_totals()),
    )
        .prop_map(|((mv, ma, t), (soc, low, high, synced), state, totals)| Outcome::Measured {
            reading: Reading {
                voltage: mv as f64 / MILLI,
                current: ma.map(|v| v as f64 / MILLI),
                temperature: t.map(|v| v as f64 / DECI),
                charge: None,
            },
            estimate: Estimate {
                soc: soc as f64 / CENTI,
                low: low as f64 / CENTI,
                high: high as f64 / CENTI,
                synced,
            },
            state,
            totals,
        });
    prop_oneof![4 => measured, 1 => prop::sample::select(FLAGS.as_slice()).prop_map(Outcome::Gap)]
}

const MODE_OR_NONE: [Option<Mode>; 3] = [None, Some(Mode::Auto), Some(Mode::Manual)];

fn any_totals() -> impl Strategy<Value = Totals> {
    let number = any::<u32>;
    (
        (any::<u16>(), any::<u16>(), any::<bool>(), any::<bool>(), prop::sample::select(&MODE_OR_NONE)),
        (number(), number(), number(), number()),
        (prop::option::of(number()), prop::option::of(number()), prop::option::of((number(), number()))),
    )
        .prop_map(
            |((faults, warnings, charge, load, mode), (energy_in, energy_out, cycles, health), times)| {
                Totals {
                    faults: Flags::from_bits(faults),
                    warnings: Flags::from_bits(warnings),
                    energy_in,
                    energy_out,
                    cycles,
                    to_empty: times.0,
                    to_full: times.1,
                    since_sync: times.2,
                    health,
                    mode,
                    allowed: (charge, load),
                }
            },
        )
}

fn any_run() -> impl Strategy<Value = Vec<Sample>> {
    prop::collection::vec((any::<u64>(), any::<u64>(), any_outcome()), 0..40).prop_map(|list| {
        list.into_iter()
            .map(|(seq, taken, outcome)| Sample { seq, taken: BootTime(taken), outcome })
            .collect()
    })
}

fn encoded(samples: &[Sample]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(samples.iter(), &mut out);
    out
}

/// A day's course at 1 Hz: a load that changes, noise of a few steps, a beat that is late by some ms.
pub(crate) fn day(seq: u64) -> Sample {
    let noise = |bits: u32| (seq.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - bits)) as f64;
    let phase = seq as f64 / 86_400.0 * std::f64::consts::TAU;
    let load = if seq % 600 < 200 { -12.0 } else { 0.0 };
    let current = 20.0 * phase.sin() + load + noise(6) * 0.002;
    let soc = 60.0 + 20.0 * phase.cos();
    Sample {
        seq: 77_000 + seq,
        taken: BootTime(77_123 + seq * 1000 + (seq.wrapping_mul(0x9E37_79B9) >> 7) % 4),
        outcome: Outcome::Measured {
            reading: Reading {
                voltage: 53.0 + current * 0.01 + noise(5) * 0.004,
                current: Some(current),
                temperature: Some(21.0 + noise(2) * 0.1),
                charge: None,
            },
            estimate: Estimate { soc, low: soc - 4.0, high: soc + 4.0, synced: true },
            state: Some(State::Charging),
            totals: Some(Totals {
                energy_in: u32::try_from(seq / 40).unwrap(),
                energy_out: u32::try_from(seq / 70).unwrap(),
                health: 97,
                ..Totals::default()
            }),
        },
    }
}

#[test]
fn a_minute_of_a_day_takes_less_than_20_bytes_a_sample() {
    let samples: Vec<Sample> = (30_000..30_060).map(day).collect();
    let bytes = encoded(&samples);
    println!("{} bytes for 60 samples", bytes.len());
    assert!(bytes.len() < 60 * 20, "{}", bytes.len());
}

#[test]
fn what_is_no_number_becomes_a_gap_and_an_unknown_flag_stays_one() {
    let Sample { seq, taken, .. } = day(1);
    let Outcome::Measured { mut reading, estimate, state, totals } = day(1).outcome else { panic!() };
    reading.voltage = f64::NAN;
    let outcomes = [Outcome::Measured { reading, estimate, state, totals }, Outcome::Gap("SOMETHING_NEW")];
    let samples = outcomes.map(|outcome| Sample { seq, taken, outcome });
    let back = decode(&encoded(&samples)).unwrap();
    assert!(back.iter().all(|s| s.outcome == Outcome::Gap(flag::COMM_LOSS)), "{back:?}");
}

#[test]
fn another_version_and_a_count_beyond_the_bytes_are_refused() {
    assert_eq!(decode(&[9, 0]), Err(CodecError::Version(9)));
    assert_eq!(decode(&[]), Err(CodecError::Truncated));
    assert_eq!(decode(&[VERSION, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0, 0, 0]), Err(CodecError::Truncated));
    assert_eq!(decode(&[VERSION, 0, 1]), Err(CodecError::Trailing(1)));
}

#[test]
fn samples_of_the_version_without_totals_are_read() {
    let mut sample = day(3);
    if let Outcome::Measured { totals, .. } = &mut sample.outcome {
        *totals = None;
    }
    let mut bytes = encoded(&[sample]);
    bytes[0] = OLD_VERSION;
    assert_eq!(decode(&bytes).map(|samples| samples.len()), Ok(1));
}

proptest! {
    #[test]
    fn what_is_on_the_grid_of_the_wire_comes_back_as_it_was(samples in any_run()) {
        let bytes = encoded(&samples);
        prop_assert!(bytes.len() <= PREAMBLE + samples.len() * LONGEST);
        prop_assert_eq!(decode(&bytes), Ok(samples));
    }

    #[test]
    fn finer_values_are_rounded_once_and_then_stay(v in -1e4..1e4, a in -1e3..1e3, t in -50.0..90.0, soc in 0.0..100.0) {
        let sample = |voltage, current, temperature, soc| Sample { seq: 1, taken: BootTime(2), outcome: Outcome::Measured {
            reading: Reading { voltage, current: Some(current), temperature: Some(temperature), charge: None },
            estimate: Estimate { soc, low: soc, high: soc, synced: false }, state: None, totals: None } };
        let rounded = |x: f64, steps: f64| (x * steps).round() / steps;
        let expected = sample(rounded(v, MILLI), rounded(a, MILLI), rounded(t, DECI), rounded(soc, CENTI));
        prop_assert_eq!(decode(&encoded(&[sample(v, a, t, soc)])), Ok(vec![expected]));
        prop_assert_eq!(decode(&encoded(&[expected])), Ok(vec![expected]));
    }

    #[test]
    fn any_bytes_give_samples_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(samples) = decode(&bytes) {
            prop_assert!(samples.len() <= bytes.len());
        }
    }

    #[test]
    fn a_cut_run_is_an_error(samples in any_run(), cut in any::<prop::sample::Index>()) {
        let bytes = encoded(&samples);
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
    }
}
