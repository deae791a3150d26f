//! Webhooks: what happens is told to other servers, signed, and again for a day until it is taken.
//!
//! The table is the queue (`store/webhooks/deliveries.rs`), so a restart loses nothing; what was under way is sent
//! again, after a pause, with the same `webhook-id`. One delivery of a webhook is under way at a time: a receiver that hangs holds up
//! nobody else.

pub mod check;
mod client;
pub mod reach;
mod signature;
pub mod target;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::task::{self, JoinSet};
use tracing::{info, warn};

use crate::app::App;
use crate::clock;
use crate::store::StoreError;
use crate::store::webhooks::deliveries::{self, Attempt, CHUNK, Due};
use crate::store::webhooks::disable;
pub use client::Client;
pub use signature::{SECRET_PREFIX, text_of};

/// What a webhook may be told.
pub const EVENTS: &[&str] = &[ALARM_RAISED, ALARM_CLEARED, ALARM_ACKNOWLEDGED, DEVICE_EVENT];
/// An alarm was raised.
pub const ALARM_RAISED: &str = "alarm.raised";
/// Its cause is gone.
pub const ALARM_CLEARED: &str = "alarm.cleared";
/// A person has seen it.
pub const ALARM_ACKNOWLEDGED: &str = "alarm.acknowledged";
/// A device has reported something.
pub const DEVICE_EVENT: &str = "device.event";
/// Asked for by an admin.
pub const TEST: &str = "webhook.test";

/// How often it is looked for what is due.
const WATCH: Duration = Duration::from_millis(500);
/// How often it is looked for what is given up.
const EXPIRE: Duration = Duration::from_mins(1);
/// Deliveries that have ended are remembered for so long, and no more than a bounded number.
const REMEMBERED_MS: i64 = 30 * 24 * 3600 * 1000;
/// What could not be delivered for so long is given up.
const LIFE_MS: i64 = 24 * 3600 * 1000;
/// The pause after the first attempt; each further one is three times as long.
const FIRST_RETRY_MS: f64 = 5_000.0;
const LONGEST_RETRY_MS: i64 = 4 * 3600 * 1000;
/// "Gone": the receiver does not want to be told any more.
const GONE: u16 = 410;

/// Sends what is due for as long as the server runs.
pub async fn keep_sending(app: Arc<App>, client: Arc<Client>) {
    let mut tick = tokio::time::interval(WATCH);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut expired = None;
    let mut senders = Senders::default();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            Some(()) = senders.ended() => continue,
        }
        match look(&app, &mut expired).await {
            Ok(due) => {
                for webhook in due {
                    senders.start(webhook, || send_all(app.clone(), client.clone(), webhook));
                }
            }
            Err(error) => {
                warn!(%error, "the webhooks could not be looked after");
                // Once in a while is enough to say so.
                tokio::time::sleep(WATCH * 20).await;
            }
        }
    }
}

/// What sends: at most one task for each webhook, of which there is a bounded number.
#[derive(Default)]
struct Senders {
    tasks: JoinSet<()>,
    busy: HashMap<task::Id, i64>,
}

impl Senders {
    fn start<F: Future<Output = ()> + Send + 'static>(&mut self, webhook: i64, sender: impl FnOnce() -> F) {
        if !self.busy.values().any(|busy| *busy == webhook) {
            let task = self.tasks.spawn(sender());
            self.busy.insert(task.id(), webhook);
        }
    }

    /// Waits until one has ended, or panicked, which the panic hook has reported; None when there is none.
    async fn ended(&mut self) -> Option<()> {
        let id = match self.tasks.join_next_with_id().await? {
            Ok((id, ())) => id,
            Err(error) => error.id(),
        };
        self.busy.remove(&id);
        Some(())
    }
}

async fn look(app: &App, expired: &mut Option<Instant>) -> Result<Vec<i64>, StoreError> {
    let now = clock::now().millis();
    if expired.is_none_or(|last| last.elapsed() >= EXPIRE) {
        // Once in a while, also when it fails: what is due must not wait for it.
        *expired = Some(Instant::now());
        if let Err(error) = clear_out(app, now).await {
            warn!(%error, "old deliveries to webhooks could not be given up");
        }
    }
    app.store.read(move |db| deliveries::due(db, now)).await
}

/// Gives up what nobody takes and forgets what ended long ago, a little in each transaction.
async fn clear_out(app: &App, now: i64) -> Result<(), StoreError> {
    let mut count = 0;
    loop {
        let expired = app.store.write(move |db| deliveries::expire(db, now - LIFE_MS)).await?;
        count += expired;
        if expired < CHUNK {
            break;
        }
    }
    if count > 0 {
        warn!(count, "deliveries to webhooks are given up: they were not taken for a day");
    }
    while app.store.write(move |db| deliveries::forget(db, now - REMEMBERED_MS)).await? >= CHUNK {}
    Ok(())
}

