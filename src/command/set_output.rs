//! `SET_OUTPUT`: switches one named output, for some time or until the next wish.

use std::time::Duration;

use ems_protocol::ReasonCode;
use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::tools::Tools;
use crate::outputs::{Forbidden, Plan};

/// The longest time, in s: a day.
const LONGEST: f64 = 86_400.0;

pub(super) async fn run(tools: &Tools, payload: &Map<String, Value>) -> Result<Value, Refusal> {
    let plan =
        tools.outputs.plan().map_err(|why| Refusal::rejected(ReasonCode::Unsupported, why.to_owned()))?;
    let (place, is_on, time) = check(plan, payload)?;
    tools.outputs.set_output(place, is_on, time).await.map_err(refusal)?;
    Ok(json!({ "output": payload.get("output"), "on": is_on, "for_s": time.map(|time| time.as_secs_f64()) }))
}

/// Why a wish is not granted, for the operator.
pub(super) fn refusal(why: Forbidden) -> Refusal {
    let (code, words) = match why {
        Forbidden::DoesNotFollow => {
            let words = "the pin does not follow: it is shorted, or something else drives it; it is off now";
            return Refusal::failed(ReasonCode::Hardware, words);
        }
        Forbidden::Stopping => return Refusal::failed(ReasonCode::Interrupted, "ems-edge is stopping"),
        Forbidden::Protection => {
            (ReasonCode::StateForbids, "the battery's state forbids it: see state and faults".to_owned())
        }
        Forbidden::Auto => (
            ReasonCode::StateForbids,
            "in AUTO the protection drives charge and load: SET_MODE to a MANUAL mode first".to_owned(),
        ),
        Forbidden::TooSoon(left) => {
            (ReasonCode::Busy, format!("it was switched a moment ago: again in {:.1} s", left.as_secs_f64()))
        }
        Forbidden::NoOutput => (ReasonCode::Unsupported, "this device has no such output".to_owned()),
    };
    Refusal::rejected(code, words)
}

fn check(plan: &Plan, payload: &Map<String, Value>) -> Result<(usize, bool, Option<Duration>), Refusal> {
    let invalid = |words: String| Refusal::rejected(ReasonCode::InvalidPayload, words);
    let names = || plan.outputs().map(|output| output.name.as_str()).collect::<Vec<_>>().join(", ");
    let place = payload
        .get("output")
        .and_then(Value::as_str)
        .and_then(|name| plan.place(name))
        .ok_or_else(|| invalid(format!("output: expected one of {}", names())))?;
    let is_on = payload
        .get("on")
        .and_then(Value::as_bool)
        .ok_or_else(|| invalid("on: expected true or false".to_owned()))?;
    let time = match payload.get("for_s") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let seconds = value.as_f64().filter(|seconds| (0.1..=LONGEST).contains(seconds));
            let seconds =
                seconds.ok_or_else(|| invalid(format!("for_s: expected a time in s, 0.1 to {LONGEST}")))?;
            Some(Duration::from_secs_f64(seconds))
        }
    };
    Ok((place, is_on, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_that_does_not_follow_and_a_daemon_that_stops_are_told_apart() {
        assert_eq!(refusal(Forbidden::DoesNotFollow).code(), ReasonCode::Hardware);
        assert_eq!(refusal(Forbidden::Stopping).code(), ReasonCode::Interrupted);
    }

    #[test]
    fn an_output_is_named_and_told_on_or_off_and_perhaps_for_how_long() {
        let plan = Plan::parse("load:17,pump:27").unwrap();
        let good = json!({"output": "pump", "on": true, "for_s": 1.5});
        let checked = check(&plan, good.as_object().unwrap());
        assert_eq!(checked, Ok((1, true, Some(Duration::from_millis(1500)))));
        for bad in [
            json!({}),
            json!({"output": "pump"}),
            json!({"output": "fan", "on": true}),
            json!({"output": 1, "on": true}),
            json!({"output": "pump", "on": 1}),
            json!({"output": "pump", "on": "true"}),
            json!({"output": "pump", "on": true, "for_s": 0}),
            json!({"output": "pump", "on": true, "for_s": -1}),
            json!({"output": "pump", "on": true, "for_s": 1e9}),
            json!({"output": "pump", "on": true, "for_s": "1"}),
        ] {
            let refused = check(&plan, bad.as_object().unwrap()).map_err(|refusal| refusal.code());
            assert_eq!(refused, Err(ReasonCode::InvalidPayload), "{bad}");
        }
    }
}
