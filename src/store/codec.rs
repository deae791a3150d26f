//! Samples as bytes: a run of samples of one boot, each as its difference from the one before.
//!
//! Values are whole steps of what goes over the wire (mV, mA, 0.01 %, 0.1 °C): the round trip is exact there. The
//! bytes carry no checksum: they travel inside a record (`record.rs`).
//!
//! A run is its version, the number of samples, and each sample as
//!
//! | what | when | how |
//! |---|---|---|
//! | head | always | bits 0–2 the state, 6 for none, 7 for a gap; 3 current, 4 temperature, 5 synced, 6 `seq` is not the next, 7 totals |
//! | `seq` − next `seq` | bit 6 | wrapping difference, varint |
//! | time | always | the interval's difference from the interval before, ms, zigzag varint |
//! | flag | a gap | its place in [`FLAGS`] |
//! | voltage, current, temperature, SOC, low, high | measured | difference from the last known, zigzag varint |
//! | totals | bit 7 | which of them have changed, varint; each of those as its difference, zigzag varint |

use ems_protocol::{Mode, State, flag};

use crate::battery::Estimate;
use crate::battery::protection::Flags;
use crate::clock::BootTime;
use crate::sample::{Outcome, Sample, Totals};
use crate::sensor::Reading;

/// Version of the layout above.
const VERSION: u8 = 2;
/// Without totals, otherwise the same.
const OLD_VERSION: u8 = 1;
/// No sample is shorter: head, time, flag.
const SHORTEST: usize = 3;

const STATE: u8 = 0b111;
const STATELESS: u8 = 6;
const GAP: u8 = 7;
const CURRENT: u8 = 1 << 3;
const TEMPERATURE: u8 = 1 << 4;
const SYNCED: u8 = 1 << 5;
const JUMP: u8 = 1 << 6;
const TOTALS: u8 = 1 << 7;

/// Why a reading is missing, by number. Numbers are on cards in the field: only ever add at the end.
const FLAGS: [&str; 5] = [flag::COMM_LOSS, flag::SENSOR_LOST, flag::SENSOR_RESET, "OVERHEAT", "UNDERTEMP"];
const STATES: [State; 6] =
    [State::Idle, State::Charging, State::Discharging, State::Full, State::Empty, State::Error];

const MILLI: f64 = 1e3;
const CENTI: f64 = 1e2;
const DECI: f64 = 1e1;

/// Why bytes are no run of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum CodecError {
    /// They end too early.
    #[error("the samples end too early")]
    Truncated,
    /// They go on after the last sample.
    #[error("{0} bytes follow the last sample")]
    Trailing(usize),
    /// Another version wrote them.
    #[error("the samples are in format {0}; this version reads {VERSION}")]
    Version(u8),
    /// A number that the format does not know.
    #[error("the samples hold an unknown {0}")]
    Unknown(&'static str),
}

/// Appends the samples of one boot to `out`.
pub(super) fn encode<'a>(samples: impl ExactSizeIterator<Item = &'a Sample>, out: &mut Vec<u8>) {
    out.push(VERSION);
    put(out, samples.len() as u64);
    let mut last = Last::default();
    for sample in samples {
        last.encode(sample, out);
    }
}

/// The samples that [`encode`] was given, rounded to the steps of the wire.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Sample>, CodecError> {
    let mut input = Input(bytes);
    match input.byte()? {
        VERSION | OLD_VERSION => {}
        other => return Err(CodecError::Version(other)),
    }
    let count = input.varint()?;
    // A count that the bytes cannot hold must not allocate anything.
    let count = usize::try_from(count)
        .ok()
        .filter(|&count| count <= input.0.len() / SHORTEST)
        .ok_or(CodecError::Truncated)?;
    let mut last = Last::default();
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        samples.push(last.decode(&mut input)?);
    }
    if input.0.is_empty() { Ok(samples) } else { Err(CodecError::Trailing(input.0.len())) }
}

/// What the next sample is compared with.
#[derive(Default)]
struct Last {
    next_seq: u64,
    taken: u64,
    interval: u64,
    voltage: i64,
    current: i64,
    temperature: i64,
    soc: i64,
    low: i64,
    high: i64,
    totals: [i64; TOTAL_COUNT],
}

