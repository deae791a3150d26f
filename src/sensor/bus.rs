//! The I2C thread, and the handle by which the async side asks it for readings.

use std::sync::mpsc as blocking;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::health::Work;

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
    /// read.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn(device: Device, open: Opener, work: Work) -> std::io::Result<Self> {
        let (requests, incoming) = blocking::sync_channel(1);
        let (outgoing, answers) = mpsc::channel(1);
        let done = work.clone();
        std::thread::Builder::new()
            .name("sensor".to_owned())
            .spawn(move || serve(open, &incoming, &outgoing, &done))?;
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
    mut open: Opener,
    requests: &blocking::Receiver<()>,
    answers: &mpsc::Sender<Result<Reading, SensorError>>,
    work: &Work,
) {
    let mut monitor = None;
    let mut untold_restart = false;
    while requests.recv().is_ok() {
        let answer = read(&mut monitor, &mut open, &mut untold_restart);
        work.done();
        if answers.blocking_send(answer).is_err() {
            return;
        }
    }
}

/// Reads, and opens the chip at most once for it. After a failure the chip is forgotten, because what is
/// plugged in next may be another one. What is not forgotten is a restart of its count: opened again, it looks as if it
/// had counted on.
fn read(
    monitor: &mut Option<Box<dyn BatteryMonitor>>,
    open: &mut Opener,
    untold_restart: &mut bool,
) -> Result<Reading, SensorError> {
    let mut opened = match monitor.take() {
        Some(opened) => opened,
        None => open()?,
    };
    let mut result = opened.read();
    match &mut result {
        Ok(reading) if std::mem::take(untold_restart) => reading.tell_restart(),
        Ok(_) => {}
        Err(_) => *untold_restart |= opened.has_untold_restart(),
    }
    if result.as_ref().err().is_none_or(|error| error.retry_hint() == RetryHint::Read) {
        *monitor = Some(opened);
    }
    result
}

#[cfg(test)]
mod tests;
