//! What is kept, as bytes: when it was saved, the battery's state, a checksum.

use crate::battery::SavedError;
use crate::clock::BootTime;

/// Version of the layout.
const VERSION: u8 = 1;

/// A saved state and when it was saved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Saved {
    pub(super) boot_id: String,
    /// On that boot's clock.
    pub(super) taken: BootTime,
    /// In ms since 1970, if that was known.
    pub(super) wall: Option<i64>,
    pub(super) state: Vec<u8>,
}

/// Why what was kept is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("what was kept of the battery is damaged, or of a version that this one does not know")]
    Damaged,
    #[error("what was kept of the battery is in layout {0}; this version reads {VERSION}")]
    Layout(u8),
    #[error(transparent)]
    State(#[from] SavedError),
}

impl Saved {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unusable> {
        let (body, checksum) = bytes.split_last_chunk::<4>().ok_or(Unusable::Damaged)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
            return Err(Unusable::Damaged);
        }
        match body.split_first() {
            Some((&VERSION, body)) => Self::fields(body).ok_or(Unusable::Damaged),
            Some((&other, _)) => Err(Unusable::Layout(other)),
            None => Err(Unusable::Damaged),
        }
    }

    fn fields(body: &[u8]) -> Option<Self> {
        let (&length, rest) = body.split_first()?;
        let (boot_id, rest) = rest.split_at_checked(usize::from(length))?;
        let (taken, rest) = rest.split_first_chunk::<8>()?;
        let (wall, state) = rest.split_first_chunk::<8>()?;
        Some(Self {
            boot_id: String::from_utf8(boot_id.to_vec()).ok()?,
            taken: BootTime(u64::from_le_bytes(*taken)),
            wall: Some(i64::from_le_bytes(*wall)).filter(|wall| *wall != i64::MIN),
            state: state.to_vec(),
        })
    }
}

/// Writes into `out` what [`Saved::read`] reads; `state` appends the battery's.
pub(super) fn write(
    out: &mut Vec<u8>,
    boot_id: &str,
    taken: BootTime,
    wall: Option<i64>,
    state: impl FnOnce(&mut Vec<u8>),
) {
    out.clear();
    out.push(VERSION);
    out.push(u8::try_from(boot_id.len()).unwrap_or(0));
    out.extend_from_slice(boot_id.as_bytes());
    out.extend_from_slice(&taken.0.to_le_bytes());
    out.extend_from_slice(&wall.unwrap_or(i64::MIN).to_le_bytes());
    state(out);
    let checksum = crc32fast::hash(out);
    out.extend_from_slice(&checksum.to_le_bytes());
}
