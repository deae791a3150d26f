//! The built `i2c-bus` with real programs on it.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod i2c_tools;
#[cfg(test)]
mod program;
#[cfg(test)]
mod transfers;
