//! The daemon beside the battery.

fn main() {}
