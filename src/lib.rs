//! The daemon beside the battery.
