//! The state of charge against the truth: on recorded traces through the built program, and on random packs.

mod power_cuts;
mod public_traces;
mod random_pack;
mod score;
mod weeks;
