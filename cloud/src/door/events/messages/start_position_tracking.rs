//! `start_position_tracking`: positions of some UWB tags from now on.

use std::time::Duration;

use ems_protocol::{Envelope, ErrorCode, ErrorMessage, kind};
use serde::Deserialize;
use serde_json::json;

use super::get_device_location::find;
use super::{Message, wrong};
use crate::auth::role::Role;
use crate::door::events::conversation::Conversation;
use crate::door::events::tracking::MAX_TRACKED;

pub(super) const MESSAGE: Message = Message {
    kind: "start_position_tracking",
    needs: Role::Viewer,
    summary: "Follows UWB tags: each one's position at most once in update_interval, if it moved by minimum_movement",
    payload: "TrackingRequest",
    answers: &["uwb.tracking", kind::UWB_LOCATION],
    handle: |conversation, envelope| Box::pin(async { handle(conversation, envelope) }),
};

#[derive(Deserialize)]
struct Payload {
    device_ids: Vec<String>,
    /// In s.
    #[serde(default = "a_second")]
    update_interval: f64,
    /// In m.
    #[serde(default)]
    minimum_movement: f64,
}

const fn a_second() -> f64 {
    1.0
}

fn handle(conversation: &mut Conversation, envelope: &Envelope<'_>) -> Result<(), ErrorMessage> {
    let Payload { device_ids, update_interval, minimum_movement } = envelope.payload()?;
    if !(0.05..=3600.0).contains(&update_interval) {
        return Err(wrong("update_interval", format!("update_interval is {update_interval}, expected 0.05 to 3600 s")));
    }
    if !(0.0..=1e6).contains(&minimum_movement) {
        return Err(wrong("minimum_movement", format!("minimum_movement is {minimum_movement}, expected 0 to 1000000 m")));
    }
    if !(1..=MAX_TRACKED).contains(&device_ids.len()) {
        return Err(wrong("device_ids", format!("device_ids: expected 1 to {MAX_TRACKED} UWB tags")));
    }
    for id in &device_ids {
        find(conversation, id)?;
    }
    let interval = Duration::from_secs_f64(update_interval);
    for id in &device_ids {
        if !conversation.tracking.start(id, interval, minimum_movement) {
            let words = format!("at most {MAX_TRACKED} UWB tags are tracked at once");
            return Err(ErrorMessage::new(ErrorCode::TooMany, words).with("limit", MAX_TRACKED));
        }
    }
    let tracked = json!({ "device_ids": conversation.tracking.tags(), "update_interval": update_interval,
        "minimum_movement": minimum_movement });
    conversation.answer("uwb.tracking", &tracked);
    Ok(())
}
