//! `RESET_ERROR`: leaves ERROR, if a fresh reading shows that its cause is gone.

use std::time::Duration;

use ems_protocol::{ReasonCode, Severity, State};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::answer::Refusal;
use super::tools::Tools;
use crate::events::{Incident, code};

/// The slowest reading.
const LIMIT: Duration = Duration::from_secs(65);

pub(super) async fn run(tools: &Tools) -> Result<Value, Refusal> {
    let failed = |why: &str| Refusal::failed(ReasonCode::Hardware, why);
    let (asker, answer) = oneshot::channel();
    tools.resets.send(asker).await.map_err(|_| failed("ems-edge is stopping"))?;
    let outcome = timeout(LIMIT, answer).await;
    let Ok(Ok(outcome)) = outcome else { return Err(failed("no reading came: ems-edge doctor says why")) };
    let verdict = outcome.map_err(|why| {
        failed(&format!("whether its cause is gone is not known, the sensor gives no reading: {why}"))
    })?;
    let faults: Vec<_> = verdict.faults.names().collect();
    if verdict.state == State::Error {
        let words = format!("the cause is still there: {}", faults.join(", "));
        return Err(Refusal::rejected(ReasonCode::StateForbids, words));
    }
    tools.reporter.report(Incident::new(
        Severity::Info,
        code::ERROR_RESET,
        "an operator has reset the errors",
    ));
    Ok(json!({ "state": verdict.state, "faults": faults }))
}
