//! `get_location_history`: where one UWB tag was.

use ems_protocol::{Envelope, ErrorCode, ErrorMessage, Timestamp, kind};
use serde::Deserialize;
use serde_json::json;

use super::get_device_location::find;
use super::{Message, wrong};
use crate::auth::role::Role;
use crate::door::events::conversation::Conversation;
use crate::store::uwb;
use crate::uwb::visible;

pub(super) const MESSAGE: Message = Message {
    kind: "get_location_history",
    needs: Role::Viewer,
    summary: "Asks for the newest positions of a UWB tag between two times, oldest first",
    payload: "LocationHistoryRequest",
    answers: &[kind::UWB_HISTORY],
    handle: |conversation, envelope| Box::pin(handle(conversation, envelope)),
};

const DEFAULT_LIMIT: usize = 100;
/// Of the most positions the message is about 200 KiB.
const MAX_LIMIT: usize = 2_000;

#[derive(Deserialize)]
struct Payload {
    device_id: String,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    limit: Option<usize>,
}

async fn handle(conversation: &mut Conversation, envelope: &Envelope<'_>) -> Result<(), ErrorMessage> {
    let Payload { device_id, start_time, end_time, limit } = envelope.payload()?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(wrong("limit", format!("limit: expected 1 to {MAX_LIMIT}")));
    }
    let (from, to) =
        (start_time.map_or(i64::MIN, Timestamp::millis), end_time.map_or(i64::MAX, Timestamp::millis));
    if from > to {
        return Err(wrong("start_time", "start_time is after end_time"));
    }
    find(conversation, &device_id)?;
    let (id, devices) = (device_id.clone(), visible(&conversation.app, &conversation.user).await);
    let (locations, truncated) = conversation
        .app
        .store
        .read(move |db| uwb::history(db, &id, devices.as_deref(), (from, to), limit))
        .await
        .map_err(|_| ErrorMessage::new(ErrorCode::Unavailable, "the history cannot be read at the moment"))?;
    let answer = json!({ "device_id": device_id, "locations": locations, "truncated": truncated });
    conversation.answer(kind::UWB_HISTORY, &answer);
    Ok(())
}
