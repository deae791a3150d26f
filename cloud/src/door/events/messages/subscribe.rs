//! `subscribe`: joins a room, or several.

use ems_protocol::{Envelope, ErrorMessage, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::{Message, wrong};
use crate::auth::role::Role;
use crate::door::events::conversation::{Conversation, MAX_ROOMS};
use crate::door::events::recent::MAX_RECENT_S;

pub(super) const MESSAGE: Message = Message {
    kind: "subscribe",
    needs: Role::Viewer,
    summary: "Joins a room, or several; of a device, its presence, its latest sample and, if asked for, its last minutes \
        or what came since then follow at once",
    payload: "Subscription",
    answers: &["subscribed", "telemetry.recent", "fleet.snapshot"],
    handle: |conversation, envelope| Box::pin(handle(conversation, envelope)),
};

/// One room or several.
#[derive(Deserialize)]
pub(super) struct Rooms {
    room: Option<String>,
    rooms: Option<Vec<String>>,
}

/// What a page that has just opened, or that was away, wants of the devices in those rooms.
#[derive(Deserialize)]
struct Past {
    /// The last seconds.
    recent_s: Option<f64>,
    /// What came after this.
    since: Option<Timestamp>,
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

impl Past {
    fn of(envelope: &Envelope<'_>) -> Result<Option<Self>, ErrorMessage> {
        let past: Self = envelope.payload()?;
        if past.recent_s.is_some_and(|seconds| !(1.0..=MAX_RECENT_S).contains(&seconds)) {
            return Err(wrong("recent_s", format!("recent_s: expected 1 to {MAX_RECENT_S} seconds")));
        }
        Ok(Some(past).filter(|past| past.recent_s.is_some() || past.since.is_some()))
    }
}

async fn handle(conversation: &mut Conversation, envelope: &Envelope<'_>) -> Result<(), ErrorMessage> {
    let (names, past) = (Rooms::of(envelope)?, Past::of(envelope)?);
    conversation.meet(&names).await;
    let mut refused = None;
    let mut devices = Vec::new();
    for name in names {
        match conversation.join(&name).await {
            Ok(room) => {
                conversation.answer("subscribed", &json!({ "room": room.to_string() }));
                devices.extend(conversation.device_in(&room));
            }
            // The others are joined all the same; the first refusal is told.
            Err(error) => refused = refused.or(Some(error.with("room", name))),
        }
    }
    if let Some(Past { recent_s, since }) = past {
        conversation.recents.want(devices, recent_s, since);
    }
    refused.map_or(Ok(()), Err)
}
