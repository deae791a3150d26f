//! `ping`: is anybody there?

use ems_protocol::{Envelope, ErrorMessage};
use serde_json::{Map, Value};

use super::Message;
use crate::auth::role::Role;
use crate::clock;
use crate::door::events::conversation::Conversation;

pub(super) const MESSAGE: Message = Message {
    kind: "ping",
    needs: Role::Viewer,
    summary: "Is answered at once, with its own payload and the server's time",
    payload: "Ping",
    answers: &["pong"],
    handle: |conversation, envelope| Box::pin(async { handle(conversation, envelope) }),
};

/// A payload is sent back up to this size, in bytes.
const MAX_ECHO: usize = 1024;

fn handle(conversation: &mut Conversation, envelope: &Envelope<'_>) -> Result<(), ErrorMessage> {
    let mut echo: Map<String, Value> =
        if envelope.payload_text().len() <= MAX_ECHO { envelope.payload()? } else { Map::new() };
    echo.insert("server_time".into(), clock::now().to_string().into());
    conversation.answer("pong", &echo);
    Ok(())
}
