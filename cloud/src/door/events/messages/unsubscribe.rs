//! `unsubscribe`: leaves a room, or several.

use ems_protocol::{Envelope, ErrorMessage};
use serde_json::json;

use super::Message;
use super::subscribe::Rooms;
use crate::auth::role::Role;
use crate::door::events::conversation::Conversation;

pub(super) const MESSAGE: Message = Message {
    kind: "unsubscribe",
    needs: Role::Viewer,
    summary: "Leaves a room, or several",
    payload: "Rooms",
    answers: &["unsubscribed"],
    handle: |conversation, envelope| Box::pin(async { handle(conversation, envelope) }),
};

fn handle(conversation: &mut Conversation, envelope: &Envelope<'_>) -> Result<(), ErrorMessage> {
    for name in Rooms::of(envelope)? {
        let room = conversation.leave(&name)?;
        conversation.answer("unsubscribed", &json!({ "room": room.to_string() }));
    }
    Ok(())
}
