//! What is known of a battery as bytes: for the runtime directory and the card.
//!
//! Version, the pack it belongs to, then fixed fields, little endian. Ends of intervals are rounded outwards, so a
//! restored interval holds the saved one. The bytes carry no checksum: who stores them adds one.

use super::axis::{Axis, LONGEST};
use super::meter::Meter;
use super::protection::{Flag, Flags, Kept};
use super::{ChargeCount, Pack, StateOfCharge};

/// Version of the layout, and the one before it, which is still read: it has likelihoods on the axes in the place of those
/// of the hypotheses, and not for how long nothing had been read.
const VERSION: u8 = 3;
const VERSION_BEFORE: u8 = 2;
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
    for axis in [&mut new.bank.axes.kappa, &mut new.bank.axes.offset, &mut new.bank.axes.kind] {
        input.axis(axis, before)?;
    }
    new.bank.spread = input.number()?.clamp(0.1, 100.0);
    for hypothesis in &mut new.bank.hypotheses {
        hypothesis.low = input.steps()? * STEP;
        hypothesis.high = input.steps()? * STEP;
        hypothesis.likely = input.steps()? * STEP;
        hypothesis.miss = input.steps()?.max(0.0) * MISS_STEP;
        hypothesis.doubt = input.steps()?.max(0.0) * MISS_STEP;
        if !before {
            let prior = input.steps()?.max(0.0) * MISS_STEP;
            hypothesis.prior = if hypothesis.prior.is_finite() { prior } else { f64::INFINITY };
        }
        if hypothesis.low > hypothesis.high {
            return Err(SavedError::Damaged);
        }
    }
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
    let (charger, unseen) = if before { (0.0, 0.0) } else { (input.number()?, input.number()?) };
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
    (new.charger, new.unseen) = (charger.clamp(0.0, 100.0), unseen.clamp(0.0, 1e9));
    new.summarise();
    *soc = new;
    let [energy_in, energy_out, discharged_ah] = totals;
    let meter = Meter { energy_in, energy_out, discharged_ah };
    Ok(Beside { meter, kept, count, counts: !has(BLIND) })
}

fn is_same(pack: &Pack, chemistry: u8, cells_series: u16, capacity_ah: f64) -> bool {
    let Pack { chemistry: own, cells_series: cells, capacity_ah: ah } = *pack;
    own as u8 == chemistry && cells == cells_series && (ah / capacity_ah - 1.0).abs() < 1e-5
}

#[expect(clippy::cast_possible_truncation, reason = "single precision is ample for what is learned")]
fn put(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&(value as f32).to_le_bytes());
}

/// The whole number at or below `value`, within 16 bits. Without a call for each, as `f64::floor` is where the processor may
/// be old: there are 640 of them.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn below(value: f64) -> i32 {
    let cut = (value as i32).clamp(-0x7FFF, 0x7FFF);
    cut - i32::from(f64::from(cut) > value)
}

