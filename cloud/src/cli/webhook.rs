//! `ems-cloud webhook …`: whom to tell over HTTP, also while the server runs on the same file.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use ems_protocol::DeviceId;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde_json::json;

use super::secret::read_password;
use super::{Failure, open_database, say};
use crate::clock;
use crate::data_dir::DataDir;
use crate::store::audit;
use crate::store::webhooks::deliveries::{self, Delivery};
use crate::store::webhooks::{self as table, MAX_WEBHOOKS, Secret, Webhook};
use crate::webhooks::check::{Wrong, check};
use crate::webhooks::reach::Reach;
use crate::webhooks::{EVENTS, TEST, text_of};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add a webhook and print the secret that signs its messages, once
    Add(New),
    /// List the webhooks
    List,
    /// Remove a webhook and what waits for it
    Remove {
        /// The webhook's number
        id: i64,
    },
    /// Tell a webhook nothing until it is enabled again
    Disable {
        /// The webhook's number
        id: i64,
    },
    /// Tell a disabled webhook again
    Enable {
        /// The webhook's number
        id: i64,
    },
    /// Send a webhook a message that says that it is a test, and wait for what comes of it; while the server runs
    Test {
        /// The webhook's number
        id: i64,
        /// Do not wait
        #[arg(long)]
        no_wait: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// A name for people
    name: String,
    /// Where to, for example `https://example.org/hook`; '-' reads it from standard input, for one that holds a secret
    url: String,
    /// What it is told; may be repeated. Without it everything
    #[arg(long = "event", value_name = "EVENT", value_parser = EVENTS.to_vec())]
    events: Vec<String>,
    /// A device that it is told about; may be repeated. Without it and without --group all
    #[arg(long = "device", value_name = "ID")]
    devices: Vec<DeviceId>,
    /// A group of devices that it is told about; may be repeated
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
}

/// Who did it, in the audit and in what is sent.
const WHO: &str = "command line";
/// Resolving, connecting and waiting for an answer take 10 s at most; on top the server may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

impl Command {
    pub(super) fn run(self, data: &DataDir) -> Result<(), Failure> {
        let path = data.database();
        let db = open_database(data)?;
        let sql = |error: rusqlite::Error| failure(&path, &error);
        match self {
            Self::Add(new) => new.add(&db, &path),
            Self::List => table::list(&db).map_err(sql)?.iter().map(line).try_for_each(say),
            Self::Remove { id } => remove(&db, id).map_err(sql)?,
            Self::Disable { id } => set_enabled(&db, id, false).map_err(sql)?,
            Self::Enable { id } => set_enabled(&db, id, true).map_err(sql)?,
            Self::Test { id, no_wait } => {
                let queued = test(&db, id).map_err(sql)??;
                if no_wait { show(&queued) } else { wait(&db, queued.id).map_err(sql)? }
            }
        }
    }
}

impl New {
    fn add(self, db: &Connection, path: &Path) -> Result<(), Failure> {
        let sql = |error: rusqlite::Error| failure(path, &error);
        let mut webhook = self.webhook()?;
        let target = check(&webhook).map_err(|wrong| in_words(&wrong))?;
        let secret = Secret::generate().map_err(Failure::other)?;
        let transaction = begin(db).map_err(sql)?;
        let full = || Failure::usage(format!("there are at most {MAX_WEBHOOKS} webhooks: remove one"));
        webhook.id = table::add(&transaction, &webhook, secret).map_err(sql)?.ok_or_else(full)?;
        let details = json!({ "webhook": webhook.id, "events": webhook.events });
        note(&transaction, "webhook added", &webhook, &details).map_err(sql)?;
        transaction.commit().map_err(sql)?;
        say(format_args!("webhook      {}", webhook.id))?;
        say(format_args!("secret       {} (shown only now)", text_of(secret)))?;
        // What the server is allowed to reach is among its own settings.
        match target.address().filter(|address| !Reach::default().allows(*address)) {
            Some(address) => say(format_args!(
                "note         {address} is not of the public internet: the server reaches it with --webhook-allow only"
            )),
            None => Ok(()),
        }
    }

    fn webhook(self) -> Result<Webhook, Failure> {
        let url = match self.url.as_str() {
            "-" => read_password("URL", Path::new("-"))?.trim().to_owned(),
            _ => self.url,
        };
        let some = |none: bool| (!none).then_some(());
        let all = || EVENTS.iter().map(|event| (*event).to_owned()).collect();
        Ok(Webhook {
            id: 0,
            name: self.name,
            url,
            events: if self.events.is_empty() { all() } else { self.events.into_iter().collect() },
            device_ids: some(self.devices.is_empty()).map(|()| self.devices.into_iter().collect()),
            groups: some(self.groups.is_empty()).map(|()| self.groups.into_iter().collect()),
            enabled: true,
            created_at: clock::now(),
            created_by: WHO.to_owned(),
            pending: 0,
            dropped: 0,
        })
    }
}

