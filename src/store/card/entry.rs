//! What the rows of the database hold. Each is a sealed record that needs no other row to be understood, so that it
//! can be found and read without the database around it (`salvage.rs`).

use ems_protocol::ClockQuality;

use super::super::codec;
use super::super::record::{self, TooLong};
use super::BootClock;
use crate::sample::Sample;

/// A block of samples of one boot.
pub(super) const BLOCK: u8 = b'B';
/// A boot and its clock.
pub(super) const BOOT: u8 = b'N';
/// An event.
pub(super) const EVENT: u8 = b'E';
/// A named value.
pub(super) const META: u8 = b'M';

/// Samples in a block, at first: packed closer only where they do not fit a record.
const BLOCK_SAMPLES: usize = 240;
/// The longest text of an event, in bytes.
const EVENT_BYTES: usize = 1024;

/// The numbers are on cards in the field: only ever add at the end. 0 means that the clock was never known.
const QUALITIES: [ClockQuality; 4] =
    [ClockQuality::Synced, ClockQuality::Server, ClockQuality::Restored, ClockQuality::Unsynced];

/// A block as it was stored.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) boot_id: &'a str,
    pub(super) samples: Vec<Sample>,
}

/// A boot as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boot {
    /// Rises with each boot.
    pub(super) order: u64,
    /// As named on the wire.
    pub(super) name: String,
    pub(super) clock: Option<BootClock>,
}

/// A sealed block, and how long its samples cover.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) data: Vec<u8>,
    pub(super) span_ms: u64,
}

/// The samples as sealed blocks, none too long for a record.
pub(super) fn pack_blocks(boot_id: &str, samples: &[Sample]) -> Result<Vec<Packed>, TooLong> {
    let mut blocks = Vec::new();
    let mut rest = samples;
    let mut size = BLOCK_SAMPLES;
    while !rest.is_empty() {
        let (run, after) = rest.split_at(size.min(rest.len()));
        let mut data = Vec::new();
        let sealed = record::seal(BLOCK, &mut data, |out| {
            put_text(out, boot_id);
            codec::encode(run.iter(), out);
        });
        match sealed {
            Ok(()) => {
                blocks.push(Packed { data, span_ms: span_ms(run) });
                rest = after;
            }
            Err(error) if run.len() == 1 => return Err(error),
            Err(_) => size = run.len() / 2,
        }
    }
    Ok(blocks)
}

/// The body of a block record.
pub(super) fn block(body: &[u8]) -> Option<Block<'_>> {
    let (boot_id, run) = take_text(body)?;
    let samples = codec::decode(run).ok().filter(|samples| !samples.is_empty())?;
    Some(Block { boot_id, samples })
}

/// How long the samples of a block cover, in ms: each of them its share.
pub(super) fn span_ms(samples: &[Sample]) -> u64 {
    const ALONE_MS: u64 = 1000;
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return 0 };
    let steps = samples.len() as u64 - 1;
    last.taken
        .0
        .saturating_sub(first.taken.0)
        .checked_div(steps)
        .map_or(ALONE_MS, |step| step.saturating_mul(steps + 1))
}

/// A boot record; of two for the same boot the one with the higher `revision` counts.
pub(super) fn pack_boot(boot: &Boot, revision: u64) -> Result<Vec<u8>, TooLong> {
    let mut bytes = Vec::new();
    record::seal(BOOT, &mut bytes, |out| {
        out.extend_from_slice(&revision.to_le_bytes());
        out.extend_from_slice(&boot.order.to_le_bytes());
        let quality = boot.clock.and_then(|c| QUALITIES.iter().position(|&q| q == c.quality));
        out.push(quality.and_then(|q| u8::try_from(q + 1).ok()).unwrap_or(0));
        out.extend_from_slice(&boot.clock.map_or(0, |c| c.offset_ms).to_le_bytes());
        out.extend_from_slice(boot.name.as_bytes());
    })?;
    Ok(bytes)
}

/// The body of a boot record and its revision.
pub(super) fn boot(body: &[u8]) -> Option<(u64, Boot)> {
    let (revision, rest) = take_u64(body)?;
    let (order, rest) = take_u64(rest)?;
    let (&quality, rest) = rest.split_first()?;
    let (offset, name) = rest.split_first_chunk()?;
    let offset_ms = i64::from_le_bytes(*offset);
    let quality = match quality.checked_sub(1) {
        None => None,
        Some(place) => Some(*QUALITIES.get(usize::from(place))?),
    };
    let clock = quality.map(|quality| BootClock { offset_ms, quality });
    Some((revision, Boot { order, name: str::from_utf8(name).ok()?.to_owned(), clock }))
}