impl Last {
    fn encode(&mut self, sample: &Sample, out: &mut Vec<u8>) {
        let measured = Values::of(sample);
        let mut head = match &measured {
            Ok(values) => values.head,
            Err(_) => GAP,
        };
        let jump = sample.seq.wrapping_sub(self.next_seq);
        if jump != 0 {
            head |= JUMP;
        }
        out.push(head);
        if jump != 0 {
            put(out, jump);
        }
        self.next_seq = sample.seq.wrapping_add(1);
        let interval = sample.taken.0.wrapping_sub(self.taken);
        put(out, zigzag(interval.wrapping_sub(self.interval).cast_signed()));
        (self.taken, self.interval) = (sample.taken.0, interval);
        match measured {
            Err(flag) => out.push(flag),
            Ok(values) => {
                step(out, &mut self.voltage, values.voltage);
                if let Some(current) = values.current {
                    step(out, &mut self.current, current);
                }
                if let Some(temperature) = values.temperature {
                    step(out, &mut self.temperature, temperature);
                }
                step(out, &mut self.soc, values.soc);
                step(out, &mut self.low, values.low);
                step(out, &mut self.high, values.high);
                if let Some(totals) = &values.totals {
                    put_totals(out, &mut self.totals, totals);
                }
            }
        }
    }

    fn decode(&mut self, input: &mut Input<'_>) -> Result<Sample, CodecError> {
        let head = input.byte()?;
        let jump = if head & JUMP == 0 { 0 } else { input.varint()? };
        let seq = self.next_seq.wrapping_add(jump);
        self.next_seq = seq.wrapping_add(1);
        self.interval = self.interval.wrapping_add(unzigzag(input.varint()?).cast_unsigned());
        self.taken = self.taken.wrapping_add(self.interval);
        let outcome = if head & STATE == GAP {
            let flag = *FLAGS.get(usize::from(input.byte()?)).ok_or(CodecError::Unknown("flag"))?;
            Outcome::Gap(flag)
        } else {
            // All of the table, or none: every number below a gap's has its meaning.
            let state = STATES.get(usize::from(head & STATE)).copied();
            let voltage = unstep(input, &mut self.voltage, MILLI)?;
            let current = match head & CURRENT {
                0 => None,
                _ => Some(unstep(input, &mut self.current, MILLI)?),
            };
            let temperature = match head & TEMPERATURE {
                0 => None,
                _ => Some(unstep(input, &mut self.temperature, DECI)?),
            };
            let soc = unstep(input, &mut self.soc, CENTI)?;
            let low = unstep(input, &mut self.low, CENTI)?;
            let high = unstep(input, &mut self.high, CENTI)?;
            let totals = match head & TOTALS {
                0 => None,
                _ => Some(take_totals(input, &mut self.totals)?),
            };
            Outcome::Measured {
                reading: Reading { voltage, current, temperature, charge: None },
                estimate: Estimate { soc, low, high, synced: head & SYNCED != 0 },
                state,
                totals,
            }
        };
        Ok(Sample { seq, taken: BootTime(self.taken), outcome })
    }
}

/// The values of a measured sample in whole steps.
struct Values {
    head: u8,
    voltage: i64,
    current: Option<i64>,
    temperature: Option<i64>,
    soc: i64,
    low: i64,
    high: i64,
    totals: Option<[i64; TOTAL_COUNT]>,
}

impl Values {
    /// The values, or the number of the flag that says why there are none.
    fn of(sample: &Sample) -> Result<Self, u8> {
        let (reading, estimate, state, totals) = match sample.outcome {
            Outcome::Measured { reading, estimate, state, totals } => (reading, estimate, state, totals),
            // A flag that the table lacks still is a gap; 0 is the least specific.
            Outcome::Gap(flag) => return Err(place(&FLAGS, &flag)),
        };
        let current = reading.current.and_then(|a| steps(a, MILLI));
        let temperature = reading.temperature.and_then(|t| steps(t, DECI));
        let mut head = state.map_or(STATELESS, |state| place(&STATES, &state));
        head |= if current.is_some() { CURRENT } else { 0 };
        head |= if temperature.is_some() { TEMPERATURE } else { 0 };
        head |= if estimate.synced { SYNCED } else { 0 };
        head |= if totals.is_some() { TOTALS } else { 0 };
        let required = || {
            Some(Self {
                head,
                voltage: steps(reading.voltage, MILLI)?,
                current,
                temperature,
                soc: steps(estimate.soc, CENTI)?,
                low: steps(estimate.low, CENTI)?,
                high: steps(estimate.high, CENTI)?,
                totals: totals.as_ref().map(columns),
            })
        };
        // What is no number cannot be sent either: it is a gap of the least specific kind.
        required().ok_or(0)
    }
}