/// Sends what is due to one webhook, one after the other.
async fn send_all(app: Arc<App>, client: Arc<Client>, webhook: i64) {
    loop {
        let now = clock::now().millis();
        // Nothing is sent that is not noted first: while the store cannot write, a receiver would be sent the same
        // again and again.
        let begun = app.store.write(move |db| {
            let Some(due) = deliveries::next(db, webhook, now)? else { return Ok(None) };
            let again = retry_at(&due, now).unwrap_or(now + LONGEST_RETRY_MS);
            deliveries::begin(db, due.id, now, again)?;
            Ok(Some(due))
        });
        let Ok(Some(due)) = begun.await else { return };
        let attempt = send(&client, &due).await;
        let error = attempt.error.as_deref();
        info!(
            webhook,
            delivery = due.id,
            attempt = due.attempts + 1,
            status = attempt.status,
            error,
            "webhook"
        );
        if app.store.write(move |db| note(db, webhook, &due, attempt)).await.is_err() {
            // Sent again when the pause is over, then: the receiver knows it by its id.
            return;
        }
    }
}

fn note(db: &Connection, webhook: i64, due: &Due, mut attempt: Attempt) -> rusqlite::Result<()> {
    if attempt.status == Some(GONE) && !disable(db, webhook, &due.url)? {
        // The address has been changed meanwhile: the new one has not said so.
        attempt.next_at = retry_at(due, clock::now().millis());
        attempt.error = Some("answered 410 at an address that it has no more".to_owned());
    }
    deliveries::note(db, webhook, due.id, &attempt)
}

async fn send(client: &Client, due: &Due) -> Attempt {
    let (began, now) = (Instant::now(), clock::now().millis());
    let signature = signature::sign(due.secret, &due.message_id, now / 1000, &due.body);
    let headers = [
        ("webhook-id", due.message_id.clone()),
        ("webhook-timestamp", (now / 1000).to_string()),
        ("webhook-signature", signature),
    ];
    let answer = client.post(&due.url, headers, due.body.clone()).await;
    let duration_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    let (status, error) = match answer {
        Ok(status) if (200..300).contains(&status) => (Some(status), None),
        Ok(status) if (300..400).contains(&status) => (
            Some(status),
            Some(format!("answered {status}: redirects are not followed, give the final address")),
        ),
        Ok(GONE) => (Some(GONE), Some("answered 410: the webhook is disabled".to_owned())),
        Ok(status) => (Some(status), Some(format!("answered {status}"))),
        Err(error) => (None, Some(error.to_string())),
    };
    let next_at = if status == Some(GONE) { None } else { retry_at(due, clock::now().millis()) };
    Attempt { at: now, duration_ms, status, error, next_at }
}

/// When to try again; never after a day.
fn retry_at(due: &Due, now: i64) -> Option<i64> {
    let mut random = [0; 2];
    // Only spreads retries: should the kernel have no random bits, they are not spread.
    let _ = getrandom::fill(&mut random);
    let jitter = 0.8 + 0.4 * f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX);
    let attempts = i32::try_from(due.attempts.min(20)).unwrap_or(20);
    let pause = (FIRST_RETRY_MS * 3_f64.powi(attempts)).min(LONGEST_RETRY_MS as f64) * jitter;
    #[expect(clippy::cast_possible_truncation, reason = "at most some hours in ms")]
    let next = now + pause as i64;
    (next < due.created_at + LIFE_MS).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::webhooks::Secret;

    #[test]
    fn retries_come_with_growing_pauses_until_a_day_is_over() {
        let mut due = Due {
            id: 1,
            message_id: String::new(),
            body: String::new(),
            created_at: 0,
            attempts: 0,
            url: String::new(),
            secret: Secret([0; 32]),
        };
        let (mut now, mut last) = (0, 0);
        while let Some(next) = retry_at(&due, now) {
            assert!(next - now > last / 2, "attempt {}: {} ms after {last} ms", due.attempts, next - now);
            (last, now) = (next - now, next);
            due.attempts += 1;
        }
        assert!((8..=20).contains(&due.attempts), "{} attempts", due.attempts);
        assert!(now > LIFE_MS / 2 && now < LIFE_MS, "the last one after {now} ms");
    }

    #[tokio::test]
    async fn a_webhook_is_sent_to_by_one_task_at_a_time_and_again_after_a_panic() {
        let mut senders = Senders::default();
        senders.start(1, || async { panic!("as a sender may") });
        senders.start(1, || async { unreachable!("it is busy") });
        assert_eq!((senders.tasks.len(), senders.ended().await), (1, Some(())));
        let (told, heard) = tokio::sync::oneshot::channel();
        senders.start(1, || async { told.send(()).unwrap() });
        heard.await.unwrap();
        assert_eq!((senders.ended().await, senders.ended().await), (Some(()), None));
    }
}
