//! A simulated I2C bus.

fn main() {}
