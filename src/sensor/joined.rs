//! A bus on which the pointer of a register and the read that follows it are one transfer.
//!
//! The `ina226` crate sends them as two. What another program asks of the chip in between moves the pointer, and the
//! read then returns another register, which is as believable a number as the right one.

use embedded_hal::i2c::{ErrorType, I2c, Operation};

/// Keeps a pointer back until it is read from.
pub(super) struct Joined<I2C> {
    i2c: I2C,
    pointer: Option<u8>,
}

impl<I2C> Joined<I2C> {
    pub(super) fn new(i2c: I2C) -> Self {
        Self { i2c, pointer: None }
    }
}

impl<I2C: I2c> ErrorType for Joined<I2C> {
    type Error = I2C::Error;
}

impl<I2C: I2c> I2c for Joined<I2C> {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), I2C::Error> {
        match (self.pointer.take(), operations) {
            (_, [Operation::Write([pointer])]) => {
                self.pointer = Some(*pointer);
                Ok(())
            }
            (Some(pointer), [Operation::Read(buffer)]) => self.i2c.write_read(address, &[pointer], buffer),
            (_, operations) => self.i2c.transaction(address, operations),
        }
    }
}
