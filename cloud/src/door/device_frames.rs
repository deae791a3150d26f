//! What a device may say.

use std::ops::ControlFlow;
use std::time::Instant;

use ems_protocol::{
    CloseCode, CommandAck, CommandStatus, DeviceEvent, DeviceId, Envelope, ErrorCode, ErrorMessage, Hello,
    SeqRanges, Telemetry, Timestamp, UwbDevice, UwbDeviceList, UwbLocation, Welcome, encode, kind, limits,
    parse,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tracing::{info, warn};

use super::device::{Connection, End};
use super::error_frame;
use crate::clock;
use crate::commands;
use crate::fleet::device::{Late, Refused};
use crate::metrics::{Door, Outcome};
use crate::rooms::Topic;
use crate::socket::{Incoming, Utf8Bytes};
use crate::store::facts::{self, Facts};
use crate::store::webhooks::deliveries::Told;
use crate::store::{Arrival, StoreError, Stored, commands as table, devices, events};
use crate::uwb;
use crate::webhooks;

const CONFLICT: (CloseCode, &str) =
    (CloseCode::Conflict, "another device uses this DEVICE_ID: give each its own id and token");

impl Connection {
    /// One text frame.
    pub(super) async fn frame(&mut self, text: &Utf8Bytes) -> ControlFlow<End> {
        // A bare object with a type is no telemetry, in plain mode either.
        if !self.typed && !has_type(text) {
            return self.telemetry(text, Some(text)).await;
        }
        let envelope = match Envelope::parse(text) {
            Ok(envelope) => envelope,
            Err(error) => return self.complain(error).await,
        };
        match envelope.kind.as_ref() {
            kind::TELEMETRY => self.telemetry(envelope.payload_text(), None).await,
            kind::BATCH => self.batch(envelope.payload_text()).await,
            kind::HELLO => match checked_hello(&envelope) {
                Ok(hello) => self.hello(hello).await,
                Err(error) => self.complain(error).await,
            },
            kind::EVENT => match checked_event(&envelope) {
                Ok(event) => self.event(event, envelope.payload_text()).await,
                Err(error) => self.complain(error).await,
            },
            kind::COMMAND_ACK => match checked_ack(&envelope, &self.device.id) {
                Ok(ack) => self.command_ack(&ack, envelope.payload_text()).await,
                Err(error) => self.complain(error).await,
            },
            kind::UWB_LOCATION => match envelope.payload() {
                Ok(location) => self.uwb(vec![location]).await,
                Err(error) => self.complain(error).await,
            },
            kind::UWB_DEVICES => match checked_tags(&envelope) {
                Ok(locations) => self.uwb(locations).await,
                Err(error) => self.complain(error).await,
            },
            // An answer to an error would be answered in turn.
            kind::ERROR => ControlFlow::Continue(()),
            unknown => {
                let name: String = unknown.chars().take(64).collect();
                let error = ErrorMessage::new(
                    ErrorCode::UnknownType,
                    format!("the device door does not know the type {name:?}"),
                );
                self.complain(error.with("type", name)).await
            }
        }
    }

    async fn hello(&mut self, hello: Hello) -> ControlFlow<End> {
        self.attach(Some(&hello.boot_id)).await?;
        self.device.owes(hello.backlog);
        info!(
            device_id = %self.device.id,
            session_id = self.link.session_id,
            firmware_version = hello.firmware_version,
            hardware_model = hello.hardware_model,
            sensor = hello.sensor,
            backlog = hello.backlog,
            "hello"
        );
        let welcome = Welcome {
            server_time: clock::now(),
            heartbeat_seconds: limits::HEARTBEAT_SECONDS,
            max_batch: limits::MAX_BATCH_SAMPLES,
            session_id: self.link.session_id.clone(),
            retry_window_s: self.app.retry.seconds(),
        };
        self.send(encode(kind::WELCOME, &welcome).into()).await?;
        self.note_facts(&hello).await;
        ControlFlow::Continue(())
    }

    /// Keeps what the device says of itself; that changes with its software only. What could not be stored is not known:
    /// the next hello brings it again.
    async fn note_facts(&mut self, hello: &Hello) {
        let (facts, now, key) = (Facts::of(hello), clock::now(), self.device.key);
        if self.device.has_said(&facts) {
            return;
        }
        let stored = self
            .app
            .store
            .write(move |db| {
                facts::set(db, key, &facts, now.millis())?;
                Ok(facts)
            })
            .await;
        match stored {
            Ok(facts) => self.device.said(facts, now),
            Err(error) => {
                warn!(device_id = %self.device.id, %error, "what the device says of itself could not be kept");
            }
        }
    }

    /// Handles the usual frame, a live sample on a connection that speaks for its device, without waiting for anything
    /// and so without the room that a future for all that may happen takes. False: nothing has been done yet.
    pub(super) fn take_at_once(&mut self, incoming: &Incoming) -> bool {
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
    async fn telemetry(&mut self, text: &str, frame: Option<&Utf8Bytes>) -> ControlFlow<End> {
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
    async fn batch(&mut self, text: &str) -> ControlFlow<End> {
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

    async fn event(&mut self, event: DeviceEvent, text: &str) -> ControlFlow<End> {
        self.attach(None).await?;
        let now = clock::now();
        let key = self.device.key;
        let pause = self.events.debit(1);
        self.device.heard(now);
        let id = self.device.id.clone();
        let stored = self
            .app
            .store
            .write(move |db| {
                let number = events::add(db, key, now.millis(), &event)?;
                let mut data = json!(event);
                if let Some(data) = data.as_object_mut() {
                    data.insert("id".to_owned(), number.into());
                    data.insert("device_id".to_owned(), id.as_str().into());
                }
                Told::load(db)?.enqueue(db, webhooks::DEVICE_EVENT, &id, &data, now.millis())?;
                Ok(number)
            })
            .await;
        // Users are told of it all the same when it could not be stored.
        let message = forwarded(&self.device.id, text, stored.as_ref().ok().copied(), now);
        self.device.forward(&message);
        self.app.hub.event(Topic::Events, Some(&self.device.id), &message);
        self.report(stored.is_err()).await?;
        tokio::time::sleep(pause).await;
        ControlFlow::Continue(())
    }

    /// What came of a command. What is no answer to one of ours is kept all the same.
    async fn command_ack(&mut self, ack: &CommandAck, text: &str) -> ControlFlow<End> {
        self.attach(None).await?;
        let now = clock::now();
        let (key, ack, text) = (self.device.key, ack.clone(), text.to_owned());
        self.device.heard(now);
        let stored = self
            .app
            .store
            .write(move |db| {
                let row = table::note_ack(db, key, now.millis(), &ack)?;
                match &row {
                    None => events::add_command_ack(db, key, now.millis(), &ack.command_id, &text)?,
                    // The device has not even looked at it.
                    Some(row) if row.action == "ROTATE_TOKEN" && row.status == CommandStatus::Rejected => {
                        devices::drop_next_token(db, key)?;
                    }
                    Some(_) => {}
                }
                Ok(row)
            })
            .await;
        let failed = stored.is_err();
        match stored {
            Ok(Some(row)) => commands::progressed(&self.app, &self.device, row),
            // Kept like an event.
            Ok(None) => tokio::time::sleep(self.events.debit(1)).await,
            Err(_) => {}
        }
        self.report(failed).await
    }

    /// Where UWB tags are.
    async fn uwb(&mut self, locations: Vec<UwbLocation>) -> ControlFlow<End> {
        self.attach(None).await?;
        self.device.heard(clock::now());
        let pause = self.samples.debit(locations.len());
        for error in uwb::report(&self.app, &self.device, locations).await {
            self.complain(error).await?;
        }
        tokio::time::sleep(pause).await;
        ControlFlow::Continue(())
    }

    async fn report(&mut self, failed: bool) -> ControlFlow<End> {
        if !failed {
            return ControlFlow::Continue(());
        }
        let words = "the server cannot store this message at the moment: send it again later";
        self.complain(ErrorMessage::new(ErrorCode::Unavailable, words)).await
    }

    /// From here on this connection speaks for the device.
    async fn attach(&mut self, boot_id: Option<&str>) -> ControlFlow<End> {
        match self.device.attach(&self.link, boot_id) {
            Ok(()) => {
                self.promote().await;
                ControlFlow::Continue(())
            }
            Err(Refused::Conflict) => ControlFlow::Break(Some(CONFLICT)),
            // The outbox knows why.
            Err(Refused::Closing) => self.flush().await,
        }
    }

    /// The device speaks with its next token: from now on that is the only one.
    async fn promote(&mut self) {
        if !self.device.is_next_token(&self.link.token) {
            return;
        }
        let (key, token) = (self.device.key, self.link.token);
        let promoted = self.app.store.write(move |db| devices::promote_token(db, key, &token)).await;
        match promoted {
            Ok(_) => {
                info!(device_id = %self.device.id, "the new token has connected: the old one is void");
                if let Err(error) = self.app.fleet.refresh().await {
                    warn!(%error, "the registry of devices could not be read");
                }
            }
            // Tried again with the next frame.
            Err(error) => {
                warn!(device_id = %self.device.id, %error, "the new token could not be made the only one");
            }
        }
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

/// Whether a frame has a `type` at its top. Most have not even the letters.
fn has_type(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "type", borrow)]
        kind: Option<&'a RawValue>,
    }
    text.contains("\"type\"")
        && serde_json::from_str::<Typed<'_>>(text).is_ok_and(|typed| typed.kind.is_some())
}

/// The event as users get it: with the device's name, as one socket may carry events of many, and with its number in
/// the history.
fn forwarded(device: &DeviceId, payload: &str, number: Option<i64>, received_at: Timestamp) -> Utf8Bytes {
    let mut event: Map<String, Value> = serde_json::from_str(payload).unwrap_or_default();
    event.remove("id");
    event.extend(number.map(|number| ("id".to_owned(), number.into())));
    event.insert("received_at".to_owned(), json!(received_at));
    event.insert("device_id".to_owned(), device.as_str().into());
    encode(kind::EVENT, &event).into()
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

fn checked_hello(envelope: &Envelope<'_>) -> Result<Hello, ErrorMessage> {
    let hello: Hello = envelope.payload()?;
    hello.check()?;
    Ok(hello)
}

fn checked_ack(envelope: &Envelope<'_>, device: &DeviceId) -> Result<CommandAck, ErrorMessage> {
    let ack: CommandAck = envelope.payload()?;
    ack.check(device)?;
    Ok(ack)
}

fn checked_event(envelope: &Envelope<'_>) -> Result<DeviceEvent, ErrorMessage> {
    let size = envelope.payload_text().len();
    if size > limits::MAX_EVENT_BYTES {
        let words = format!("an event has at most {} bytes, this one has {size}", limits::MAX_EVENT_BYTES);
        return Err(ErrorMessage::new(ErrorCode::TooLarge, words).with("limit", limits::MAX_EVENT_BYTES));
    }
    let event: DeviceEvent = envelope.payload()?;
    for (field, text) in [("code", &event.code), ("message", &event.message)] {
        if text.is_empty() || text.len() > limits::MAX_TEXT_BYTES {
            let words = format!("{field} has {} bytes, expected 1 to {}", text.len(), limits::MAX_TEXT_BYTES);
            return Err(ErrorMessage::new(ErrorCode::InvalidMessage, words).with("field", field));
        }
    }
    Ok(event)
}

fn checked_tags(envelope: &Envelope<'_>) -> Result<Vec<UwbLocation>, ErrorMessage> {
    let UwbDeviceList { devices } = envelope.payload()?;
    if devices.len() > limits::MAX_BATCH_SAMPLES {
        let words = format!("devices: at most {} tags in one message", limits::MAX_BATCH_SAMPLES);
        return Err(ErrorMessage::new(ErrorCode::TooLarge, words).with("limit", limits::MAX_BATCH_SAMPLES));
    }
    devices.into_iter().map(UwbDevice::into_location).collect()
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
