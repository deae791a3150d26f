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

mod totals;
mod varint;

use ems_protocol::{State, flag};

use self::varint::{Input, put, put_signed, put_step};
use crate::battery::Estimate;
use crate::clock::BootTime;
use crate::sample::{Outcome, Sample};
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
    let mut input = Input::new(bytes);
    match input.byte()? {
        VERSION | OLD_VERSION => {}
        other => return Err(CodecError::Version(other)),
    }
    let count = input.varint()?;
    // A count that the bytes cannot hold must not allocate anything.
    let count = usize::try_from(count)
        .ok()
        .filter(|&count| count <= input.len() / SHORTEST)
        .ok_or(CodecError::Truncated)?;
    let mut last = Last::default();
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        samples.push(last.decode(&mut input)?);
    }
    match input.len() {
        0 => Ok(samples),
        trailing => Err(CodecError::Trailing(trailing)),
    }
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
    totals: [i64; totals::COUNT],
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
        put_signed(out, interval.wrapping_sub(self.interval).cast_signed());
        (self.taken, self.interval) = (sample.taken.0, interval);
        match measured {
            Err(flag) => out.push(flag),
            Ok(values) => {
                put_step(out, &mut self.voltage, values.voltage);
                if let Some(current) = values.current {
                    put_step(out, &mut self.current, current);
                }
                if let Some(temperature) = values.temperature {
                    put_step(out, &mut self.temperature, temperature);
                }
                put_step(out, &mut self.soc, values.soc);
                put_step(out, &mut self.low, values.low);
                put_step(out, &mut self.high, values.high);
                if let Some(totals) = &values.totals {
                    totals::put_changed(out, &mut self.totals, totals);
                }
            }
        }
    }

    fn decode(&mut self, input: &mut Input<'_>) -> Result<Sample, CodecError> {
        let head = input.byte()?;
        let jump = if head & JUMP == 0 { 0 } else { input.varint()? };
        let seq = self.next_seq.wrapping_add(jump);
        self.next_seq = seq.wrapping_add(1);
        self.interval = self.interval.wrapping_add(input.signed()?.cast_unsigned());
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
                _ => Some(totals::take_changed(input, &mut self.totals)?),
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
    totals: Option<[i64; totals::COUNT]>,
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
                totals: totals.as_ref().map(totals::columns),
            })
        };
        // What is no number cannot be sent either: it is a gap of the least specific kind.
        required().ok_or(0)
    }
}

fn place<T: PartialEq>(table: &[T], value: &T) -> u8 {
    table.iter().position(|v| v == value).and_then(|i| u8::try_from(i).ok()).unwrap_or(0)
}

/// A value in whole steps; `None` for what is not finite. Past 2^63 steps it saturates.
fn steps(value: f64, steps: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and no battery comes near")]
    value.is_finite().then(|| (value * steps).round() as i64)
}

/// A value whose difference from `last` is next.
fn unstep(input: &mut Input<'_>, last: &mut i64, steps: f64) -> Result<f64, CodecError> {
    Ok(input.step(last)? as f64 / steps)
}

#[cfg(test)]
pub(super) mod tests;