/// An event record. A text beyond 1 KiB is cut.
pub(super) fn pack_event(number: u64, text: &str) -> Result<Vec<u8>, TooLong> {
    let mut bytes = Vec::new();
    record::seal(EVENT, &mut bytes, |out| {
        out.extend_from_slice(&number.to_le_bytes());
        let end = text.floor_char_boundary(EVENT_BYTES);
        out.extend_from_slice(text.get(..end).unwrap_or_default().as_bytes());
    })?;
    Ok(bytes)
}

/// The body of an event record: its number and text.
pub(super) fn event(body: &[u8]) -> Option<(u64, &str)> {
    let (number, text) = take_u64(body)?;
    Some((number, str::from_utf8(text).ok()?))
}

/// A named value; of two with the same name the one with the higher `revision` counts.
pub(super) fn pack_meta(revision: u64, key: &str, value: &[u8]) -> Result<Vec<u8>, TooLong> {
    let mut bytes = Vec::new();
    record::seal(META, &mut bytes, |out| {
        out.extend_from_slice(&revision.to_le_bytes());
        put_text(out, key);
        out.extend_from_slice(value);
    })?;
    Ok(bytes)
}

/// The body of a named value: revision, name, value.
pub(super) fn meta(body: &[u8]) -> Option<(u64, &str, &[u8])> {
    let (revision, rest) = take_u64(body)?;
    let (key, value) = take_text(rest)?;
    Some((revision, key, value))
}

/// A length in one byte and the text: names are short; of a longer one, the first 255 bytes.
fn put_text(out: &mut Vec<u8>, text: &str) {
    let end = text.floor_char_boundary(usize::from(u8::MAX));
    out.push(u8::try_from(end).unwrap_or(u8::MAX));
    out.extend_from_slice(text.get(..end).unwrap_or_default().as_bytes());
}

fn take_text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(length))?;
    Some((str::from_utf8(text).ok()?, rest))
}

fn take_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::super::super::codec::tests::any_outcome;
    use super::*;
    use crate::clock::BootTime;
    use proptest::prelude::*;

    #[test]
    fn a_boot_comes_back_with_and_without_a_clock() {
        for clock in
            QUALITIES.map(|quality| Some(BootClock { offset_ms: -5, quality })).into_iter().chain([None])
        {
            let stored = Boot { order: 7, name: "boot".to_owned(), clock };
            let bytes = pack_boot(&stored, 9).unwrap();
            assert_eq!(boot(record::open(BOOT, &bytes).unwrap()), Some((9, stored)));
        }
    }

    #[test]
    fn a_long_event_is_cut_between_two_characters() {
        let bytes = pack_event(3, &"é".repeat(800)).unwrap();
        assert_eq!(event(record::open(EVENT, &bytes).unwrap()), Some((3, "é".repeat(512).as_str())));
    }

    #[test]
    fn a_span_counts_every_sample_with_its_share() {
        let sample =
            |ms| Sample { seq: 1, taken: BootTime(ms), outcome: crate::sample::Outcome::Gap("COMM_LOSS") };
        assert_eq!(span_ms(&[]), 0);
        assert_eq!(span_ms(&[sample(5)]), 1000);
        assert_eq!(span_ms(&[sample(0), sample(100), sample(200)]), 300);
    }

    proptest! {
        #[test]
        fn samples_of_any_size_are_packed_whole_and_in_order(
            list in prop::collection::vec((any::<u64>(), any::<u64>(), any_outcome()), 0..600), boot_id in "[a-z0-9-]{1,45}"
        ) {
            let samples: Vec<Sample> = list.into_iter().map(|(seq, taken, outcome)| Sample { seq, taken: BootTime(taken), outcome }).collect();
            let blocks = pack_blocks(&boot_id, &samples).unwrap();
            let mut back = Vec::new();
            for packed in &blocks {
                let block = block(record::open(BLOCK, &packed.data).unwrap()).unwrap();
                prop_assert_eq!(block.boot_id, &boot_id);
                back.extend(block.samples);
            }
            prop_assert_eq!(back, samples);
        }
    }
}
