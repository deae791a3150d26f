//! Samples from a device, live and of its backlog, on their way to the store and back as acknowledgements.

use std::ops::ControlFlow;
use std::time::Instant;

use ems_protocol::{Envelope, ErrorCode, ErrorMessage, SeqRanges, Telemetry, Timestamp, limits, parse};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::device::Connection;
use super::super::error_frame;
use super::super::line::End;
use crate::clock;
use crate::fleet::device::Late;
use crate::metrics::{Door, Outcome};
use crate::socket::{Incoming, Utf8Bytes};
use crate::store::{Arrival, StoreError, Stored};

impl Connection {
    /// Handles the usual frame, a live sample on a connection that speaks for its device, without waiting for anything
    /// and so without the room that a future for all that may happen takes. False: nothing has been done yet.
    pub(in crate::door) fn take_at_once(&mut self, incoming: &Incoming) -> bool {
        let Incoming::Text(frame) = incoming else { return false };
        let envelope;
        let (text, shared) = if self.typed {
            // As the daemon writes it.
            if !frame.starts_with(r#"{"type":"telemetry","#) {
                return false;
            }
            envelope = Envelope::parse(frame);
            let Ok(envelope) = &envelope else { return false };
            (envelope.payload_text(), None)
        } else if frame.contains("\"type\"") {
            return false;
        } else {
            (frame.as_str(), Some(frame))
        };
        let Ok(sample) = Telemetry::parse(text, &self.device.id) else { return false };
        let app = self.app.clone();
        let Some(place) = app.store.place(1).filter(|_| self.samples.spend()) else { return false };
        let shared = shared.cloned().unwrap_or_else(|| text.into());
        let now = clock::now();
        let Some(live) = self.device.publish_settled(&self.link, &sample, shared, now) else { return false };
        app.metrics.received(Door::Device, frame.len());
        let (arrival, done) = self.arrival(vec![sample], now, !live);
        place.write(arrival, done);
        true
    }

    /// One live sample; `frame` is the whole frame where that is the sample itself.
    pub(super) async fn telemetry(&mut self, text: &str, frame: Option<&Utf8Bytes>) -> ControlFlow<End> {
        let sample = match Telemetry::parse(text, &self.device.id) {
            Ok(sample) => sample,
            Err(error) => return self.refuse(error, text).await,
        };
        self.attach(sample.boot_id.as_deref()).await?;
        let shared = frame.cloned().unwrap_or_else(|| text.into());
        let live = self.device.publish(&self.link, &sample, shared);
        self.store(vec![sample], !live).await
    }

    /// Samples from the backlog.
    pub(super) async fn batch(&mut self, text: &str) -> ControlFlow<End> {
        #[derive(Deserialize)]
        struct Batch<'a> {
            #[serde(borrow)]
            samples: Vec<&'a RawValue>,
        }
        let batch: Batch<'_> = match serde_json::from_str(text) {
            Ok(batch) => batch,
            Err(_) => return self.complain(broken_batch(text)).await,
        };
        if batch.samples.len() > limits::MAX_BATCH_SAMPLES {
            let words = format!("a batch has at most {} samples", limits::MAX_BATCH_SAMPLES);
            let error =
                ErrorMessage::new(ErrorCode::TooLarge, words).with("limit", limits::MAX_BATCH_SAMPLES);
            return self.complain(error).await;
        }
        let mut good = Vec::with_capacity(batch.samples.len());
        for raw in batch.samples {
            match Telemetry::parse(raw.get(), &self.device.id) {
                Ok(sample) => good.push(sample),
                Err(error) => self.refuse(error, raw.get()).await?,
            }
        }
        // The backlog may be of earlier boots: it says nothing about the present one.
        self.attach(None).await?;
        self.store(good, true).await
    }

    /// Hands samples to the store, which acknowledges them through the link when they are durable.
    async fn store(&mut self, samples: Vec<Telemetry>, late: bool) -> ControlFlow<End> {
        let now = clock::now();
        self.device.heard(now);
        let count = samples.len();
        if count == 0 {
            return ControlFlow::Continue(());
        }
        let pause = self.samples.debit(count);
        let (arrival, done) = self.arrival(samples, now, late);
        self.app.store.write_samples(arrival, done).await;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        ControlFlow::Continue(())
    }

    /// What the store is handed, and what happens when it has answered.
    fn arrival(
        &self,
        samples: Vec<Telemetry>,
        now: Timestamp,
        late: bool,
    ) -> (Arrival, impl FnOnce(Result<Stored, StoreError>) + Send + use<>) {
        let count = samples.len();
        let acks = by_boot(&samples);
        let mut new: Vec<Late> = if late {
            samples.iter().map(|sample| Late::of(sample, now.millis())).collect()
        } else {
            Vec::new()
        };
        let (link, device, metrics) = (self.link.clone(), self.device.clone(), self.app.metrics.clone());
        let arrival = Arrival { device: device.key, received_at: now.millis(), samples };
        link.begin();
        let arrived = Instant::now();
        let done = move |result: Result<Stored, StoreError>| {
            let Ok(stored) = result else {
                metrics.samples(Outcome::Unavailable, count);
                link.not_stored(count);
                return;
            };
            metrics.samples(Outcome::Stored, stored.new);
            metrics.samples(Outcome::Duplicate, stored.duplicates.len());
            metrics.acknowledged(arrived.elapsed());
            link.stored(acks);
            if late && stored.new > 0 {
                let mut place = 0..;
                new.retain(|_| {
                    place.next().is_some_and(|place| stored.duplicates.binary_search(&place).is_err())
                });
                device.late(&new);
            }
            if let Some((from, to)) = stored.span.filter(|_| late) {
                device.backfilled(from, to);
            }
        };
        (arrival, done)
    }

    /// A sample that will never be stored. In typed mode the device is told which, so that it can set it aside;
    /// that is never left out, or the device would send it for ever.
    async fn refuse(&mut self, mut error: ErrorMessage, text: &str) -> ControlFlow<End> {
        #[derive(Deserialize, Default)]
        struct Name {
            boot_id: Option<String>,
            seq: Option<u64>,
        }
        self.app.metrics.samples(Outcome::Refused, 1);
        let name: Name = serde_json::from_str(text).unwrap_or_default();
        match (name.boot_id.filter(|boot_id| boot_id.len() <= 64), name.seq) {
            (Some(boot_id), Some(seq)) if self.typed => {
                error = error.with("boot_id", boot_id).with("seq", seq);
                self.send(error_frame(&error)).await
            }
            _ => self.complain(error).await,
        }
    }
}

fn broken_batch(text: &str) -> ErrorMessage {
    #[derive(Deserialize)]
    struct Shape {
        #[expect(dead_code, reason = "only its type matters")]
        samples: Vec<serde::de::IgnoredAny>,
    }
    match parse::<Shape>(text) {
        Err(error) => error,
        Ok(_) => {
            ErrorMessage::new(ErrorCode::InvalidMessage, "samples: expected a list of telemetry objects")
        }
    }
}

fn by_boot(samples: &[Telemetry]) -> Vec<(String, SeqRanges)> {
    let mut all: Vec<(String, SeqRanges)> = Vec::new();
    for sample in samples {
        let (Some(boot_id), Some(seq)) = (&sample.boot_id, sample.seq) else { continue };
        match all.iter_mut().find(|(known, _)| known == boot_id) {
            Some((_, ranges)) => _ = ranges.insert(seq),
            None => all.push((boot_id.clone(), [seq].into_iter().collect())),
        }
    }
    all
}