fn remove(db: &Connection, id: i64) -> rusqlite::Result<Result<(), Failure>> {
    let transaction = begin(db)?;
    let webhook = match existing(&transaction, id)? {
        Ok(webhook) => webhook,
        Err(missing) => return Ok(Err(missing)),
    };
    table::remove(&transaction, id)?;
    note(&transaction, "webhook removed", &webhook, &json!({ "webhook": id }))?;
    transaction.commit().map(Ok)
}

fn set_enabled(db: &Connection, id: i64, enabled: bool) -> rusqlite::Result<Result<(), Failure>> {
    let transaction = begin(db)?;
    let webhook = match existing(&transaction, id)? {
        Ok(webhook) => Webhook { enabled, ..webhook },
        Err(missing) => return Ok(Err(missing)),
    };
    table::change(&transaction, &webhook)?;
    let details = json!({ "webhook": id, "enabled": enabled, "events": webhook.events });
    note(&transaction, "webhook changed", &webhook, &details)?;
    transaction.commit().map(Ok)
}

/// Queues a test for a webhook.
fn test(db: &Connection, id: i64) -> rusqlite::Result<Result<Delivery, Failure>> {
    let transaction = begin(db)?;
    let webhook = match existing(&transaction, id)? {
        Ok(webhook) if webhook.enabled => webhook,
        Ok(_) => {
            return Ok(Err(Failure::usage(format!(
                "the webhook {id} is disabled: `ems-cloud webhook enable {id}` first"
            ))));
        }
        Err(missing) => return Ok(Err(missing)),
    };
    let data = json!({ "webhook": id, "name": webhook.name, "asked_by": WHO });
    let queued = deliveries::push(&transaction, id, TEST, &data, clock::now().millis())?;
    note(&transaction, "webhook tested", &webhook, &json!({ "webhook": id }))?;
    // Also when there was no room, which is counted.
    transaction.commit()?;
    Ok(queued.ok_or_else(|| Failure::other(format!("too many deliveries wait for the webhook {id}"))))
}

/// Shows what has come of the first attempt.
fn wait(db: &Connection, delivery: i64) -> rusqlite::Result<Result<(), Failure>> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let Some(delivery) = deliveries::find(db, delivery)? else {
            return Ok(Err(Failure::other("the webhook has been removed meanwhile")));
        };
        if delivery.duration_ms.is_some() {
            let shown = show(&delivery);
            return Ok(shown.and_then(|()| match delivery.error {
                None => Ok(()),
                Some(error) => Err(Failure::other(format!("the test was not taken: {error}"))),
            }));
        }
        sleep(Duration::from_millis(50));
    }
    Ok(Err(Failure::other("the test has not been sent: does `ems-cloud serve` run on this folder?")))
}

fn show(delivery: &Delivery) -> Result<(), Failure> {
    say(serde_json::to_string(delivery).unwrap_or_default())
}

/// The right to write is taken at once: what is read before a write is still so when it is written.
fn begin(db: &Connection) -> rusqlite::Result<Transaction<'_>> {
    Transaction::new_unchecked(db, TransactionBehavior::Immediate)
}

fn existing(db: &Connection, id: i64) -> rusqlite::Result<Result<Webhook, Failure>> {
    let missing =
        || Failure::usage(format!("there is no webhook {id}; `ems-cloud webhook list` has them all"));
    Ok(table::find(db, id)?.ok_or_else(missing))
}

fn note(
    db: &Connection,
    action: &str,
    webhook: &Webhook,
    details: &serde_json::Value,
) -> rusqlite::Result<()> {
    audit::add(db, clock::now().millis(), WHO, action, &webhook.name, details)
}

/// What is wrong, by the name that it has here.
fn in_words(wrong: &Wrong) -> Failure {
    let argument = match wrong.field {
        "name" => "NAME",
        "url" => "URL",
        "events" => "--event",
        "device_ids" => "--device",
        "groups" => "--group",
        other => other,
    };
    Failure::usage(format!("{argument}: {}", wrong.words))
}

fn line(webhook: &Webhook) -> String {
    let events: Vec<&str> = webhook.events.iter().map(String::as_str).collect();
    let fields = [
        webhook.id.to_string(),
        if webhook.enabled { "enabled" } else { "disabled" }.to_owned(),
        webhook.created_at.to_string(),
        webhook.name.clone(),
        webhook.url.clone(),
        events.join(","),
        about(webhook),
        format!("{} waiting", webhook.pending),
        format!("{} dropped", webhook.dropped),
    ];
    // A name may hold what would pass for another column or row.
    fields.map(|field| field.replace(char::is_control, " ")).join("\t")
}

fn about(webhook: &Webhook) -> String {
    let devices = webhook.device_ids.iter().flatten().map(DeviceId::to_string);
    let groups = webhook.groups.iter().flatten().map(|group| format!("group {group}"));
    let all: BTreeSet<String> = devices.chain(groups).collect();
    if all.is_empty() { "all devices".to_owned() } else { all.into_iter().collect::<Vec<_>>().join(",") }
}

fn failure(path: &Path, error: &rusqlite::Error) -> Failure {
    Failure::other(format!("{}: {error}", path.display()))
}
