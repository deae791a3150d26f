//! An I2C bus with chips on it, with the habits of the Pi's own controller.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use embedded_hal::i2c::{ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};

/// The errno values with which the kernel's I2C drivers name a fault (`Documentation/i2c/fault-codes.rst`).
pub mod errno {
    /// `EIO`: arbitration, clock stretching or length trouble.
    pub const EIO: i32 = 5;
    /// `EOPNOTSUPP`: the controller cannot do that combination of messages.
    pub const EOPNOTSUPP: i32 = 95;
    /// `ETIMEDOUT`: SDA or SCL is held low.
    pub const ETIMEDOUT: i32 = 110;
    /// `EREMOTEIO`: nobody acknowledged the address.
    pub const EREMOTEIO: i32 = 121;
}

/// A transfer that failed, as the errno that the kernel would have returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusFault {
    /// One of [`errno`].
    pub errno: i32,
}

impl embedded_hal::i2c::Error for BusFault {
    fn kind(&self) -> ErrorKind {
        match self.errno {
            errno::EREMOTEIO => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Unknown),
            _ => ErrorKind::Other,
        }
    }
}

impl std::fmt::Display for BusFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "I2C transfer failed (errno {})", self.errno)
    }
}

impl std::error::Error for BusFault {}

/// A chip at one address, at the level of the bytes on the wire.
pub trait Chip: Send {
    /// Bytes from the controller, all of one message: for most chips a register pointer and data.
    fn write(&mut self, bytes: &[u8]) -> Result<(), BusFault>;
    /// Bytes to the controller, from where the register pointer stands.
    fn read(&mut self, buffer: &mut [u8]) -> Result<(), BusFault>;
}

/// One message of a combined transfer (`struct i2c_msg` of `linux/i2c.h`).
#[derive(Debug)]
pub enum Message<'a> {
    /// From the controller to the chip.
    Write(&'a [u8]),
    /// From the chip to the controller.
    Read(&'a mut [u8]),
}

/// A bus shared by its users; clones are handles to the same wires.
#[derive(Clone, Default)]
pub struct SimulatedBus {
    wires: Arc<Mutex<Wires>>,
}

#[derive(Default)]
struct Wires {
    chips: BTreeMap<u8, Box<dyn Chip>>,
    fault: Option<i32>,
}

impl SimulatedBus {
    /// A bus with nothing on it: every address answers [`errno::EREMOTEIO`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `chip` at a 7-bit `address`; whatever was there is unplugged.
    pub fn attach(&self, address: u8, chip: Box<dyn Chip>) {
        self.wires().chips.insert(address, chip);
    }

    /// Takes the chip at `address` off the bus.
    pub fn detach(&self, address: u8) {
        self.wires().chips.remove(&address);
    }

    /// From now on every transfer fails with `errno`; `None` heals the bus.
    pub fn set_fault(&self, errno: Option<i32>) {
        self.wires().fault = errno;
    }

    /// One combined transfer. As on `i2c-bcm2835`, a read is allowed only as the last message.
    pub fn transfer(&self, address: u8, messages: &mut [Message<'_>]) -> Result<(), BusFault> {
        let mut wires = self.wires();
        if let Some(errno) = wires.fault {
            return Err(BusFault { errno });
        }
        let before_last = messages.len().saturating_sub(1);
        if messages.iter().take(before_last).any(|m| matches!(m, Message::Read(_))) {
            return Err(BusFault { errno: errno::EOPNOTSUPP });
        }
        let chip = wires.chips.get_mut(&address).ok_or(BusFault { errno: errno::EREMOTEIO })?;
        for message in messages {
            match message {
                Message::Write(bytes) => chip.write(bytes)?,
                Message::Read(buffer) => chip.read(buffer)?,
            }
        }
        Ok(())
    }

    fn wires(&self) -> MutexGuard<'_, Wires> {
        // A chip that panicked leaves its registers as they were: nothing here is half-done.
        self.wires.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for SimulatedBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let wires = self.wires();
        f.debug_struct("SimulatedBus")
            .field("addresses", &wires.chips.keys().collect::<Vec<_>>())
            .field("fault", &wires.fault)
            .finish()
    }
}

impl ErrorType for SimulatedBus {
    type Error = BusFault;
}

impl I2c for SimulatedBus {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), BusFault> {
        let mut messages: Vec<Message<'_>> = operations
            .iter_mut()
            .map(|operation| match operation {
                Operation::Write(bytes) => Message::Write(bytes),
                Operation::Read(buffer) => Message::Read(buffer),
            })
            .collect();
        self.transfer(address, &mut messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo(u8);

    impl Chip for Echo {
        fn write(&mut self, bytes: &[u8]) -> Result<(), BusFault> {
            self.0 = bytes.first().copied().unwrap_or(0);
            Ok(())
        }
        fn read(&mut self, buffer: &mut [u8]) -> Result<(), BusFault> {
            buffer.fill(self.0);
            Ok(())
        }
    }

    #[test]
    fn an_empty_address_does_not_answer() {
        let mut bus = SimulatedBus::new();
        assert_eq!(bus.read(0x40, &mut [0]), Err(BusFault { errno: errno::EREMOTEIO }));
    }

    #[test]
    fn a_read_before_the_last_message_is_refused_as_by_bcm2835() {
        let mut bus = SimulatedBus::new();
        bus.attach(0x40, Box::new(Echo(0)));
        let (mut a, mut b) = ([0u8; 1], [0u8; 1]);
        let two_reads = &mut [Operation::Read(&mut a), Operation::Read(&mut b)];
        assert_eq!(bus.transaction(0x40, two_reads), Err(BusFault { errno: errno::EOPNOTSUPP }));
        assert_eq!(bus.write_read(0x40, &[7], &mut a), Ok(()));
        assert_eq!(a, [7]);
    }

    #[test]
    fn a_stuck_bus_fails_every_transfer_until_it_is_healed() {
        let mut bus = SimulatedBus::new();
        bus.attach(0x40, Box::new(Echo(3)));
        bus.set_fault(Some(errno::ETIMEDOUT));
        assert_eq!(bus.read(0x40, &mut [0]), Err(BusFault { errno: errno::ETIMEDOUT }));
        bus.set_fault(None);
        assert_eq!(bus.read(0x40, &mut [0]), Ok(()));
    }
}
