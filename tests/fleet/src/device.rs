//! One device: it sends samples at a rate and counts their acknowledgements.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::Failure;
use crate::dial::{Dialer, Identity};
use crate::sample::{self, Samples};
use crate::socket::{Frame, Socket};
use crate::tally::Latencies;

/// Samples whose time of sending is remembered. A reader that is further behind is not measured.
const REMEMBERED: u64 = 1024;

/// What all devices and dashboards of a run count together.
#[derive(Default)]
pub(crate) struct Counts {
    /// Whether latencies count.
    pub(crate) measuring: Cell<bool>,
    pub(crate) sent: Cell<u64>,
    pub(crate) acknowledged: Cell<u64>,
    pub(crate) delivered: Cell<u64>,
    /// Samples that a dashboard was not sent.
    pub(crate) skipped: Cell<u64>,
    /// Connections that the server or the network has ended.
    pub(crate) ended: Cell<u64>,
    /// Frames in which the server complains.
    pub(crate) complaints: Cell<u64>,
    pub(crate) deliveries: RefCell<Latencies>,
    pub(crate) acknowledgements: RefCell<Latencies>,
}

/// When the latest samples of one device were sent.
#[derive(Default)]
pub(crate) struct Departures(RefCell<Vec<Option<(u64, Instant)>>>);

/// One connected device.
pub(crate) struct Device {
    socket: Socket,
    samples: Samples,
    typed: bool,
    seq: u64,
    departures: Rc<Departures>,
    counts: Rc<Counts>,
    /// What the server has asked for in `device.welcome`, s.
    pub(crate) retry_window: u64,
}

fn place_of(seq: u64) -> usize {
    usize::try_from(seq % REMEMBERED).unwrap_or(0)
}

pub(crate) fn add(cell: &Cell<u64>, count: u64) {
    cell.set(cell.get() + count);
}

impl Departures {
    fn note(&self, seq: u64) {
        let mut all = self.0.borrow_mut();
        all.resize(usize::try_from(REMEMBERED).unwrap_or(0), None);
        if let Some(slot) = all.get_mut(place_of(seq)) {
            *slot = Some((seq, Instant::now()));
        }
    }

    /// How long ago that sample was sent.
    pub(crate) fn since(&self, seq: u64) -> Option<Duration> {
        let all = self.0.borrow();
        let (noted, at) = (*all.get(place_of(seq))?)?;
        (noted == seq).then(|| at.elapsed())
    }
}

impl Device {
    /// Connects and, in typed mode, says hello.
    pub(crate) async fn connect(
        dialer: &Dialer,
        identity: &Identity,
        padding: usize,
        counts: &Rc<Counts>,
    ) -> Result<Self, Failure> {
        let socket = dialer.device(identity).await?;
        let mut device = Self {
            socket,
            samples: Samples::new(&identity.id, padding),
            typed: dialer.typed,
            seq: 0,
            departures: Rc::default(),
            counts: counts.clone(),
            retry_window: 0,
        };
        if device.typed {
            device.greet().await?;
        }
        Ok(device)
    }

    async fn greet(&mut self) -> Result<(), Failure> {
        let hello = format!(
            r#"{{"type":"device.hello","payload":{{"boot_id":"{}","firmware_version":"fleet","actions":[]}}}}"#,
            self.samples.boot_id
        );
        self.socket.send(&hello).await?;
        loop {
            match self.socket.receive().await? {
                Frame::Text(text) if text.starts_with(br#"{"type":"device.welcome""#) => {
                    self.retry_window = sample::retry_window(&text).unwrap_or(0);
                    return Ok(());
                }
                Frame::Close(code, reason) => return Err(format!("closed with {code} {reason}").into()),
                Frame::Text(_) | Frame::Other => {}
            }
        }
    }

    /// When its samples were sent.
    pub(crate) fn departures(&self) -> Rc<Departures> {
        self.departures.clone()
    }

    /// Sends a sample each `period` from `start` to `end`, and takes what comes until the connection ends.
    pub(crate) async fn publish(mut self, start: Instant, period: Duration, end: Instant) {
        let mut next = start;
        loop {
            let step = tokio::select! {
                () = sleep_until(next.into()), if next < end => {
                    next += period;
                    self.send_sample().await
                }
                frame = self.socket.receive() => frame.map(|frame| self.note(&frame)),
            };
            if step.is_err() {
                add(&self.counts.ended, 1);
                return;
            }
        }
    }

    /// Sends one sample and waits until it is acknowledged.
    pub(crate) async fn store_one(&mut self) -> io::Result<()> {
        let before = self.seq;
        self.send_sample().await?;
        loop {
            match self.socket.receive().await? {
                Frame::Text(text) => {
                    let acked = sample::acknowledged(&text).unwrap_or_default();
                    if acked.iter().any(|&(first, last)| (first..=last).contains(&before)) {
                        return Ok(());
                    }
                }
                Frame::Close(..) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Frame::Other => {}
            }
        }
    }

    /// Waits for the end of the connection: its code and reason, if it was told.
    pub(crate) async fn ended(&mut self) -> Option<(u16, String)> {
        loop {
            match self.socket.receive().await {
                Ok(Frame::Close(code, reason)) => return Some((code, reason)),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    async fn send_sample(&mut self) -> io::Result<()> {
        let seq = self.seq;
        self.seq += 1;
        let text = self.samples.text(seq, self.typed);
        self.departures.note(seq);
        self.socket.send(text).await?;
        add(&self.counts.sent, 1);
        Ok(())
    }

    fn note(&self, frame: &Frame) {
        let Frame::Text(text) = frame else { return };
        if text.starts_with(br#"{"type":"error""#) {
            add(&self.counts.complaints, 1);
        }
        for (first, last) in sample::acknowledged(text).unwrap_or_default() {
            add(&self.counts.acknowledged, last - first + 1);
            for seq in first..=last {
                if let Some(took) = self.departures.since(seq).filter(|_| self.counts.measuring.get()) {
                    self.counts.acknowledgements.borrow_mut().add(took);
                }
            }
        }
    }
}
