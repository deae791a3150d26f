//! `auth` from somebody who is known already: a program that has refreshed its token may say so again.

use ems_protocol::{Envelope, ErrorCode, ErrorMessage};
use serde::Deserialize;
use serde_json::json;

use super::Message;
use crate::auth::role::Role;
use crate::door::events::conversation::Conversation;

pub(super) const MESSAGE: Message = Message {
    kind: "auth",
    needs: Role::Viewer,
    summary: "Shows an access token: within 5 s, if the handshake did not",
    payload: "Auth",
    answers: &["system.connection", "system.authenticated"],
    handle: |conversation, envelope| Box::pin(handle(conversation, envelope)),
};

/// Without `Debug`: it holds a secret.
#[derive(Deserialize)]
struct Auth {
    token: String,
}

async fn handle(conversation: &mut Conversation, envelope: &Envelope<'_>) -> Result<(), ErrorMessage> {
    let auth: Auth = envelope.payload()?;
    let found = conversation.app.sessions.authenticate(&auth.token).await.map_err(|_| {
        ErrorMessage::new(ErrorCode::Unavailable, "the server's database cannot be used at the moment")
    })?;
    let same = found.is_some_and(|user| user.session == conversation.user.session);
    if !same {
        let words = "token: not a valid token of the session that this connection belongs to";
        return Err(ErrorMessage::new(ErrorCode::Unauthenticated, words));
    }
    let answer = json!({ "username": conversation.user.username, "role": conversation.user.role });
    conversation.answer("system.authenticated", &answer);
    Ok(())
}