/// Numbers in [`Totals`].
const TOTAL_COUNT: usize = 11;

/// The totals as numbers; what is not known is −1.
fn columns(totals: &Totals) -> [i64; TOTAL_COUNT] {
    let Totals {
        faults,
        warnings,
        energy_in,
        energy_out,
        cycles,
        to_empty,
        to_full,
        since_sync,
        health,
        allowed,
        mode,
    } = *totals;
    let known = |value: Option<u32>| value.map_or(-1, i64::from);
    [
        i64::from(faults.bits()),
        i64::from(warnings.bits()),
        i64::from(energy_in),
        i64::from(energy_out),
        i64::from(cycles),
        known(to_empty),
        known(to_full),
        known(since_sync.map(|(hours, _)| hours)),
        known(since_sync.map(|(_, ah)| ah)),
        i64::from(health),
        i64::from(allowed.0) | i64::from(allowed.1) << 1 | mode.map_or(0, |mode| place_of(mode) << 2),
    ]
}

/// The modes, whose places in two bits begin at 1: 0 is none, as earlier versions wrote.
const MODES: [Mode; 2] = [Mode::Auto, Mode::Manual];

fn place_of(mode: Mode) -> i64 {
    match mode {
        Mode::Auto => 1,
        Mode::Manual => 2,
    }
}

fn totals(columns: [i64; TOTAL_COUNT]) -> Totals {
    let [faults, warnings, energy_in, energy_out, cycles, to_empty, to_full, hours, ah, health, allowed] =
        columns;
    let flags = |bits: i64| Flags::from_bits(u16::try_from(bits).unwrap_or(0));
    let known = |value: i64| u32::try_from(value).ok();
    let number = |value: i64| u32::try_from(value).unwrap_or(0);
    Totals {
        faults: flags(faults),
        warnings: flags(warnings),
        energy_in: number(energy_in),
        energy_out: number(energy_out),
        cycles: number(cycles),
        to_empty: known(to_empty),
        to_full: known(to_full),
        since_sync: known(hours).zip(known(ah)),
        health: number(health),
        allowed: (allowed & 1 != 0, allowed & 2 != 0),
        mode: MODES.into_iter().find(|mode| place_of(*mode) == allowed >> 2 & 3),
    }
}

fn put_totals(out: &mut Vec<u8>, last: &mut [i64; TOTAL_COUNT], columns: &[i64; TOTAL_COUNT]) {
    let pairs = || last.iter().zip(columns).enumerate();
    put(out, pairs().filter(|(_, (old, new))| old != new).fold(0, |bits, (i, _)| bits | 1 << i));
    for (old, new) in last.iter_mut().zip(columns).filter(|(old, new)| old != new) {
        step(out, old, *new);
    }
}

fn take_totals(input: &mut Input<'_>, last: &mut [i64; TOTAL_COUNT]) -> Result<Totals, CodecError> {
    let changed = input.varint()?;
    for (i, value) in last.iter_mut().enumerate() {
        if changed >> i & 1 != 0 {
            *value = value.wrapping_add(unzigzag(input.varint()?));
        }
    }
    Ok(totals(*last))
}

fn place<T: PartialEq>(table: &[T], value: &T) -> u8 {
    table.iter().position(|v| v == value).and_then(|i| u8::try_from(i).ok()).unwrap_or(0)
}

/// A value in whole steps; `None` for what is not finite. Past 2^63 steps it saturates.
fn steps(value: f64, steps: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and no battery comes near")]
    value.is_finite().then(|| (value * steps).round() as i64)
}

fn step(out: &mut Vec<u8>, last: &mut i64, value: i64) {
    put(out, zigzag(value.wrapping_sub(*last)));
    *last = value;
}

fn unstep(input: &mut Input<'_>, last: &mut i64, steps: f64) -> Result<f64, CodecError> {
    *last = last.wrapping_add(unzigzag(input.varint()?));
    Ok(*last as f64 / steps)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// LEB128: seven bits a byte, the lowest first.
fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// The bytes still to be read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Result<u8, CodecError> {
        let (&byte, rest) = self.0.split_first().ok_or(CodecError::Truncated)?;
        self.0 = rest;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CodecError::Unknown("number"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The longest sample: head, jump, time, six values and the totals with the mask of those that changed.
    const LONGEST: usize = 1 + 8 * 10 + 2 + TOTAL_COUNT * 10;
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
        let outcomes =
            [Outcome::Measured { reading, estimate, state, totals }, Outcome::Gap("SOMETHING_NEW")];
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
}
