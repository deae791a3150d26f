//! The state of charge against the truth: on recorded traces through the built program, and on random packs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking and prints its table"
)]

mod power_cuts;
mod public_traces;
mod random_pack;
mod recorded;
mod recorded_cuts;
mod score;
mod weeks;
