//! A record that proves itself: found again in any bytes, whatever became of the file around it.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | [`MAGIC`] |
//! | 1 | kind: what the body is, by its owner's table |
//! | 2 | length of the body, little endian |
//! | 4 | CRC-32 (IEEE) of kind, length and body, little endian |
//! | … | the body |

/// What a record begins with.
pub(super) const MAGIC: [u8; 4] = [0xE5, b'e', b'm', b's'];
/// The bytes before the body.
pub(super) const HEADER: usize = 11;
/// The longest body: a record then lies whole in one 4 KiB page of the database, and can be found there without it.
pub(super) const MAX_BODY: usize = 3800;

/// A record found in some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'a> {
    /// Where it begins.
    pub(super) at: usize,
    /// What the body is.
    pub(super) kind: u8,
    /// The body, whose checksum is right.
    pub(super) body: &'a [u8],
}

/// The body is longer than [`MAX_BODY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record of {0} bytes is longer than {MAX_BODY}")]
pub(super) struct TooLong(pub(super) usize);

/// Appends a record to `out`, whose body is what `body` appends; on error `out` is left as it was.
pub(super) fn seal(kind: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) -> Result<(), TooLong> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    body(out);
    let length = out.len() - start - HEADER;
    let Some((header, body)) =
        out.get_mut(start..).filter(|_| length <= MAX_BODY).and_then(|r| r.split_first_chunk_mut::<HEADER>())
    else {
        out.truncate(start);
        return Err(TooLong(length));
    };
    let [low, high, ..] = length.to_le_bytes();
    let [m0, m1, m2, m3] = MAGIC;
    let [c0, c1, c2, c3] = checksum(kind, [low, high], body).to_le_bytes();
    *header = [m0, m1, m2, m3, kind, low, high, c0, c1, c2, c3];
    Ok(())
}

/// The body of the one record of this kind that `bytes` are.
pub(super) fn open(kind: u8, bytes: &[u8]) -> Option<&[u8]> {
    parse(bytes).filter(|(k, body)| *k == kind && bytes.len() == HEADER + body.len()).map(|(_, body)| body)
}

/// Every whole record in `bytes`, in their order; what is between them is stepped over.
pub(super) fn scan(bytes: &[u8]) -> Scan<'_> {
    Scan { bytes, at: 0, stepped_over: 0 }
}

/// An iterator over records.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    stepped_over: usize,
}

impl Scan<'_> {
    /// How many bytes so far belong to no whole record.
    pub(super) fn stepped_over(&self) -> usize {
        self.stepped_over
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        while let Some(rest) = self.bytes.get(self.at..).filter(|rest| !rest.is_empty()) {
            if let Some((kind, body)) = parse(rest) {
                let at = self.at;
                self.at += HEADER + body.len();
                return Some(Found { at, kind, body });
            }
            let step = rest.iter().skip(1).position(|&b| b == MAGIC[0]).map_or(rest.len(), |i| i + 1);
            self.at += step;
            self.stepped_over += step;
        }
        None
    }
}

/// The record at the very beginning of `bytes`.
fn parse(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let ([kind], rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let body = rest.get(..usize::from(u16::from_le_bytes(*length))).filter(|body| body.len() <= MAX_BODY)?;
    (checksum(*kind, *length, body) == u32::from_le_bytes(*crc)).then_some((*kind, body))
}

fn checksum(kind: u8, [low, high]: [u8; 2], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&[kind, low, high]);
    crc.update(body);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealed(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        seal(kind, &mut out, |out| out.extend_from_slice(body)).unwrap();
        out
    }

    #[test]
    fn a_body_that_would_not_fit_a_page_is_refused() {
        let mut out = vec![7];
        assert_eq!(seal(1, &mut out, |out| out.extend([0; MAX_BODY + 1])), Err(TooLong(MAX_BODY + 1)));
        assert_eq!(out, [7]);
        assert_eq!(open(1, &sealed(1, &[9; MAX_BODY])), Some(&[9; MAX_BODY][..]));
    }

    #[test]
    fn a_record_of_another_kind_or_with_a_tail_is_not_opened() {
        let mut bytes = sealed(1, b"body");
        assert_eq!(open(2, &bytes), None);
        bytes.push(0);
        assert_eq!(open(1, &bytes), None);
    }

    proptest! {
        #[test]
        fn records_are_found_between_garbage(parts in prop::collection::vec((
            prop::collection::vec(prop_oneof![any::<u8>(), Just(MAGIC[0])], 0..20), any::<u8>(), prop::collection::vec(any::<u8>(), 0..30)), 0..8)
        ) {
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            let mut garbage = 0;
            for (between, kind, body) in &parts {
                bytes.extend_from_slice(between);
                garbage += between.len();
                expected.push((bytes.len(), *kind, body.as_slice()));
                bytes.extend(sealed(*kind, body));
            }
            let mut scan = scan(&bytes);
            let found: Vec<_> = scan.by_ref().map(|f| (f.at, f.kind, f.body)).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(scan.stepped_over(), garbage);
        }

        #[test]
        fn one_flipped_bit_loses_one_record_and_no_other(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..6), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut bytes = Vec::new();
            for body in &bodies {
                bytes.extend(sealed(3, body));
            }
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(scan(&bytes).count(), bodies.len() - 1);
        }
    }
}
