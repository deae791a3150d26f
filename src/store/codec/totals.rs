//! The totals of a sample: eleven numbers, of which only those that changed are written.

use ems_protocol::Mode;

use super::CodecError;
use super::varint::{Input, put, put_step};
use crate::battery::protection::Flags;
use crate::sample::Totals;

/// Numbers in [`Totals`].
pub(super) const COUNT: usize = 11;

/// The totals as numbers; what is not known is −1.
pub(super) fn columns(totals: &Totals) -> [i64; COUNT] {
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

fn totals(columns: [i64; COUNT]) -> Totals {
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

/// Which of them differ from `last`, and by how much; `last` becomes them.
pub(super) fn put_changed(out: &mut Vec<u8>, last: &mut [i64; COUNT], columns: &[i64; COUNT]) {
    let pairs = || last.iter().zip(columns).enumerate();
    put(out, pairs().filter(|(_, (old, new))| old != new).fold(0, |bits, (i, _)| bits | 1 << i));
    for (old, new) in last.iter_mut().zip(columns).filter(|(old, new)| old != new) {
        put_step(out, old, *new);
    }
}

/// What [`put_changed`] wrote after the same `last`.
pub(super) fn take_changed(input: &mut Input<'_>, last: &mut [i64; COUNT]) -> Result<Totals, CodecError> {
    let changed = input.varint()?;
    for (i, value) in last.iter_mut().enumerate() {
        if changed >> i & 1 != 0 {
            input.step(value)?;
        }
    }
    Ok(totals(*last))
}
