//! One column of a block: the values of one field, as bytes.
//!
//! Whole numbers are written as differences, measured ones as `reals` says. Texts repeat: each is written once.

use std::collections::HashMap;

use rusqlite::types::ValueRef;

use super::bytes::{Damaged, Packer, Reader, Unpacker, put_signed, put_unsigned};
use super::reals;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Int,
    /// Doubles.
    Real,
    /// Texts.
    Text,
}

/// The values of one field, sample by sample.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Whole numbers.
    Ints(Vec<Option<i64>>),
    /// Doubles; NaN, which no sample can have, is a missing one.
    Reals(Vec<f64>),
    /// Texts.
    Texts(Texts),
}

/// Texts, each distinct one once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Texts {
    distinct: Vec<String>,
    places: Vec<Option<i64>>,
    known: HashMap<String, i64>,
}

const EMPTY: u8 = 0;
const INTS: u8 = 1;
/// Doubles, as `reals` has written them.
const REALS: u8 = 2;
const TEXTS: u8 = 4;
const ENCODING: u8 = 0x0f;
/// Some values are missing: a bit for each says which.
const HOLES: u8 = 0x10;
const PACKED: u8 = 0x20;

impl Column {
    /// A column without values.
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int => Self::Ints(Vec::new()),
            Kind::Real => Self::Reals(Vec::new()),
            Kind::Text => Self::Texts(Texts::default()),
        }
    }

    /// A column of nothing but missing values.
    pub fn missing(kind: Kind, length: usize) -> Self {
        match kind {
            Kind::Int => Self::Ints(vec![None; length]),
            Kind::Real => Self::Reals(vec![f64::NAN; length]),
            Kind::Text => Self::Texts(Texts { places: vec![None; length], ..Texts::default() }),
        }
    }

    /// Adds a value as it is in a row; one of another type counts as missing, which a strict table rules out.
    pub fn push(&mut self, value: ValueRef<'_>) {
        match self {
            Self::Ints(values) => values.push(if let ValueRef::Integer(n) = value { Some(n) } else { None }),
            Self::Reals(values) => values.push(if let ValueRef::Real(x) = value { x } else { f64::NAN }),
            Self::Texts(texts) => {
                texts.push(if let ValueRef::Text(text) = value {
                    std::str::from_utf8(text).ok()
                } else {
                    None
                });
            }
        }
    }

    /// The value at a place as it would be in a row.
    pub fn value(&self, place: usize) -> ValueRef<'_> {
        match self {
            Self::Ints(values) => {
                values.get(place).copied().flatten().map_or(ValueRef::Null, ValueRef::Integer)
            }
            Self::Reals(values) => match values.get(place) {
                Some(&x) if !x.is_nan() => ValueRef::Real(x),
                _ => ValueRef::Null,
            },
            Self::Texts(texts) => {
                texts.get(place).map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes()))
            }
        }
    }

    /// How long its texts are together, each counted once.
    pub fn text_bytes(&self) -> usize {
        if let Self::Texts(texts) = self { texts.distinct.iter().map(String::len).sum() } else { 0 }
    }

    /// Writes the column; with a packer, packed where that is shorter.
    pub fn write(&self, out: &mut Vec<u8>, packer: Option<&mut Packer>) {
        let (mut tag, mut plain) = self.encode();
        if tag == EMPTY {
            out.push(EMPTY);
            return;
        }
        let length = plain.len();
        if let Some(packed) = packer.and_then(|packer| packer.pack(&plain)) {
            tag |= PACKED;
            plain = packed;
        }
        out.push(tag);
        if tag & PACKED != 0 {
            put_unsigned(out, length as u64);
        }
        put_unsigned(out, plain.len() as u64);
        out.extend_from_slice(&plain);
    }

    fn encode(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Ints(values) => with_holes(values, |value| *value, |values| (INTS, put_ints(values))),
            Self::Reals(values) => with_holes(
                values,
                |value| Some(*value).filter(|value| !value.is_nan()),
                |values| (REALS, reals::encode(values)),
            ),
            Self::Texts(texts) => with_holes(&texts.places, |place| *place, |places| texts.encode(places)),
        }
    }

    /// Reads a column of `length` values, or passes over it.
    pub fn read(
        reader: &mut Reader<'_>,
        kind: Kind,
        length: usize,
        wanted: bool,
        unpacker: &mut Unpacker,
    ) -> Result<Option<Self>, Damaged> {
        let tag = reader.byte()?;
        if tag == EMPTY {
            return Ok(wanted.then(|| Self::missing(kind, length)));
        }
        let plain_length = if tag & PACKED == 0 { None } else { Some(reader.length()?) };
        let count = reader.length()?;
        let bytes = reader.take(count)?;
        if !wanted {
            return Ok(None);
        }
        let unpacked = plain_length.map(|length| unpacker.unpack(bytes, length)).transpose()?;
        let mut plain = Reader(unpacked.as_deref().unwrap_or(bytes));
        let holes = if tag & HOLES == 0 { None } else { Some(plain.take(length.div_ceil(8))?) };
        let present = holes.map_or(length, |holes| holes.iter().map(|byte| byte.count_ones() as usize).sum());
        match (kind, tag & ENCODING) {
            (Kind::Int, INTS) => {
                Ok(Some(Self::Ints(spread(holes, length, ints(&mut plain, present)?, None, Some)?)))
            }
            (Kind::Real, REALS) => {
                let values = reals::decode(&mut plain, present)?;
                Ok(Some(Self::Reals(spread(holes, length, values, f64::NAN, |x| x)?)))
            }
            (Kind::Text, TEXTS) => {
                let distinct = Texts::distinct(&mut plain)?;
                let places = spread(holes, length, ints(&mut plain, present)?, None, Some)?;
                Ok(Some(Self::Texts(Texts { distinct, places, known: HashMap::new() })))
            }
            _ => Err(Damaged("a column is of another kind")),
        }
    }
}

