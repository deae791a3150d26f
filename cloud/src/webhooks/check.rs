//! What a webhook may be, whoever makes it: the API and the command line ask here.

use std::collections::BTreeSet;

use super::EVENTS;
use super::target::Target;
use crate::store::webhooks::Webhook;

/// The longest name, in bytes.
const MAX_NAME: usize = 200;
/// Devices, or groups, that one names.
const MAX_NAMED: usize = 1000;

/// What is wrong with a webhook.
#[derive(Debug)]
pub struct Wrong {
    /// The field of it, by its name in the API.
    pub field: &'static str,
    /// What was expected. Without the address, which may hold a secret.
    pub words: String,
}

/// Where a webhook goes to, if all of it is sound. Whether that may be reached is for the server to say.
pub fn check(webhook: &Webhook) -> Result<Target, Wrong> {
    let wrong = |field, words: String| Err(Wrong { field, words });
    if webhook.name.trim().is_empty() || webhook.name.len() > MAX_NAME {
        return wrong("name", format!("expected 1 to {MAX_NAME} bytes"));
    }
    let target =
        Target::parse(&webhook.url).map_err(|words| Wrong { field: "url", words: words.to_owned() })?;
    let known = EVENTS.join(", ");
    if webhook.events.is_empty() || !webhook.events.iter().all(|event| EVENTS.contains(&event.as_str())) {
        return wrong("events", format!("expected some of {known}"));
    }
    let too_many = |count: Option<usize>| count.is_some_and(|count| !(1..=MAX_NAMED).contains(&count));
    if too_many(webhook.device_ids.as_ref().map(BTreeSet::len)) {
        return wrong("device_ids", format!("expected 1 to {MAX_NAMED} devices, or null for all"));
    }
    if too_many(webhook.groups.as_ref().map(BTreeSet::len)) {
        return wrong("groups", format!("expected 1 to {MAX_NAMED} groups, or null for all devices"));
    }
    Ok(target)
}
