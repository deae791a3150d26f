//! The sentence of each error: the device, what is wrong with it, what to do.

use std::fmt;

use super::SensorError;
use crate::sensor::convert::OutOfRange;
use crate::sensor::errno::{explain_open, explain_transfer};

impl fmt::Display for SensorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { bus, errno } => {
                let why = explain_open(*errno);
                write!(f, "{} {} ({}): {}", bus.display(), why.cause, Number(*errno), why.remedy)
            }
            Self::Transfer { device, action, errno } => {
                let why = explain_transfer(*errno);
                write!(f, "{device} {} ({}, {action}): {}", why.cause, Number(*errno), why.remedy)
            }
            Self::NoDriver { device, found } => write!(f, "{device} {found}"),
            Self::CurrentLost { device, file } => write!(
                f,
                "{device} gives no current any more, {} is gone: load its driver again (dmesg says what became of \
                 it); to go on with the voltage alone, restart ems-edge",
                file.display()
            ),
            Self::WrongChip { device, found } => write!(
                f,
                "{device} expected, but {found}: check SENSOR and I2C_ADDRESS against the board's chip"
            ),
            Self::ConfigurationLost { device, found, power_on: true, count } => write!(
                f,
                "{device} restarted with its power-on configuration {found:#06x} (time {count}): configured \
                 again; check the sensor's 3.3 V supply and its plug"
            ),
            Self::ConfigurationLost { device, found, power_on: false, count } => write!(
                f,
                "{device} had its configuration changed to {found:#06x} (time {count}): configured again; \
                 stop the other program that uses this chip"
            ),
            Self::NoConversion { device } => write!(
                f,
                "{device} answers but does not finish a measurement: stop any other program that reads it, else \
                 power-cycle the sensor"
            ),
            Self::Asleep { device, found } => write!(
                f,
                "{device} does not measure by itself ({found}) and nobody has set it up since it was switched on: \
                 start ems-edge, which does"
            ),
            Self::OutOfRange { device, reach: OutOfRange { input, volts, limit } } => write!(
                f,
                "{device} reads a {input} of {volts:.5} V at the end of its range ({limit:.5} V) or beyond: \
                 check the wiring, SHUNT and DIVIDER"
            ),
            Self::Deadline { device, waited } => write!(
                f,
                "{device} gave no answer within {:.1} s: the bus hangs; power-cycle the sensor",
                waited.as_secs_f64()
            ),
            Self::Busy { device, since } => write!(
                f,
                "{device} is still busy with a read since {:.1} s: the bus hangs; power-cycle the sensor",
                since.as_secs_f64()
            ),
            Self::ThreadEnded { device } => {
                write!(f, "{device} is no longer read, its thread has ended: restart ems-edge")
            }
        }
    }
}

struct Number(Option<i32>);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(errno) => write!(f, "errno {errno}"),
            None => f.write_str("no errno"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sensor::{Device, RetryHint};

    fn transfer(errno: i32) -> SensorError {
        let device = Device { chip: "INA226", address: 0x40, bus: Path::new("/dev/i2c-1").into() };
        SensorError::Transfer { device, action: "reading BUS_VOLTAGE", errno: Some(errno) }
    }

    #[test]
    fn each_errno_of_the_bus_has_its_cause_its_remedy_and_its_flag() {
        let expected = [
            (
                121,
                "does not answer (errno 121, reading BUS_VOLTAGE): check power, SDA/SCL and",
                "SENSOR_LOST",
            ),
            (6, "does not answer (errno 6, reading BUS_VOLTAGE): check power", "SENSOR_LOST"),
            (110, "SDA or SCL is held low (errno 110, reading BUS_VOLTAGE): power-cycle", "SENSOR_LOST"),
            (5, "(errno 5, reading BUS_VOLTAGE): lower i2c_arm_baudrate", "COMM_LOSS"),
            (95, "two reads in one transfer", "COMM_LOSS"),
            (16, "is owned by a kernel driver (errno 16", "SENSOR_LOST"),
            (71, "failed in a transfer (errno 71", "COMM_LOSS"),
        ];
        for (errno, words, flag) in expected {
            let error = transfer(errno);
            let text = error.to_string();
            assert!(text.starts_with("INA226 at 0x40 on /dev/i2c-1 ") && text.contains(words), "{text}");
            assert_eq!((error.flag(), error.errno()), (flag, Some(errno)));
        }
    }

    #[test]
    fn a_bus_that_cannot_be_opened_names_the_remedy() {
        for (errno, words) in
            [(2, "dtparam=i2c_arm=on"), (13, "group i2c"), (16, "in use"), (25, "not an I2C")]
        {
            let error = SensorError::Open { bus: Path::new("/dev/i2c-1").into(), errno: Some(errno) };
            let text = error.to_string();
            assert!(text.starts_with("/dev/i2c-1 ") && text.contains(words), "{text}");
            assert_eq!((error.flag(), error.retry_hint()), ("SENSOR_LOST", RetryHint::Technician));
        }
    }
}