impl Texts {
    fn push(&mut self, text: Option<&str>) {
        let place = text.map(|text| {
            if let Some(&place) = self.known.get(text) {
                return place;
            }
            let place = i64::try_from(self.distinct.len()).unwrap_or(i64::MAX);
            self.distinct.push(text.to_owned());
            self.known.insert(text.to_owned(), place);
            place
        });
        self.places.push(place);
    }

    fn get(&self, place: usize) -> Option<&str> {
        let text = usize::try_from(self.places.get(place).copied().flatten()?).ok()?;
        self.distinct.get(text).map(String::as_str)
    }

    fn encode(&self, places: &[i64]) -> (u8, Vec<u8>) {
        let mut out = Vec::new();
        put_unsigned(&mut out, self.distinct.len() as u64);
        for text in &self.distinct {
            put_unsigned(&mut out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        out.extend(put_ints(places));
        (TEXTS, out)
    }

    fn distinct(plain: &mut Reader<'_>) -> Result<Vec<String>, Damaged> {
        let count = plain.length()?;
        let mut distinct = Vec::new();
        for _ in 0..count {
            let length = plain.length()?;
            let text = plain.take(length)?.to_vec();
            distinct.push(String::from_utf8(text).map_err(|_| Damaged("a text is not UTF-8"))?);
        }
        Ok(distinct)
    }
}

/// Encodes the values that are there, with a bit for each if some are missing.
fn with_holes<T, V>(
    values: &[T],
    get: impl Fn(&T) -> Option<V>,
    encode: impl FnOnce(&[V]) -> (u8, Vec<u8>),
) -> (u8, Vec<u8>) {
    let present: Vec<V> = values.iter().filter_map(&get).collect();
    if present.is_empty() {
        return (EMPTY, Vec::new());
    }
    let (tag, encoded) = encode(&present);
    if present.len() == values.len() {
        return (tag, encoded);
    }
    let bit = |(n, value): (usize, &T)| u8::from(get(value).is_some()) << n;
    let mut plain: Vec<u8> = values
        .chunks(8)
        .map(|chunk| chunk.iter().enumerate().map(bit).fold(0, |byte, bit| byte | bit))
        .collect();
    plain.extend(encoded);
    (tag | HOLES, plain)
}

/// The counterpart: puts the values where their bits are.
fn spread<V, T: Clone>(
    holes: Option<&[u8]>,
    length: usize,
    values: Vec<V>,
    missing: T,
    some: impl Fn(V) -> T,
) -> Result<Vec<T>, Damaged> {
    let Some(holes) = holes else { return Ok(values.into_iter().map(some).collect()) };
    let mut values = values.into_iter();
    let bits = holes.iter().flat_map(|byte| (0..8).map(move |n| byte >> n & 1 == 1));
    let spread = bits.take(length).map(|there| {
        if there {
            values.next().map(&some).ok_or(Damaged("values are missing"))
        } else {
            Ok(missing.clone())
        }
    });
    spread.collect()
}

/// Whole numbers by their differences.
pub(super) fn put_ints(values: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() * 2);
    let mut last = 0_i64;
    for &value in values {
        put_signed(&mut out, value.wrapping_sub(last));
        last = value;
    }
    out
}

/// The counterpart.
pub(super) fn ints(plain: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, Damaged> {
    // A value takes a byte at least, so a count that is wrong claims no memory.
    let mut values = Vec::with_capacity(count.min(plain.0.len()));
    let mut last = 0_i64;
    for _ in 0..count {
        last = last.wrapping_add(plain.signed()?);
        values.push(last);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written_and_read(column: &Column, kind: Kind, length: usize) -> (usize, Column) {
        let mut bytes = vec![];
        column.write(&mut bytes, Some(&mut Packer::default()));
        let mut plain = vec![];
        column.write(&mut plain, None);
        let read = |bytes: &[u8]| {
            let mut reader = Reader(bytes);
            let column = Column::read(&mut reader, kind, length, true, &mut Unpacker::default()).unwrap();
            assert!(reader.0.is_empty());
            column.unwrap()
        };
        assert_eq!(format!("{:?}", values(&read(&plain), length)), format!("{:?}", values(column, length)));
        (bytes.len(), read(&bytes))
    }

    fn values(column: &Column, length: usize) -> Vec<ValueRef<'_>> {
        (0..length).map(|place| column.value(place)).collect()
    }

    fn bits_of(column: &Column) -> Vec<u64> {
        let Column::Reals(values) = column else { panic!("{column:?}") };
        values.iter().map(|value| if value.is_nan() { u64::MAX } else { value.to_bits() }).collect()
    }

    /// Measured values, and what else a double may be.
    fn real() -> impl Strategy<Value = f64> {
        prop_oneof![
            5 => (-9_999_999_i64..9_999_999, 0_i32..5).prop_map(|(n, digits)| n as f64 / 10_f64.powi(digits)),
            2 => Just(f64::NAN),
            1 => any::<f64>(),
            1 => prop::sample::select(vec![-0.0, 0.1 + 0.2, 1e300, 5e-324, f64::MAX, 9_007_199_254_740_993.0]),
        ]
    }

    proptest! {
        #[test]
        fn doubles_are_read_back_bit_by_bit(reals in prop::collection::vec(real(), 0..60), decimals: bool) {
            let reals = if decimals { reals.into_iter().map(|x| (x * 100.0).round() / 100.0).collect() } else { reals };
            let column = Column::Reals(reals);
            let bits = bits_of(&column);
            prop_assert_eq!(bits_of(&written_and_read(&column, Kind::Real, bits.len()).1), bits);
        }

        #[test]
        fn whole_numbers_and_texts_are_read_back(
            ints in prop::collection::vec(any::<Option<i64>>(), 0..60),
            texts in prop::collection::vec(prop::option::of("[a-zé]{0,3}"), 0..60),
        ) {
            let column = Column::Ints(ints.clone());
            prop_assert_eq!(written_and_read(&column, Kind::Int, ints.len()).1, column);
            let mut column = Column::new(Kind::Text);
            for text in &texts {
                column.push(text.as_ref().map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())));
            }
            let (_, read) = written_and_read(&column, Kind::Text, texts.len());
            prop_assert_eq!(values(&read, texts.len()), values(&column, texts.len()));
        }

        #[test]
        fn damage_is_an_error_or_other_values_and_nothing_worse(
            bytes in prop::collection::vec(any::<u8>(), 0..80), length in 0_usize..50, kind in 0_usize..3,
        ) {
            let kind = [Kind::Int, Kind::Real, Kind::Text][kind];
            let _ = Column::read(&mut Reader(&bytes), kind, length, true, &mut Unpacker::default());
        }
    }

    #[test]
    fn what_counts_up_or_stays_costs_next_to_nothing() {
        let counting = Column::Ints((0..3600).map(|n| Some(n + 1_000_000)).collect());
        let constant = Column::Reals(vec![53.25; 3600]);
        let nothing = Column::Reals(vec![f64::NAN; 3600]);
        let bytes = |column: &Column, kind| written_and_read(column, kind, 3600).0;
        assert!(bytes(&counting, Kind::Int) < 40 && bytes(&constant, Kind::Real) < 40);
        assert_eq!(bytes(&nothing, Kind::Real), 1);
    }
}
