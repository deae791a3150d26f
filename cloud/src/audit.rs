//! Writes down who did what, and who was not let do it.

use ems_protocol::{Timestamp, encode};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::app::App;
use crate::auth::sessions::User;
use crate::budget::Budget;
use crate::clock;
use crate::rooms::Topic;
use crate::store::audit;
use crate::sync::Locked;

/// Refusals that are still to be written down: the audit only grows, and must not be filled by one hostile user.
pub struct Refusals(std::sync::Mutex<Budget>);

impl Default for Refusals {
    fn default() -> Self {
        Self(std::sync::Mutex::new(Budget::new(1_000.0, 2.0)))
    }
}

/// Somebody did something.
pub async fn note(app: &App, user: &User, action: &'static str, subject: &str, details: Value) {
    let (who, subject, now) = (user.username.clone(), short(subject), clock::now().millis());
    if app.hub.has_members(Topic::Audit) {
        let at = Timestamp::from_millis(now);
        let entry = json!({ "at": at, "who": who, "action": action, "subject": subject, "details": details });
        app.hub.event(Topic::Audit, None, &encode("audit", &entry).into());
    }
    let noted = app.store.write(move |db| audit::add(db, now, &who, action, &subject, &details)).await;
    if let Err(error) = noted {
        warn!(%error, action, "an act could not be written down");
    }
}

/// A user was not let do something: `subject` is the path, or the door and the message.
pub async fn refused(app: &App, user: &User, subject: &str, words: &str) {
    info!(user = user.username, subject = short(subject), "refused: {words}");
    app.metrics.denied();
    if app.refusals.0.locked().spend() {
        note(app, user, "refused", subject, json!({ "role": user.role, "reason": words })).await;
    }
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}
