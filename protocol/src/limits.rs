//! Bounds that both sides keep, so that no peer can make the other hold much memory.

/// The largest frame that a device or a user may send, in bytes. A telemetry object is about 400.
pub const MAX_FRAME_BYTES: usize = 256 * 1024;
/// The most samples in one `telemetry.batch`.
pub const MAX_BATCH_SAMPLES: usize = 500;
/// The largest payload of a `device.event`, in bytes.
pub const MAX_EVENT_BYTES: usize = 16 * 1024;
/// Both sides send a Ping when they have been silent for this long, in seconds.
pub const PING_SECONDS: u64 = 20;
/// A peer from which no frame came for this long is dead, in seconds.
pub const DEAD_PEER_SECONDS: u64 = 60;
/// The server sends `system.heartbeat` this often, in seconds.
pub const HEARTBEAT_SECONDS: u32 = 30;
/// How long a command is good for when it does not say, in seconds.
pub const COMMAND_TTL_SECONDS: u64 = 60;
/// The most flags, faults or warnings in one sample.
pub const MAX_FLAGS: usize = 64;
/// The longest text in a field of a telemetry object or an event, in bytes.
pub const MAX_TEXT_BYTES: usize = 1024;
