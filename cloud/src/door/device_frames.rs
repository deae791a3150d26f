//! What a device may say.

mod messages;
mod samples;

use std::ops::ControlFlow;

use ems_protocol::{CloseCode, Envelope, ErrorCode, ErrorMessage, kind};
use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::{info, warn};

use super::device::Connection;
use super::line::End;
use crate::fleet::device::Refused;
use crate::socket::Utf8Bytes;
use crate::store::devices;
use messages::{checked_ack, checked_event, checked_hello, checked_tags};

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
