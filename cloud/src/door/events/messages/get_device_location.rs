//! `get_device_location`: where one UWB tag is.

use ems_protocol::{Envelope, ErrorCode, ErrorMessage, kind};
use serde::Deserialize;

use super::Message;
use crate::auth::role::Role;
use crate::door::events::conversation::Conversation;
use crate::uwb::Tag;

pub(super) const MESSAGE: Message = Message {
    kind: "get_device_location",
    needs: Role::Viewer,
    summary: "Asks where a UWB tag was last",
    payload: "TagName",
    answers: &[kind::UWB_LOCATION],
    handle: |conversation, envelope| Box::pin(async { handle(conversation, envelope) }),
};

#[derive(Deserialize)]
struct Payload {
    device_id: String,
}

fn handle(conversation: &mut Conversation, envelope: &Envelope<'_>) -> Result<(), ErrorMessage> {
    let Payload { device_id } = envelope.payload()?;
    let tag = find(conversation, &device_id)?;
    conversation.answer(kind::UWB_LOCATION, &tag.last);
    Ok(())
}

/// The tag of that name.
pub(super) fn find(conversation: &Conversation, id: &str) -> Result<Tag, ErrorMessage> {
    let found = conversation.app.uwb.find(&conversation.app, &conversation.user, id);
    found.ok_or_else(|| {
        let name: String = id.chars().take(64).collect();
        ErrorMessage::new(ErrorCode::NotFound, format!("device_id: no UWB tag {name:?} was heard of"))
            .with("device_id", name)
    })
}
