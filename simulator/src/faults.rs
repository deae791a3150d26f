//! Faults of one chip, injected while it is on the bus.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::bus::{BusFault, errno};

/// A handle to a chip's faults; clones reach the same chip.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    /// Messages until the supply dips.
    brown_out: Option<u32>,
    stalled: bool,
    /// Messages still acknowledged; `None` is without limit.
    acknowledged: Option<u32>,
}

impl Faults {
    /// The supply dips: before its next message the chip starts again with its power-on registers.
    pub fn brown_out(&self) {
        self.brown_out_after(0);
    }

    /// The supply dips after `messages` more messages, perhaps in the middle of a read.
    pub fn brown_out_after(&self, messages: u32) {
        self.state().brown_out = Some(messages);
    }

    /// The chip acknowledges `messages` more messages and then none.
    pub fn nak_after(&self, messages: u32) {
        self.state().acknowledged = Some(messages);
    }

    /// The next message hangs until [`resume`](Self::resume), as with SCL held low under a controller that
    /// has no time limit. The whole bus hangs with it, `SimulatedBus::attach` and `detach` too.
    pub fn stall(&self) {
        self.state().stalled = true;
    }

    /// Lets a stalled message go on.
    pub fn resume(&self) {
        self.state().stalled = false;
        self.shared.1.notify_all();
    }

    /// The chip acknowledges again. Registers that a brown-out cleared stay cleared.
    pub fn heal(&self) {
        self.state().acknowledged = None;
        self.resume();
    }

    /// To be called before each message; `Ok(true)` asks the chip to load its power-on registers first.
    pub(crate) fn before_message(&self) -> Result<bool, BusFault> {
        let stalled = self.state();
        let mut state =
            self.shared.1.wait_while(stalled, |state| state.stalled).unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = &mut state.acknowledged {
            *left = left.checked_sub(1).ok_or(BusFault { errno: errno::EREMOTEIO })?;
        }
        let dips = state.brown_out == Some(0);
        state.brown_out = state.brown_out.and_then(|left| left.checked_sub(1));
        Ok(dips)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
