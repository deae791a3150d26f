//! `SET_MODE`: AUTO, or charge and load by hand, as far as the battery's state permits.

use ems_protocol::ReasonCode;
use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::set_output::refusal;
use super::tools::Tools;
use crate::outputs::{Forbidden, Target};

pub(super) async fn run(tools: &Tools, payload: &Map<String, Value>) -> Result<Value, Refusal> {
    let target = check(payload)?;
    tools.outputs.set_mode(target).await.map_err(|why| match why {
        Forbidden::NoOutput => {
            let words = format!("{}: OUTPUTS names no output for it (charge, load)", target.name());
            Refusal::rejected(ReasonCode::Unsupported, words)
        }
        other => refusal(other),
    })?;
    Ok(json!({ "mode": target.name() }))
}

fn check(payload: &Map<String, Value>) -> Result<Target, Refusal> {
    let invalid = |words: &str| Refusal::rejected(ReasonCode::InvalidPayload, words);
    let target =
        payload.get("target_mode").and_then(Value::as_str).and_then(Target::from_name).ok_or_else(|| {
            invalid("target_mode: expected AUTO, MANUAL_CHARGE, MANUAL_DISCHARGE or MANUAL_IDLE")
        })?;
    match payload.get("target_power") {
        None | Some(Value::Null) => Ok(target),
        Some(power) if power.as_f64().is_some_and(|watts| watts >= 0.0) => {
            let words = "target_power: the outputs of this device switch, they cannot set a power";
            Err(Refusal::rejected(ReasonCode::Unsupported, words))
        }
        Some(_) => Err(invalid("target_power: expected a power in W, 0 or more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_has_one_of_four_names_and_no_power() {
        let code = |payload: Value| check(payload.as_object().unwrap()).map_err(|refusal| refusal.code());
        assert_eq!(code(json!({"target_mode": "MANUAL_IDLE"})), Ok(Target::ManualIdle));
        for bad in [json!({}), json!({"target_mode": "auto"}), json!({"target_mode": 1})] {
            assert_eq!(code(bad), Err(ReasonCode::InvalidPayload));
        }
        let with = |watts: Value| code(json!({"target_mode": "AUTO", "target_power": watts}));
        assert_eq!(with(json!(500)), Err(ReasonCode::Unsupported));
        assert_eq!(
            (with(json!(-1)), with(json!("much"))),
            (Err(ReasonCode::InvalidPayload), Err(ReasonCode::InvalidPayload))
        );
    }
}
