//! `get_active_devices`: all UWB tags.

use ems_protocol::kind;

use super::Message;
use crate::auth::role::Role;
use crate::door::events::conversation::Conversation;

pub(super) const MESSAGE: Message = Message {
    kind: "get_active_devices",
    needs: Role::Viewer,
    summary: "Asks for all UWB tags and where each was last",
    payload: "Empty",
    answers: &[kind::UWB_DEVICES],
    handle: |conversation, _| {
        Box::pin(async {
            handle(conversation);
            Ok(())
        })
    },
};

fn handle(conversation: &mut Conversation) {
    let list = conversation.app.uwb.list(&conversation.app, &conversation.user);
    conversation.answer(kind::UWB_DEVICES, &list);
}
