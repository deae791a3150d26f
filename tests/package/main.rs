//! The package on a real Debian: installed, configured, upgraded, removed, and left alone with what goes wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod cloud;
mod commands;
mod doctor;
mod faults;
mod install;
mod reload;
mod sandbox;
mod support;
