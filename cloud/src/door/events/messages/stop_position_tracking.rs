//! `stop_position_tracking`: of some UWB tags, or of all.

use ems_protocol::{Envelope, ErrorMessage};
use serde::Deserialize;
use serde_json::json;

use super::Message;
use crate::auth::role::Role;
use crate::door::events::conversation::Conversation;

pub(super) const MESSAGE: Message = Message {
    kind: "stop_position_tracking",
    needs: Role::Viewer,
    summary: "Follows these UWB tags no longer, or none without device_ids",
    payload: "TagNames",
    answers: &["uwb.tracking"],
    handle: |conversation, envelope| Box::pin(async { handle(conversation, envelope) }),
};

#[derive(Deserialize)]
struct Payload {
    device_ids: Option<Vec<String>>,
}

fn handle(conversation: &mut Conversation, envelope: &Envelope<'_>) -> Result<(), ErrorMessage> {
    let Payload { device_ids } = envelope.payload()?;
    match device_ids {
        Some(ids) => ids.iter().for_each(|id| conversation.tracking.stop(id)),
        None => conversation.tracking.stop_all(),
    }
    let left = json!({ "device_ids": conversation.tracking.tags() });
    conversation.answer("uwb.tracking", &left);
    Ok(())
}
