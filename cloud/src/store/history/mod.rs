//! What becomes of samples when their hour is over: packed blocks with every field of them, roll-ups of minutes and
//! hours; and how they are asked for.
//!
//! New samples are rows, and nothing else is done when they arrive. Some minutes after an hour is over its rows are sealed
//! ([`sealing`]): they become a block and roll-ups in one transaction, and are deleted in small steps after it. Samples
//! that come later are rows beside the block until the hour is sealed again. Every answer is made of both.

pub mod block;
pub mod buckets;
mod bytes;
pub mod column;
pub mod hour;
pub mod last;
pub mod packed;
pub mod query;
mod reals;
pub mod retention;
pub mod rollup;
pub mod sealing;
#[cfg(test)]
mod tests;

pub use bytes::is_damage;

/// ms.
pub const MINUTE_MS: i64 = 60_000;
/// ms.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
