//! `READ_NOW`: one sample more, at once, which also goes the way of all samples.

use std::time::Duration;

use ems_protocol::ReasonCode;
use serde_json::Value;
use tokio::time::timeout;

use super::answer::Refusal;
use super::tools::Tools;

/// The slowest beat, and the time that a stuck bus takes on top.
const LIMIT: Duration = Duration::from_secs(65);

pub(super) async fn run(tools: &Tools) -> Result<Value, Refusal> {
    let mut sample = tools.sample.clone();
    sample.mark_unchanged();
    // A sensor that does not answer would hold up the next beat: then that beat is the answer.
    if tools.sensor.borrow().answers == Some(true) {
        // Full: somebody has asked for the same a moment ago.
        let _ = tools.read_now.try_send(());
    }
    let changed = timeout(LIMIT, sample.changed()).await;
    let taken = *sample.borrow_and_update();
    let Some(taken) = taken.filter(|_| matches!(changed, Ok(Ok(())))) else {
        return Err(Refusal::failed(ReasonCode::Hardware, "no sample came: ems-edge doctor says why"));
    };
    let label = tools.clock.label(taken.taken);
    let telemetry = taken.telemetry(&tools.identity.device_id, &tools.identity.boot_id, label);
    if taken.is_gap() {
        let why = tools.sensor.borrow().trouble.clone().unwrap_or_default();
        return Err(Refusal::failed(ReasonCode::Hardware, format!("the sensor gives no reading: {why}")));
    }
    Ok(serde_json::to_value(telemetry).unwrap_or_default())
}
