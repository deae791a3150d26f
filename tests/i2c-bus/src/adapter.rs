//! The I2C adapter: takes transfers from many callers, obeys the control file, keeps the log.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::bench::{Bench, Obstacle};
use crate::complain;
use crate::control_file::{ControlFile, ControlFileError};
use crate::transfer_log::TransferLog;
use crate::wire::Message;

/// How often a transfer that waits looks whether the control file lets it go, or its caller died.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The adapter behind every `/dev/i2c-N`.
pub(crate) struct Adapter {
    state: Mutex<(ControlFile, Bench)>,
    log: TransferLog,
}

impl Adapter {
    /// An adapter that follows the control file at `path`.
    pub(crate) fn open(path: &Path, log: TransferLog) -> Result<Self, ControlFileError> {
        let (file, control) = ControlFile::open(path)?;
        let mut bench = Bench::default();
        bench.apply(control);
        Ok(Self { state: Mutex::new((file, bench)), log })
    }

    /// Whether a kernel driver owns `address`.
    pub(crate) fn is_busy(&self, address: u16) -> bool {
        self.current().1.is_busy(address)
    }

    /// One transfer. It returns when the control file lets it, or when the caller no longer waits (`EINTR`);
    /// others are served meanwhile.
    pub(crate) fn transfer(
        &self,
        messages: &mut [Message],
        still_waits: &dyn Fn() -> bool,
    ) -> Result<(), Errno> {
        let number = self.log.number();
        let begun = Instant::now();
        let mut said_to_hang = false;
        let result = loop {
            let state = self.current();
            if state.1.refuses(messages) {
                break Err(Errno::OPNOTSUPP);
            }
            let Some(obstacle) = state.1.obstacle(messages, begun.elapsed()) else {
                break state.1.carry_out(messages);
            };
            drop(state);
            if !still_waits() {
                break Err(Errno::INTR);
            }
            match obstacle {
                Obstacle::Slow(rest) => sleep(rest.min(LOOK_AGAIN)),
                Obstacle::Hangs => {
                    if !std::mem::replace(&mut said_to_hang, true) {
                        report(self.log.hangs(number, messages));
                    }
                    sleep(LOOK_AGAIN);
                }
            }
        };
        report(self.log.result(number, messages, result));
        result
    }

    /// The bench as the control file describes it now.
    fn current(&self) -> MutexGuard<'_, (ControlFile, Bench)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(control) = state.0.changed() {
            state.1.apply(control);
        }
        state
    }
}

fn report(written: std::io::Result<()>) {
    if let Err(error) = written {
        complain(format_args!("cannot write to the log: {error}"));
    }
}
