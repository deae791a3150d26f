//! `subscribe`: joins a room, or several.

use ems_protocol::{Envelope, ErrorMessage};
use serde::Deserialize;
use serde_json::json;

use super::{Message, wrong};
use crate::auth::role::Role;
use crate::door::events::conversation::{Conversation, MAX_ROOMS};

pub(super) const MESSAGE: Message = Message {
    kind: "subscribe",
    needs: Role::Viewer,
    summary: "Joins a room, or several; of a device, its presence and its latest sample follow at once",
    payload: "Rooms",
    answers: &["subscribed"],
    handle: |conversation, envelope| Box::pin(handle(conversation, envelope)),
};

/// One room or several.
#[derive(Deserialize)]
pub(super) struct Rooms {
    room: Option<String>,
    rooms: Option<Vec<String>>,
}

impl Rooms {
    pub(super) fn of(envelope: &Envelope<'_>) -> Result<Vec<String>, ErrorMessage> {
        let Self { room, rooms } = envelope.payload()?;
        let mut all = rooms.unwrap_or_default();
        all.extend(room);
        if !(1..=MAX_ROOMS).contains(&all.len()) {
            return Err(wrong("room", format!("room: expected a room, or 1 to {MAX_ROOMS} rooms as rooms")));
        }
        Ok(all)
    }
}

async fn handle(conversation: &mut Conversation, envelope: &Envelope<'_>) -> Result<(), ErrorMessage> {
    let mut refused = None;
    for name in Rooms::of(envelope)? {
        match conversation.join(&name).await {
            Ok(room) => conversation.answer("subscribed", &json!({ "room": room.to_string() })),
            // The others are joined all the same; the first refusal is told.
            Err(error) => refused = refused.or(Some(error.with("room", name))),
        }
    }
    refused.map_or(Ok(()), Err)
}
