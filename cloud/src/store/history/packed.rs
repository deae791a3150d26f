//! Roll-ups as bytes.

use super::bytes::{Damaged, Packer, Reader, Unpacker, put_signed, put_unsigned};
use super::column::{Column, Kind};
use super::rollup::{Energy, FIELD_COUNT, Moment, Rollup, Stat};

const VERSION: u8 = 1;
/// Columns of a roll-up beside those of its fields.
const OWN: usize = 8;

/// An hour that is sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Hour {
    /// Of all its samples.
    pub rollup: Rollup,
    /// Steps between samples that are longer than this are gaps, ms.
    pub longest: i64,
}

impl Hour {
    /// Its roll-up with those of samples that came when its own were gone.
    #[must_use]
    pub fn with(&self, late: &[Rollup]) -> Self {
        let mut hour = self.clone();
        for late in late {
            hour.rollup.blend(late);
        }
        hour
    }

    /// As it is stored.
    pub fn pack(&self) -> Vec<u8> {
        let Self { rollup, longest } = self;
        let mut out = vec![VERSION];
        put_signed(&mut out, *longest);
        put_unsigned(&mut out, u64::from(rollup.samples));
        for stat in &rollup.stats {
            put_unsigned(&mut out, u64::from(stat.count));
            if stat.count > 0 {
                put_reals(&mut out, &[stat.min, stat.max, stat.sum, stat.last]);
            }
        }
        put_signed(&mut out, rollup.energy.covered);
        put_signed(&mut out, rollup.first.at);
        put_signed(&mut out, rollup.last.at);
        let Energy { charged, discharged, .. } = rollup.energy;
        put_reals(&mut out, &[charged, discharged, rollup.first.power, rollup.last.power]);
        out
    }

    /// From what was stored.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader(bytes);
        if reader.byte()? != VERSION {
            return Err(Damaged("a roll-up of a later version"));
        }
        let longest = reader.signed()?;
        let samples = count(reader.unsigned()?)?;
        let mut stats = [Stat::NONE; FIELD_COUNT];
        for stat in &mut stats {
            stat.count = count(reader.unsigned()?)?;
            if stat.count > 0 {
                (stat.min, stat.max) = (reader.real()?, reader.real()?);
                (stat.sum, stat.last) = (reader.real()?, reader.real()?);
            }
        }
        let (covered, first, last) = (reader.signed()?, reader.signed()?, reader.signed()?);
        let (charged, discharged) = (reader.real()?, reader.real()?);
        let rollup = Rollup {
            samples,
            stats,
            energy: Energy { charged, discharged, covered },
            first: Moment { at: first, power: reader.real()? },
            last: Moment { at: last, power: reader.real()? },
        };
        Ok(Self { rollup, longest })
    }
}

