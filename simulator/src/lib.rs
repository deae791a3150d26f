//! Simulated battery and I2C chips.
