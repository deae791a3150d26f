//! What a device says beside samples: of itself, events, answers to commands, where tags are.

use std::ops::ControlFlow;

use ems_protocol::{
    CommandAck, CommandStatus, DeviceEvent, DeviceId, Envelope, ErrorCode, ErrorMessage, Hello, Timestamp,
    UwbDevice, UwbDeviceList, UwbLocation, Welcome, encode, kind, limits,
};
use serde_json::{Map, Value, json};
use tracing::{info, warn};

use super::super::device::Connection;
use super::super::line::End;
use crate::clock;
use crate::commands;
use crate::rooms::Topic;
use crate::socket::Utf8Bytes;
use crate::store::facts::{self, Facts};
use crate::store::webhooks::deliveries::Told;
use crate::store::{commands as table, devices, events};
use crate::uwb;
use crate::webhooks;

impl Connection {
    pub(super) async fn hello(&mut self, hello: Hello) -> ControlFlow<End> {
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

    pub(super) async fn event(&mut self, event: DeviceEvent, text: &str) -> ControlFlow<End> {
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
    pub(super) async fn command_ack(&mut self, ack: &CommandAck, text: &str) -> ControlFlow<End> {
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
    pub(super) async fn uwb(&mut self, locations: Vec<UwbLocation>) -> ControlFlow<End> {
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
}

pub(super) fn checked_hello(envelope: &Envelope<'_>) -> Result<Hello, ErrorMessage> {
    let hello: Hello = envelope.payload()?;
    hello.check()?;
    Ok(hello)
}

pub(super) fn checked_ack(envelope: &Envelope<'_>, device: &DeviceId) -> Result<CommandAck, ErrorMessage> {
    let ack: CommandAck = envelope.payload()?;
    ack.check(device)?;
    Ok(ack)
}

pub(super) fn checked_event(envelope: &Envelope<'_>) -> Result<DeviceEvent, ErrorMessage> {
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

pub(super) fn checked_tags(envelope: &Envelope<'_>) -> Result<Vec<UwbLocation>, ErrorMessage> {
    let UwbDeviceList { devices } = envelope.payload()?;
    if devices.len() > limits::MAX_BATCH_SAMPLES {
        let words = format!("devices: at most {} tags in one message", limits::MAX_BATCH_SAMPLES);
        return Err(ErrorMessage::new(ErrorCode::TooLarge, words).with("limit", limits::MAX_BATCH_SAMPLES));
    }
    devices.into_iter().map(UwbDevice::into_location).collect()
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
