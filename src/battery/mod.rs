//! The pack and what is known of its state: pure, without I/O or a clock.

mod pack;

pub use pack::{Chemistry, Pack};
