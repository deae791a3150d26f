//! A chip of plain registers, for devices that have no model of their own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ems_simulator::{BusFault, Chip};

/// 256 registers of 16 bits, most significant byte first, behind a register pointer that does not advance.
#[derive(Debug)]
pub(crate) struct RegisterFile {
    at_power_on: BTreeMap<u8, u16>,
    contents: BTreeMap<u8, u16>,
    pointer: u8,
    brown_out: Arc<AtomicBool>,
}

impl RegisterFile {
    /// A chip with these contents at power-on, 0 elsewhere. It starts again when `brown_out` is set.
    pub(crate) fn new(at_power_on: BTreeMap<u8, u16>, brown_out: Arc<AtomicBool>) -> Self {
        Self { contents: at_power_on.clone(), at_power_on, pointer: 0, brown_out }
    }

    fn begin(&mut self) {
        if self.brown_out.swap(false, Ordering::Relaxed) {
            self.pointer = 0;
            self.contents.clone_from(&self.at_power_on);
        }
    }
}

impl Chip for RegisterFile {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BusFault> {
        self.begin();
        if let Some((&pointer, data)) = bytes.split_first() {
            self.pointer = pointer;
            if let &[high, low, ..] = data {
                self.contents.insert(pointer, u16::from_be_bytes([high, low]));
            }
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), BusFault> {
        self.begin();
        let word = self.contents.get(&self.pointer).copied().unwrap_or_default().to_be_bytes();
        buffer.iter_mut().zip(word.into_iter().cycle()).for_each(|(slot, byte)| *slot = byte);
        Ok(())
    }
}
