//! The words of a directive, each taken with the sentence that says what is wrong with it.

use std::ops::RangeInclusive;
use std::str::SplitWhitespace;

use crate::control::Scope;

/// A 7-bit address, without the reserved ones at both ends (I2C specification UM10204, table 3).
const ADDRESSES: RangeInclusive<u64> = 0x03..=0x77;

/// The words of a line that have not been used yet.
pub(crate) struct Words<'a>(SplitWhitespace<'a>);

impl<'a> Words<'a> {
    /// The words of `line`.
    pub(crate) fn of(line: &'a str) -> Self {
        Self(line.split_whitespace())
    }

    /// The next word; `what` names it if it is missing.
    pub(crate) fn next(&mut self, what: &str) -> Result<&'a str, String> {
        self.0.next().ok_or_else(|| format!("{what} is missing"))
    }

    /// The next word as a number in `range`.
    pub(crate) fn number(&mut self, what: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
        number(self.next(what)?, what, range)
    }

    /// The next word as 16 bits.
    pub(crate) fn word16(&mut self, what: &str) -> Result<u16, String> {
        word16(self.next(what)?)
    }

    /// The next word as an address.
    pub(crate) fn address(&mut self) -> Result<u8, String> {
        let address = self.number("the address", ADDRESSES)?;
        u8::try_from(address).map_err(|error| error.to_string())
    }

    /// An address, if more than `needed` words are left.
    pub(crate) fn scope_before(&mut self, needed: usize) -> Result<Scope, String> {
        (self.0.clone().count() > needed).then(|| self.address()).transpose()
    }

    /// The next word, if there is one, split at its `=`.
    pub(crate) fn setting(&mut self, form: &str) -> Result<Option<(&'a str, &'a str)>, String> {
        let Some(word) = self.0.next() else { return Ok(None) };
        word.split_once('=').map(Some).ok_or_else(|| format!("`{word}` does not have the form {form}"))
    }

    /// Nothing more may follow.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        self.0.next().map_or(Ok(()), |word| Err(format!("`{word}` is one word too many")))
    }
}

/// `text` as 16 bits.
pub(crate) fn word16(text: &str) -> Result<u16, String> {
    let value = number(text, "a 16-bit value", 0..=0xffff)?;
    u16::try_from(value).map_err(|error| error.to_string())
}

/// `text`, hexadecimal after `0x`, as a number in `range`; `what` names it if it is not.
pub(crate) fn number(text: &str, what: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let value = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    let (first, last) = (range.start(), range.end());
    value.ok().filter(|value| range.contains(value)).ok_or_else(|| {
        format!("{what} must be a number from {first} to {last} ({first:#04x} to {last:#04x}), not `{text}`")
    })
}
