//! GPIO through `rppal`, which is used in this file alone: it gets no releases any more (docs/decisions/0002).

use rppal::gpio::{Error, Gpio, Level, OutputPin};

/// Why a pin cannot be driven.
#[derive(Debug, thiserror::Error)]
pub enum GpioError {
    /// No Raspberry Pi, or one whose kernel shows no GPIO.
    #[error("this machine has no GPIO of a Raspberry Pi")]
    Absent,
    /// The user has not the right.
    #[error(
        "{0} may not be opened: this user has to be in the group gpio, and the sandbox has to let it through"
    )]
    Denied(String),
    /// The board has no such pin.
    #[error("GPIO {0} is not on this board")]
    NoSuchPin(u8),
    /// Anything else.
    #[error("the GPIO cannot be used ({0})")]
    Other(String),
}

/// The GPIO of this board.
pub(super) struct Chip(Gpio);

/// One pin, as an output. It keeps its level when this is dropped.
pub(super) struct Line(OutputPin);

impl Chip {
    pub(super) fn open() -> Result<Self, GpioError> {
        Gpio::new().map(Self).map_err(GpioError::from)
    }

    /// Makes the pin an output. Its level is set before its direction, so that there is no edge in between.
    pub(super) fn output(&self, gpio: u8, is_high: bool) -> Result<Line, GpioError> {
        let pin = self.0.get(gpio).map_err(GpioError::from)?;
        let mut line = if is_high { pin.into_output_high() } else { pin.into_output_low() };
        // An input again would leave the level to the board's resistors.
        line.set_reset_on_drop(false);
        Ok(Line(line))
    }
}

impl Line {
    pub(super) fn drive(&mut self, is_high: bool) {
        self.0.write(Level::from(is_high));
    }

    /// The level at the pad itself (GPLEV of the BCM2711 peripherals datasheet 5.2, `RIO_IN` of the RP1's 3.3): of a pin
    /// that is shorted it is not what was driven.
    pub(super) fn is_high(&self) -> bool {
        self.0.is_set_high()
    }
}

impl From<Error> for GpioError {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownModel => Self::Absent,
            Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound => Self::Absent,
            Error::PermissionDenied(path) => Self::Denied(path),
            Error::PinNotAvailable(gpio) => Self::NoSuchPin(gpio),
            other => Self::Other(other.to_string()),
        }
    }
}
