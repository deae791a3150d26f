//! `DIAGNOSTICS`: the doctor's report and the last log lines, without secrets.

use std::thread;

use ems_protocol::ReasonCode;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::answer::Refusal;
use super::tools::Tools;
use crate::config;
use crate::doctor::{Surroundings, examine};
use crate::redact::Redactor;

/// How many lines, when the command does not say.
const DEFAULT_LINES: u64 = 100;
/// The most.
const MAX_LINES: u64 = 1000;
/// The most bytes of lines: an answer is one frame.
const MAX_BYTES: usize = 64 * 1024;

/// What is wrong with the payload, or how many lines.
pub(super) fn check(payload: &Map<String, Value>) -> Result<usize, Refusal> {
    let lines = match payload.get("lines") {
        None => Some(DEFAULT_LINES),
        Some(value) => value.as_u64().filter(|lines| *lines <= MAX_LINES),
    };
    lines.and_then(|lines| usize::try_from(lines).ok()).ok_or_else(|| {
        Refusal::rejected(
            ReasonCode::InvalidPayload,
            format!("lines: expected a whole number from 0 to {MAX_LINES}"),
        )
    })
}

pub(super) async fn run(tools: &Tools, lines: usize) -> Result<Value, Refusal> {
    let path = tools.config.clone();
    let (sender, examined) = oneshot::channel();
    // The doctor waits for the bus, the network and this daemon: on a thread of its own.
    let work = move || {
        let settings = config::effective(path.as_deref(), |key| std::env::var_os(key));
        let report = examine(&Surroundings { config: path, root: "/".into() });
        // Gone with the connection: nobody waits for it.
        let _ = sender.send((report, Redactor::new(&settings)));
    };
    let failed = |why: String| Refusal::failed(ReasonCode::Hardware, why);
    thread::Builder::new()
        .name("diagnostics".to_owned())
        .spawn(work)
        .map_err(|error| failed(format!("the system refuses a thread: {error}")))?;
    let (report, redactor) = examined.await.map_err(|_| failed("the examination broke off".to_owned()))?;
    let text = redactor.clean(&serde_json::to_string(&report).unwrap_or_default());
    let report: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(json!({ "doctor": report, "log": last(&tools.log.lines(), lines, &redactor) }))
}

/// The last lines, oldest first.
fn last(all: &[String], lines: usize, redactor: &Redactor) -> Vec<String> {
    let mut room = MAX_BYTES;
    let mut chosen: Vec<String> = all
        .iter()
        .rev()
        .take(lines)
        .map(|line| redactor.clean(line))
        .take_while(|line| {
            let fits = line.len() <= room;
            room = room.saturating_sub(line.len());
            fits
        })
        .collect();
    chosen.reverse();
    chosen
}
