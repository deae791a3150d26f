//! The chip answers, and is the one that the configuration names.

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;
use crate::sensor::{BUS_OUT_OF_RANGE, SHUNT_OUT_OF_RANGE};

/// More failed readings than this among the last 60 are worth a look.
const GAPS: u32 = 6;

pub(super) fn judge(facts: &Facts) -> Verdict {
    if let Some(trouble) = facts.sensor_trouble() {
        let code = match trouble.kind.as_str() {
            // It does answer: what it says is another check's.
            SHUNT_OUT_OF_RANGE | BUS_OUT_OF_RANGE => return Verdict::Ok("the chip answers".to_owned()),
            "no answer" => "sensor.no_answer",
            "bus stuck" | "bus hangs" => "sensor.bus_stuck",
            "wrong chip" => "sensor.wrong_chip",
            "reset" => "sensor.reset",
            _ => "sensor.failed",
        };
        return Verdict::failed_as_said(code, &trouble.words);
    }
    if let Some(snapshot) = facts.snapshot() {
        let sensor = &snapshot.sensor;
        if sensor.answers.is_none() {
            return Verdict::Skipped("the daemon has not read it yet".to_owned());
        }
        if sensor.recent_gaps > GAPS {
            return Verdict::warning(
                "sensor.unsteady",
                format!(
                    "{} of the last {} readings of the {} failed",
                    sensor.recent_gaps, sensor.recent, sensor.device
                ),
                "check its plug, its cable and its 3.3 V supply",
            );
        }
        return Verdict::Ok(format!(
            "{} answers the daemon, {} of the last {} readings failed",
            sensor.device, sensor.recent_gaps, sensor.recent
        ));
    }
    match (&facts.look, facts.settings()) {
        (Some(Ok(_)), Some(config)) => Verdict::Ok(format!("{} answers", config.wiring().device())),
        _ => super::nobody_can_tell(facts),
    }
}
