//! Writes down who did what, and who was not let do it.

use std::collections::HashMap;
use std::sync::Mutex;

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

/// Refusals of one user that are written down at once, and each second.
const AT_ONCE: f64 = 200.0;
const PER_SECOND: f64 = 0.5;
/// Users that are remembered; those that may write most are forgotten first.
const REMEMBERED: usize = 1_000;

/// Refusals that are still to be written down, by user: the audit only grows, and a hostile user must neither fill it
/// nor keep the refusals of others out of it.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<String, Budget>>);

impl Refusals {
    fn spend(&self, username: &str) -> bool {
        let mut budgets = self.0.locked();
        if budgets.len() >= REMEMBERED && !budgets.contains_key(username) {
            let most = budgets.iter().max_by(|(_, a), (_, b)| a.left().total_cmp(&b.left()));
            if let Some(most) = most.map(|(name, _)| name.clone()) {
                budgets.remove(&most);
            }
        }
        budgets.entry(username.to_owned()).or_insert_with(|| Budget::new(AT_ONCE, PER_SECOND)).spend()
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
    if app.refusals.spend(&user.username) {
        note(app, user, "refused", subject, json!({ "role": user.role, "reason": words })).await;
    }
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_whose_refusals_are_written_down_no_more_keeps_no_others_out() {
        let refusals = Refusals::default();
        let written = (0..1_000).filter(|_| refusals.spend("mallory")).count();
        assert!((200..=210).contains(&written), "{written}");
        assert!(refusals.spend("ada"));
        for n in 0..5_000 {
            refusals.spend(&format!("user-{n}"));
        }
        assert!(refusals.0.locked().len() <= REMEMBERED);
        let more = (0..1_000).filter(|_| refusals.spend("mallory")).count();
        assert!(more < 100, "{more}: forgotten before those who did little");
    }
}
