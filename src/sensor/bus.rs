//! The I2C thread, and the handle by which the async side asks it for readings.

use std::sync::mpsc as blocking;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::health::Work;

use super::integrator::Integrator;
use super::pace::Pace;
use super::{BatteryMonitor, Device, Reading, RetryHint, SensorError};

/// Opens the chip. Called on the sensor's thread, before the first read and after a failure.
pub type Opener = Box<dyn FnMut() -> Result<Box<dyn BatteryMonitor>, SensorError> + Send>;

/// Asks the sensor's thread for readings, one at a time. Dropping it ends the thread, once the transfer that
/// it may be in returns.
#[derive(Debug)]
pub struct SensorHandle {
    device: Device,
    /// Owned here; bound 1, and never more than one request is under way, so a send never waits.
    requests: blocking::SyncSender<()>,
    /// Owned by the thread; bound 1, one answer a request, so the thread never waits.
    answers: mpsc::Receiver<Result<Reading, SensorError>>,
    /// Shows the watchdog whether the thread answers.
    work: Work,
    /// Since when the thread has had a request that it has not answered.
    under_way: Option<Instant>,
    /// An answer that was thrown away has told that the chip counts anew, and none since.
    untold_restart: bool,
}

impl SensorHandle {
    /// Starts a thread that reads `device`, which `open` opens when it is first read. `work` shows whether it is in a
    /// read. With `sense` it also reads by itself, that often: then each answer holds the means since the last one, and
    /// what has flowed.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn(device: Device, open: Opener, work: Work, sense: Option<Duration>) -> std::io::Result<Self> {
        let (requests, incoming) = blocking::sync_channel(1);
        let (outgoing, answers) = mpsc::channel(1);
        let done = work.clone();
        let reader = Reader { open, monitor: None, untold_restart: false };
        std::thread::Builder::new().name("sensor".to_owned()).spawn(move || match sense {
            Some(every) => serve_sensing(reader, every, &incoming, &outgoing, &done),
            None => serve(reader, &incoming, &outgoing, &done),
        })?;
        Ok(Self { device, requests, answers, work, under_way: None, untold_restart: false })
    }

    /// The chip that is read.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A reading that was begun after this call, within `deadline`. Cancel safe.
    ///
    /// A transfer cannot be cut off: after a missed deadline it goes on, and reads fail with
    /// [`SensorError::Busy`] until it has returned. Its value is thrown away then.
    ///
    /// # Errors
    /// Why there is no reading. After a missed deadline that may be the cause why that earlier read failed,
    /// which is only known once it has returned.
    pub async fn read(&mut self, deadline: Duration) -> Result<Reading, SensorError> {
        let asked = Instant::now();
        match tokio::time::timeout(deadline, self.exchange()).await {
            Ok(result) => result,
            Err(_) => Err(self.missed(asked, deadline)),
        }
    }

    /// How long the sensor's thread has been in a read that missed its deadline.
    pub fn stuck_since(&self) -> Option<Duration> {
        self.under_way.map(|since| since.elapsed())
    }

    async fn exchange(&mut self) -> Result<Reading, SensorError> {
        if self.under_way.is_some() {
            // An old value is of no use; an error is the only news of why the bus was stuck.
            self.untold_restart |= self.answer().await?.tells_restart();
        }
        self.under_way = Some(Instant::now());
        self.work.ask();
        // Full cannot be, since nothing was under way; a thread that has ended has closed the answers too.
        if self.requests.try_send(()).is_err() {
            self.work.withdraw();
        }
        let mut reading = self.answer().await?;
        if std::mem::take(&mut self.untold_restart) {
            reading.tell_restart();
        }
        Ok(reading)
    }

    async fn answer(&mut self) -> Result<Reading, SensorError> {
        let answer = self.answers.recv().await;
        self.under_way = None;
        answer.unwrap_or_else(|| Err(SensorError::ThreadEnded { device: self.device.clone() }))
    }

    fn missed(&self, asked: Instant, deadline: Duration) -> SensorError {
        let device = self.device.clone();
        match self.under_way {
            Some(since) if since < asked => SensorError::Busy { device, since: since.elapsed() },
            _ => SensorError::Deadline { device, waited: deadline },
        }
    }
}

/// The thread: one answer for each request, until the handle is gone.
fn serve(
    mut reader: Reader,
    requests: &blocking::Receiver<()>,
    answers: &mpsc::Sender<Result<Reading, SensorError>>,
    work: &Work,
) {
    while requests.recv().is_ok() {
        let answer = reader.read();
        work.done();
        if answers.blocking_send(answer).is_err() {
            return;
        }
    }
}

/// The same, and between two requests it reads by itself, each `every`.
fn serve_sensing(
    mut reader: Reader,
    every: Duration,
    requests: &blocking::Receiver<()>,
    answers: &mpsc::Sender<Result<Reading, SensorError>>,
    work: &Work,
) {
    let mut pace = Pace::new(every, now());
    let mut sum = Integrator::new();
    loop {
        match requests.recv_timeout(pace.due().saturating_duration_since(now())) {
            Ok(()) => {
                pace.asked(now());
                let answer = match reader.read() {
                    Ok(reading) => Ok(sum.report(now(), reading)),
                    Err(error) => {
                        // Since the last look at its configuration the chip may have measured anything; opened anew,
                        // it looks as if it never had.
                        sum.discard();
                        Err(error)
                    }
                };
                work.done();
                if answers.blocking_send(answer).is_err() {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => match reader.sense() {
                Some(Ok(reading)) => {
                    sum.note(now(), &reading);
                    pace.step(now());
                }
                Some(Err(SensorError::OutOfRange { .. })) => {
                    // How much it was nobody knows.
                    sum.discard();
                    pace.step(now());
                }
                Some(Err(_)) => {
                    sum.discard();
                    pace.back_off(now());
                }
                None => pace.back_off(now()),
            },
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// The chip, while it answers.
struct Reader {
    open: Opener,
    monitor: Option<Box<dyn BatteryMonitor>>,
    untold_restart: bool,
}

impl Reader {
    /// Reads, and opens the chip at most once for it. After a failure the chip is forgotten, because what is
    /// plugged in next may be another one. What is not forgotten is a restart of its count: opened again, it looks as if
    /// it had counted on.
    fn read(&mut self) -> Result<Reading, SensorError> {
        let mut opened = match self.monitor.take() {
            Some(opened) => opened,
            None => (self.open)()?,
        };
        let mut result = opened.read();
        match &mut result {
            Ok(reading) if std::mem::take(&mut self.untold_restart) => reading.tell_restart(),
            Ok(_) => {}
            Err(_) => self.untold_restart |= opened.has_untold_restart(),
        }
        if may_stay(&result) {
            self.monitor = Some(opened);
        }
        result
    }

    /// Reads between two reports, if the chip is open: what its next [`BatteryMonitor::read`] tells is left to that.
    fn sense(&mut self) -> Option<Result<Reading, SensorError>> {
        let mut opened = self.monitor.take()?;
        let result = opened.sense();
        self.untold_restart |= opened.has_untold_restart();
        if may_stay(&result) {
            self.monitor = Some(opened);
        }
        Some(result)
    }
}

/// Whether the chip may be read again without opening it anew.
fn may_stay(result: &Result<Reading, SensorError>) -> bool {
    result.as_ref().err().is_none_or(|error| error.retry_hint() == RetryHint::Read)
}

#[cfg(test)]
mod tests;
