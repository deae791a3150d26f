//! The table of what users may say at the event door. A new type is a file here, with its `MESSAGE`, and a line below.

use std::pin::Pin;

use ems_protocol::{Envelope, ErrorMessage};

use super::conversation::Conversation;
use crate::auth::role::Role;

/// A type of message: who may send it, and what is done with it.
pub struct Message {
    /// The `type`.
    pub kind: &'static str,
    /// The least role that may send it.
    pub needs: Role,
    /// What it does, for the AsyncAPI document.
    pub summary: &'static str,
    /// The schema of its payload, by its name in that document.
    pub payload: &'static str,
    /// The `type`s that may answer it.
    pub answers: &'static [&'static str],
    /// Does it.
    pub handle: Handler,
}

/// What handles a message; an error is sent to the user.
pub type Handler = for<'a> fn(&'a mut Conversation, &'a Envelope<'a>) -> Handling<'a>;
type Handling<'a> = Pin<Box<dyn Future<Output = Result<(), ErrorMessage>> + Send + 'a>>;

macro_rules! messages {
    ($($name:ident,)*) => {
        $(mod $name;)*

        /// All of them.
        pub const MESSAGES: &[Message] = &[$($name::MESSAGE,)*];
    };
}

messages! {
    auth,
    get_active_devices,
    get_device_location,
    get_location_history,
    ping,
    send_command,
    start_position_tracking,
    stop_position_tracking,
    subscribe,
    unsubscribe,
}

/// The entry for a `type`.
pub(super) fn find(kind: &str) -> Option<&'static Message> {
    MESSAGES.iter().find(|message| message.kind == kind)
}

/// A field is wrong.
fn wrong(field: &str, words: impl Into<String>) -> ErrorMessage {
    ErrorMessage::new(ems_protocol::ErrorCode::InvalidMessage, words).with("field", field)
}
