//! Whoever is told what a device says.

use std::sync::Arc;

use ems_protocol::DeviceId;

use super::frame::Frame;
use crate::socket::Utf8Bytes;

/// A place for what a device says, to be picked up by its reader. None of these may block.
pub trait Watcher: Send + Sync {
    /// The latest sample of the device with this key.
    fn telemetry(&self, device: i64, frame: &Arc<Frame>);
    /// Late samples of the device arrived between these times, ms since 1970.
    fn backfill(&self, device: (i64, &DeviceId), from: i64, to: i64);
    /// The device's presence: a `device.status`.
    fn status(&self, device: i64, message: &Utf8Bytes);
    /// A message that must not be missed.
    fn event(&self, message: &Utf8Bytes);
    /// The device with this key is no longer registered: a `device.removed`.
    fn removed(&self, device: i64, message: &Utf8Bytes);
}
