//! What is known of a battery as bytes: for the runtime directory and the card.
//!
//! Version, the pack it belongs to, then fixed fields, little endian. Ends of intervals are rounded outwards, so a
//! restored interval holds the saved one. The bytes carry no checksum: who stores them adds one.

mod bytes;
#[cfg(test)]
mod tests;

use bytes::{Input, below, put, two_bytes};

use super::hypothesis::Hypothesis;
use super::meter::Meter;
use super::protection::{Flag, Flags, Kept};
use super::{ChargeCount, Chemistry, Pack, StateOfCharge};

/// Version of the layout, and the one before it, which is still read: it has likelihoods on the axes in the place of those
/// of the hypotheses, always so many hypotheses, none of NMC's third curve, and not for how long nothing had been read.
const VERSION: u8 = 3;
const VERSION_BEFORE: u8 = 2;
const HYPOTHESES_BEFORE: usize = 128;
const HYPOTHESIS_BYTES_BEFORE: usize = 10;
/// Steps of states of charge in 16 bits, in %: up to ± 163 %.
const STEP: f64 = 0.005;
/// Steps of misses, doubts and what spoke against a hypothesis before.
const MISS_STEP: f64 = 0.01;

/// Bits of the flags, by what they mean; versions that do not know one ignore it.
const SYNCED: u8 = 1;
const WATCH_FULL: u8 = 1 << 1;
const FULL: u8 = 1 << 2;
const EMPTY: u8 = 1 << 3;
/// The current was never measured: what was learned is read off the voltage alone.
const BLIND: u8 = 1 << 6;
const LATCHED: [(u8, Flag); 2] = [(1 << 4, Flag::OverVoltage), (1 << 5, Flag::OverCurrent)];

/// Why bytes are no saved state of this pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// Another version wrote them.
    #[error("the saved state of charge is in format {0}; this version reads {VERSION}")]
    Version(u8),
    /// They end too early, go on too long, or hold no numbers.
    #[error("the saved state of charge is damaged")]
    Damaged,
    /// The pack's label was another.
    #[error(
        "the saved state of charge is that of another pack: CHEMISTRY, CELLS_SERIES or CAPACITY_AH have changed"
    )]
    OtherPack,
}

/// Appends the state of the estimator and the meter.
pub(super) fn save(soc: &StateOfCharge, beside: &Beside, out: &mut Vec<u8>) {
    let Beside { meter, kept, count, counts } = *beside;
    out.push(VERSION);
    let pack = &soc.setup.pack;
    out.push(pack.chemistry as u8);
    out.extend_from_slice(&pack.cells_series.to_le_bytes());
    put(out, pack.capacity_ah);
    let bank = &soc.bank;
    for axis in [&bank.axes.kappa, &bank.axes.offset, &bank.axes.kind] {
        axis.values().iter().for_each(|value| put(out, *value));
    }
    put(out, bank.spread);
    for hypothesis in &bank.hypotheses {
        // What was counted since the hypotheses were looked at belongs to them.
        let hypothesis = soc.settled(hypothesis);
        let steps = [
            below(hypothesis.low / STEP),
            -below(-hypothesis.high / STEP),
            below(hypothesis.likely / STEP + 0.5),
            below(hypothesis.miss / MISS_STEP + 0.5),
            below(hypothesis.doubt / MISS_STEP + 0.5),
            below(hypothesis.prior / MISS_STEP + 0.5),
        ];
        out.extend_from_slice(steps.map(two_bytes).as_flattened());
    }
    let p = &soc.polarisation;
    let (since_sync, since_refined) = soc.settled_times();
    for value in [p.ohmic, p.step_age, soc.usual, since_sync.0, since_sync.1, since_refined] {
        put(out, value);
    }
    for value in [p.c_rate, p.lag[0], p.lag[1], p.unseen] {
        put(out, value);
    }
    put(out, soc.charger);
    put(out, soc.load);
    put(out, soc.unseen);
    out.extend_from_slice(&p.steps.to_le_bytes());
    let ends = [
        (SYNCED, soc.synced),
        (WATCH_FULL, soc.watch.is_full()),
        (FULL, kept.full),
        (EMPTY, kept.empty),
        (BLIND, !counts),
    ];
    let latched = LATCHED.map(|(bit, flag)| (bit, kept.latched.has(flag)));
    out.push(ends.iter().chain(&latched).filter(|(_, is_set)| *is_set).fold(0, |bits, (bit, _)| bits | bit));
    for total in [meter.energy_in, meter.energy_out, meter.discharged_ah] {
        out.extend_from_slice(&total.to_le_bytes());
    }
    // No step is 0 Ah.
    let (steps, step_ah) =
        count.filter(|count| count.by_chip).map_or((0, 0.0), |count| (count.steps, count.step_ah));
    out.extend_from_slice(&steps.to_le_bytes());
    out.extend_from_slice(&step_ah.to_le_bytes());
}

/// What is kept beside the estimator.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Beside {
    /// Totals.
    pub(super) meter: Meter,
    /// What the protection has tripped.
    pub(super) kept: Kept,
    /// What the chip has counted.
    pub(super) count: Option<ChargeCount>,
    /// Whether a current was ever measured.
    pub(super) counts: bool,
}

