//! `IDENTIFY`: blinks a lamp at the output `identify`, or else the board's LED, so that somebody in front of a row of boards finds this one.

use std::path::Path;
use std::time::Duration;

use ems_protocol::ReasonCode;
use serde_json::{Map, Value, json};

use tokio::time::{Instant, sleep};

use super::answer::Refusal;
use super::set_output::refusal;
use super::tools::Tools;
use crate::led::Led;

/// For how long, in s, when the command does not say.
const DEFAULT_SECONDS: u64 = 30;
/// The longest, in s.
const MAX_SECONDS: u64 = 3600;

/// What is wrong with the payload, or for how long.
pub(super) fn check(payload: &Map<String, Value>) -> Result<Duration, Refusal> {
    let seconds = match payload.get("seconds") {
        None => Some(DEFAULT_SECONDS),
        Some(value) => value.as_u64().filter(|seconds| (1..=MAX_SECONDS).contains(seconds)),
    };
    seconds.map(Duration::from_secs).ok_or_else(|| {
        Refusal::rejected(
            ReasonCode::InvalidPayload,
            format!("seconds: expected a whole number from 1 to {MAX_SECONDS}"),
        )
    })
}

/// Half of a blink.
const HALF: Duration = Duration::from_millis(250);

pub(super) async fn run(tools: &Tools, time: Duration) -> Result<Value, Refusal> {
    if let Some(place) = tools.outputs.plan().ok().and_then(|plan| plan.place("identify")) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            for is_on in [true, false] {
                tools.outputs.set_output(place, is_on, None).await.map_err(refusal)?;
                sleep(HALF).await;
            }
        }
        return Ok(json!({ "seconds": time.as_secs() }));
    }
    let refused = |error: std::io::Error| {
        Refusal::failed(ReasonCode::Hardware, format!("the LED cannot be driven ({error})"))
    };
    match Led::of_board(Path::new("/")) {
        Ok(Some(led)) => led.blink(time).await.map_err(refused)?,
        Ok(None) => {
            let words = "this board has no LED that can be blinked (no /sys/class/leds/ACT), and OUTPUTS names no identify";
            return Err(Refusal::failed(ReasonCode::Unsupported, words));
        }
        Err(error) => return Err(refused(error)),
    }
    Ok(json!({ "seconds": time.as_secs() }))
}
