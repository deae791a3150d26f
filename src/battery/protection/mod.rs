//! The protection: what the battery does, and apart from that label what is allowed. Pure: time and readings come in.
//!
//! It decides on the ends of the state of charge's interval, never on its middle: loads are cut by the lower end,
//! charging by the upper one. Nothing here drives an output.

mod delay;
mod flags;
mod limits;
mod machine;
mod observation;
mod probe;
mod temperature;
#[cfg(test)]
mod tests;
mod verdict;

pub use flags::{Flag, Flags};
pub use limits::Limits;
pub use machine::Protection;
pub use observation::{Beyond, Observation};
pub use verdict::{Kept, Verdict};
