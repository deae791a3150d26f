//! The simulator's battery pack and the INA226 that watches it, as one chip at any address.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ems_simulator::{BusFault, Chip, Clock, Message, SimulatedBus, simulated};

/// INA226 configuration register: bit 15 loads the power-on values (datasheet SBOS547, table 7-6).
const SOFTWARE_RESET: [u8; 3] = [0x00, 0x80, 0x00];

/// A pack that lives in real time from when it is made.
pub(crate) struct WatchedPack {
    bus: SimulatedBus,
    brown_out: Arc<AtomicBool>,
}

impl WatchedPack {
    /// A pack whose chip starts again when `brown_out` is set.
    pub(crate) fn new(brown_out: Arc<AtomicBool>) -> Self {
        Self { bus: simulated::simulated_pack(Clock::monotonic()), brown_out }
    }

    fn pass(&self, message: Message<'_>) -> Result<(), BusFault> {
        // After a reset by command all registers are as after a brown-out, and the pointer is 0.
        if self.brown_out.swap(false, Ordering::Relaxed) {
            self.bus.transfer(simulated::ADDRESS, &mut [Message::Write(&SOFTWARE_RESET)])?;
        }
        self.bus.transfer(simulated::ADDRESS, &mut [message])
    }
}

impl Chip for WatchedPack {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BusFault> {
        self.pass(Message::Write(bytes))
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), BusFault> {
        self.pass(Message::Read(buffer))
    }
}