fn put_reals(out: &mut Vec<u8>, values: &[f64]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn count(number: u64) -> Result<u32, Damaged> {
    u32::try_from(number).map_err(|_| Damaged("a count is impossible"))
}

/// Roll-ups of minutes as they are stored.
pub fn pack_minutes(minutes: &[Rollup]) -> Vec<u8> {
    let ints = |get: &dyn Fn(&Rollup) -> i64| Column::Ints(minutes.iter().map(|m| Some(get(m))).collect());
    let reals = |get: &dyn Fn(&Rollup) -> f64| Column::Reals(minutes.iter().map(get).collect());
    let mut columns: Vec<Column> = Vec::with_capacity(OWN + 5 * FIELD_COUNT);
    columns.extend([
        ints(&|m| i64::from(m.samples)),
        ints(&|m| m.energy.covered),
        ints(&|m| m.first.at),
        ints(&|m| m.last.at),
        reals(&|m| m.energy.charged),
        reals(&|m| m.energy.discharged),
        reals(&|m| m.first.power),
        reals(&|m| m.last.power),
    ]);
    for field in 0..FIELD_COUNT {
        let stat = |m: &Rollup| m.stats.get(field).copied().unwrap_or(Stat::NONE);
        columns.push(ints(&|m| i64::from(stat(m).count)));
        let values: [fn(Stat) -> f64; 4] = [|s| s.min, |s| s.max, |s| s.sum, |s| s.last];
        columns.extend(values.map(|value| {
            // Nothing is written of a field that is nowhere.
            reals(&|m| if stat(m).count == 0 { f64::NAN } else { value(stat(m)) })
        }));
    }
    let mut plain = Vec::new();
    for column in &columns {
        column.write(&mut plain, None);
    }
    let mut out = vec![VERSION];
    put_unsigned(&mut out, minutes.len() as u64);
    put_unsigned(&mut out, plain.len() as u64);
    let packed = Packer::default().pack(&plain);
    out.push(u8::from(packed.is_some()));
    out.extend(packed.unwrap_or(plain));
    out
}

/// Roll-ups of minutes from what was stored.
pub fn unpack_minutes(bytes: &[u8], unpacker: &mut Unpacker) -> Result<Vec<Rollup>, Damaged> {
    let mut reader = Reader(bytes);
    if reader.byte()? != VERSION {
        return Err(Damaged("roll-ups of a later version"));
    }
    let (len, length) = (reader.count()?, reader.length()?);
    let unpacked = if reader.byte()? == 1 { Some(unpacker.unpack(reader.0, length)?) } else { None };
    let mut reader = Reader(unpacked.as_deref().unwrap_or(reader.0));
    let mut columns = Columns { reader: &mut reader, unpacker, len };
    let (samples, covered) = (columns.ints()?, columns.ints()?);
    let (first, last) = (columns.ints()?, columns.ints()?);
    let (charged, discharged) = (columns.reals()?, columns.reals()?);
    let (first_power, last_power) = (columns.reals()?, columns.reals()?);
    let mut minutes = Vec::with_capacity(len.min(samples.len()));
    for (n, &samples) in samples.iter().enumerate() {
        let int = |column: &[i64]| column.get(n).copied().unwrap_or_default();
        let real = |column: &[f64]| column.get(n).copied().unwrap_or(f64::NAN);
        minutes.push(Rollup {
            samples: count(samples.cast_unsigned())?,
            stats: [Stat::NONE; FIELD_COUNT],
            energy: Energy { charged: real(&charged), discharged: real(&discharged), covered: int(&covered) },
            first: Moment { at: int(&first), power: real(&first_power) },
            last: Moment { at: int(&last), power: real(&last_power) },
        });
    }
    for field in 0..FIELD_COUNT {
        let counts = columns.ints()?;
        let (min, max) = (columns.reals()?, columns.reals()?);
        let (sum, last) = (columns.reals()?, columns.reals()?);
        for (n, minute) in minutes.iter_mut().enumerate() {
            let real = |column: &[f64]| column.get(n).copied().unwrap_or(f64::NAN);
            let counted = counts.get(n).copied().unwrap_or_default();
            if let Some(stat) = minute.stats.get_mut(field).filter(|_| counted > 0) {
                let count = count(counted.cast_unsigned())?;
                *stat = Stat { count, min: real(&min), max: real(&max), sum: real(&sum), last: real(&last) };
            }
        }
    }
    Ok(minutes)
}

/// Reads columns one after the other.
struct Columns<'a, 'b> {
    reader: &'a mut Reader<'b>,
    unpacker: &'a mut Unpacker,
    len: usize,
}

impl Columns<'_, '_> {
    fn ints(&mut self) -> Result<Vec<i64>, Damaged> {
        match Column::read(self.reader, Kind::Int, self.len, true, self.unpacker)? {
            Some(Column::Ints(values)) => Ok(values.into_iter().map(Option::unwrap_or_default).collect()),
            _ => Err(Damaged("a column is of another kind")),
        }
    }

    fn reals(&mut self) -> Result<Vec<f64>, Damaged> {
        match Column::read(self.reader, Kind::Real, self.len, true, self.unpacker)? {
            Some(Column::Reals(values)) => Ok(values),
            _ => Err(Damaged("a column is of another kind")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rollup() -> impl Strategy<Value = Rollup> {
        let value = prop_oneof![3 => -1e6..1e6, 1 => Just(f64::NAN)];
        let sample = (0_i64..4_000, prop::collection::vec(value, FIELD_COUNT));
        prop::collection::vec(sample, 1..5).prop_map(|samples| {
            let mut at = 1_770_000_000_000;
            let mut pieces = samples.into_iter().map(|(step, values)| {
                at += step;
                Rollup::of(at, &values.try_into().unwrap())
            });
            let mut whole = pieces.next().unwrap();
            pieces.for_each(|piece| whole.merge(&piece, 2_000));
            whole
        })
    }

    proptest! {
        #[test]
        fn rollups_are_read_back(minutes in prop::collection::vec(rollup(), 0..8), longest: i64) {
            // Debug, as NaN is not equal to itself.
            let read = unpack_minutes(&pack_minutes(&minutes), &mut Unpacker::default()).unwrap();
            prop_assert_eq!(format!("{read:?}"), format!("{minutes:?}"));
            for rollup in minutes {
                let hour = Hour { rollup, longest };
                prop_assert_eq!(format!("{:?}", Hour::unpack(&hour.pack()).unwrap()), format!("{hour:?}"));
            }
        }

        #[test]
        fn damage_is_an_error_or_other_values_and_nothing_worse(mut bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (Hour::unpack(&bytes), unpack_minutes(&bytes, &mut Unpacker::default()));
            if let Some(version) = bytes.first_mut() {
                *version = VERSION;
            }
            let _ = (Hour::unpack(&bytes), unpack_minutes(&bytes, &mut Unpacker::default()));
        }
    }
}
