//! Values of which only the latest waits.

use std::sync::Arc;

use ems_protocol::{DeviceId, Timestamp, encode, kind};
use serde::Serialize;

use super::mailbox::Next;
use crate::fleet::frame::Frame;
use crate::socket::Utf8Bytes;

/// What a value that replaces its predecessor is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// A device's latest sample.
    Telemetry,
    /// A device's presence.
    Status,
    /// The span of late samples of a device.
    Backfill,
    /// That a device is no longer registered. It has no successor: it is never replaced.
    Removed,
    /// A UWB tag's position.
    Location,
    /// The rows of the room `fleet`.
    Fleet,
}

/// A value that replaces its predecessor.
pub enum Latest {
    /// A message.
    Text(Utf8Bytes),
    /// A sample, and how many were replaced by it.
    Sample(Arc<Frame>, u64),
    /// Late samples between these times, ms since 1970.
    Span(DeviceId, i64, i64),
}

/// `telemetry.backfill`: late samples are in the history now.
#[derive(Serialize)]
pub struct Backfill<'a> {
    /// Whose.
    pub device_id: &'a DeviceId,
    /// The first of them.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
}

impl Latest {
    pub(super) fn message(self) -> Next {
        match self {
            Self::Text(text) => Next::Message(text, 0),
            Self::Sample(frame, 0) => Next::Message(frame.typed().clone(), 0),
            Self::Sample(frame, skipped) => Next::Message(frame.typed_after(skipped), skipped),
            Self::Span(device_id, from, to) => {
                let (from, to) = (Timestamp::from_millis(from), Timestamp::from_millis(to));
                let message = Backfill { device_id: &device_id, from, to };
                Next::Message(encode(kind::BACKFILL, &message).into(), 0)
            }
        }
    }

    pub(super) fn replace(&mut self, new: Self) {
        *self = match (&*self, new) {
            (Self::Sample(_, missed), Self::Sample(frame, more)) => Self::Sample(frame, missed + more + 1),
            (Self::Span(_, f, t), Self::Span(id, from, to)) => Self::Span(id, from.min(*f), to.max(*t)),
            (_, new) => new,
        }
    }
}