#[expect(clippy::cast_possible_truncation, reason = "clamped")]
fn two_bytes(steps: i32) -> [u8; 2] {
    (steps.clamp(i16::MIN.into(), i16::MAX.into()) as i16).to_le_bytes()
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], SavedError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(SavedError::Damaged)?;
        self.0 = rest;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, SavedError> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn number(&mut self) -> Result<f64, SavedError> {
        let value = f64::from(f32::from_le_bytes(self.take()?));
        if value.is_finite() { Ok(value) } else { Err(SavedError::Damaged) }
    }

    fn steps(&mut self) -> Result<f64, SavedError> {
        self.take().map(i16::from_le_bytes).map(f64::from)
    }

    fn axis(&mut self, axis: &mut Axis, has_likelihoods: bool) -> Result<(), SavedError> {
        let (mut values, mut likelihoods) = ([0.0; LONGEST], [1.0; LONGEST]);
        for value in &mut values {
            *value = self.number()?;
        }
        if has_likelihoods {
            for likelihood in &mut likelihoods {
                *likelihood = self.number()?;
            }
        }
        if axis.restore(values, likelihoods) { Ok(()) } else { Err(SavedError::Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::battery::{Chemistry, SensorErrors, Setup, sensing};

    const COUNT: Option<ChargeCount> =
        Some(ChargeCount { steps: -123_456_789_012, step_ah: -2.5e-8, restarted: false, by_chip: true });

    static NMC: LazyLock<StateOfCharge> = LazyLock::new(|| estimator(Chemistry::Nmc));

    fn estimator(chemistry: Chemistry) -> StateOfCharge {
        let pack = Pack { chemistry, cells_series: 6, capacity_ah: 100.0 };
        let errors = SensorErrors::of(&sensing::INA226, 0.001, 1.0);
        let mut soc = StateOfCharge::new(Setup {
            pack,
            errors,
            full_cell_volts: 3.45,
            standby_amps: 0.0,
            interval_seconds: 1.0,
        });
        for second in 0..4000_i32 {
            let amps = f64::from(second / 700 % 3 - 1) * 30.0;
            soc.update(6.0 * 3.1, amps, Duration::from_secs(1));
        }
        soc
    }

    #[test]
    fn what_is_restored_holds_what_was_saved() {
        for chemistry in [Chemistry::Lfp, Chemistry::Nmc, Chemistry::LeadAcid] {
            let soc = estimator(chemistry);
            let mut kept = Kept { full: true, empty: false, latched: Flags::NONE };
            kept.latched.set(Flag::OverCurrent);
            let meter = Meter { energy_in: 1.5, energy_out: 2.5, discharged_ah: 77.0 };
            let mut bytes = Vec::new();
            let beside = Beside { meter, kept, count: COUNT, counts: chemistry == Chemistry::Lfp };
            save(&soc, &beside, &mut bytes);
            assert!(bytes.len() < 2000, "{}", bytes.len());
            let mut again = StateOfCharge::new(soc.setup);
            assert_eq!(restore(&mut again, &bytes), Ok(beside));
            let (before, after) = (soc.estimate(), again.estimate());
            assert!((before.soc - after.soc).abs() < 0.1, "{before:?} {after:?}");
            assert!(
                after.low <= before.low + 0.05 && after.high >= before.high - 0.05,
                "{before:?} {after:?}"
            );
        }
    }

    #[test]
    fn whole_steps_lie_at_or_below() {
        for (value, whole) in [
            (1.9, 1),
            (1.0, 1),
            (-0.1, -1),
            (-1.0, -1),
            (0.0, 0),
            (1e9, 0x7FFF),
            (-1e9, -0x8000),
            (f64::NAN, 0),
        ] {
            assert_eq!(below(value), whole, "{value}");
        }
    }

    #[test]
    fn another_pack_or_version_is_refused_in_words() {
        let soc = estimator(Chemistry::Lfp);
        let mut bytes = Vec::new();
        save(&soc, &Beside::default(), &mut bytes);
        let mut other = soc.clone();
        other.setup.pack.capacity_ah = 200.0;
        let refused = restore(&mut other, &bytes).unwrap_err();
        assert!(refused.to_string().contains("CAPACITY_AH"));
        bytes[0] = 9;
        assert_eq!(restore(&mut soc.clone(), &bytes), Err(SavedError::Version(9)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn damaged_bytes_are_refused_or_give_an_estimate_in_range(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            cut in any::<prop::sample::Index>(),
            whole in any::<bool>(),
        ) {
            let mut soc = NMC.clone();
            let mut bytes = Vec::new();
            save(&soc, &Beside::default(), &mut bytes);
            for (index, byte) in damage {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            if !whole {
                bytes.truncate(cut.index(bytes.len()));
            }
            let _ = restore(&mut soc, &bytes);
            let after = soc.update(19.0, -5.0, Duration::from_secs(1));
            prop_assert!(0.0 <= after.low && after.low <= after.soc && after.soc <= after.high && after.high <= 100.0);
        }
    }
}