/// Takes up what [`save`] wrote for the same pack; nothing is changed on an error.
pub(super) fn restore(soc: &mut StateOfCharge, bytes: &[u8]) -> Result<Beside, SavedError> {
    let mut input = Input(bytes);
    let before = match input.byte()? {
        VERSION => false,
        VERSION_BEFORE => true,
        other => return Err(SavedError::Version(other)),
    };
    let (chemistry, cells_series, capacity_ah) =
        (input.byte()?, u16::from_le_bytes(input.take()?), input.number()?);
    let pack = soc.setup.pack;
    if !is_same(&pack, chemistry, cells_series, capacity_ah) {
        return Err(SavedError::OtherPack);
    }
    let mut new = soc.clone();
    let mut kind = new.bank.axes.kind;
    for axis in [&mut new.bank.axes.kappa, &mut new.bank.axes.offset, &mut kind] {
        input.axis(axis, before)?;
    }
    let has_new_curve = before && pack.chemistry == Chemistry::Nmc;
    if !has_new_curve {
        new.bank.axes.kind = kind;
    }
    new.bank.spread = input.number()?.clamp(0.1, 100.0);
    restore_hypotheses(&mut new.bank.hypotheses, &mut input, before, has_new_curve)?;
    let p = &mut new.polarisation;
    for value in [
        &mut p.ohmic,
        &mut p.step_age,
        &mut new.usual,
        &mut new.since_sync.0,
        &mut new.since_sync.1,
        &mut new.since_refined,
    ] {
        *value = input.number()?.clamp(0.0, 1e9);
    }
    let [short, long] = &mut p.lag;
    for value in [&mut p.c_rate, short, long, &mut p.unseen] {
        *value = input.number()?.clamp(-100.0, 100.0);
    }
    let [charger, load, unseen] =
        if before { [0.0; 3] } else { [input.number()?, input.number()?, input.number()?] };
    // What flowed last may have left the cells polarised, and nobody knows what flowed since.
    p.gap();
    p.steps = u32::from_le_bytes(input.take()?).min(1000);
    let flags = input.byte()?;
    let has = |bit: u8| flags & bit != 0;
    new.synced = has(SYNCED);
    new.watch.restore(has(WATCH_FULL));
    let mut kept = Kept { full: has(FULL), empty: has(EMPTY), latched: Flags::NONE };
    LATCHED.into_iter().filter(|(bit, _)| has(*bit)).for_each(|(_, flag)| kept.latched.set(flag));
    let mut totals = [0.0; 3];
    for total in &mut totals {
        *total = Some(f64::from_le_bytes(input.take()?))
            .filter(|t| *t >= 0.0 && t.is_finite())
            .ok_or(SavedError::Damaged)?;
    }
    let (steps, step_ah) = (i64::from_le_bytes(input.take()?), f64::from_le_bytes(input.take()?));
    let counts = step_ah.is_finite() && step_ah.abs() > 0.0;
    let count = counts.then_some(ChargeCount { steps, step_ah, restarted: false, by_chip: true });
    if !input.0.is_empty() {
        return Err(SavedError::Damaged);
    }
    new.bank.lay_out();
    if before {
        new.bank.believe_axes();
    }
    (new.charger, new.load) = (charger.clamp(0.0, 100.0), load.clamp(0.0, 100.0));
    new.unseen = unseen.clamp(0.0, 1e9);
    new.summarise();
    *soc = new;
    let [energy_in, energy_out, discharged_ah] = totals;
    let meter = Meter { energy_in, energy_out, discharged_ah };
    Ok(Beside { meter, kept, count, counts: !has(BLIND) })
}

fn restore_hypotheses(
    hypotheses: &mut [Hypothesis],
    input: &mut Input<'_>,
    before: bool,
    has_new_curve: bool,
) -> Result<(), SavedError> {
    let known = if has_new_curve { hypotheses.len() / 4 * 3 } else { hypotheses.len() };
    for hypothesis in hypotheses.iter_mut().take(known) {
        hypothesis.low = input.steps()? * STEP;
        hypothesis.high = input.steps()? * STEP;
        hypothesis.likely = input.steps()? * STEP;
        hypothesis.miss = input.steps()?.max(0.0) * MISS_STEP;
        hypothesis.doubt = input.steps()?.max(0.0) * MISS_STEP;
        if !before {
            hypothesis.prior = input.steps()?.max(0.0) * MISS_STEP;
        }
        if hypothesis.low > hypothesis.high {
            return Err(SavedError::Damaged);
        }
    }
    if before {
        for _ in known..HYPOTHESES_BEFORE {
            input.take::<HYPOTHESIS_BYTES_BEFORE>()?;
        }
    }
    // The new curve begins with what is known of the one before it, the mean of the others.
    hypotheses.copy_within(known - (hypotheses.len() - known)..known, known);
    Ok(())
}

fn is_same(pack: &Pack, chemistry: u8, cells_series: u16, capacity_ah: f64) -> bool {
    let Pack { chemistry: own, cells_series: cells, capacity_ah: ah } = *pack;
    own as u8 == chemistry && cells == cells_series && (ah / capacity_ah - 1.0).abs() < 1e-5
}
