//! `send_command`: asks a device to do something. Its progress is told in the device's room.

use ems_protocol::{Envelope, ErrorCode, ErrorMessage, kind};
use serde::Deserialize;

use super::{Message, wrong};
use crate::auth::role::Role;
use crate::commands::{self, Refused, Request, View};
use crate::door::events::conversation::{Conversation, forbidden};

pub(super) const MESSAGE: Message = Message {
    kind: "send_command",
    needs: Role::Operator,
    summary: "Sends a command to a device; its progress is told to those in the device's room",
    payload: "CommandMessage",
    answers: &[kind::COMMAND_STATUS],
    handle: |conversation, envelope| Box::pin(handle(conversation, envelope)),
};

#[derive(Deserialize)]
struct Payload {
    device_id: String,
    #[serde(flatten)]
    request: Request,
}

async fn handle(conversation: &mut Conversation, envelope: &Envelope<'_>) -> Result<(), ErrorMessage> {
    let Payload { device_id, request } = envelope.payload()?;
    let device = conversation.device(&device_id).await?;
    let row = commands::ask(&conversation.app, &device, &conversation.user, request)
        .await
        .map_err(|refused| match refused {
            Refused::Field(field, words) => wrong(field, words),
            Refused::Role(words) => forbidden(words),
            Refused::Conflict(words) => ErrorMessage::new(ErrorCode::Conflict, words),
            Refused::Store(error) => ErrorMessage::new(ErrorCode::Unavailable, error.to_string()),
        })?;
    conversation.answer(kind::COMMAND_STATUS, &View::of(device.id.as_str(), row));
    Ok(())
}
