//! `ROTATE_TOKEN`: the new token holds as soon as it is on the card, and the old one stays beside it until the new one
//! has connected. So there is no instant at which a crash leaves a device without a token that the cloud takes.

use std::time::Duration;

use ems_protocol::{ReasonCode, Severity};
use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::tools::Tools;
use crate::config::{self, Overrides};
use crate::events::{Incident, code};

/// How long a connection may take.
const LIMIT: Duration = Duration::from_mins(2);

pub(super) async fn run(tools: &Tools, payload: &Map<String, Value>) -> Result<Value, Refusal> {
    let invalid = |why: String| Refusal::rejected(ReasonCode::InvalidPayload, why);
    let token = payload
        .get("token")
        .and_then(Value::as_str)
        .ok_or_else(|| invalid("token: expected the new token, a text".to_owned()))?;
    let environment = |key: &str| std::env::var_os(key);
    let before = Overrides::read(&tools.state);
    let with_spare = tools.link.borrow().with_spare;
    let both = config::propose_token(tools.config.as_deref(), &environment, &tools.state, token, with_spare)
        .map_err(invalid)?;
    save(tools, &both)?;
    if let Err(why) = tools.reload().await {
        save(tools, &before)?;
        return Err(Refusal::failed(ReasonCode::Hardware, why));
    }
    if !tools.connects_within(LIMIT).await {
        let words = "no connection since: both tokens stay in use until one of them connects";
        return Err(Refusal::failed(ReasonCode::Interrupted, words));
    }
    if tools.link.borrow().with_spare {
        save(tools, &before)?;
        let words = "the cloud takes the old token and not the new one: the old one stays";
        return Err(Refusal::failed(ReasonCode::InvalidPayload, words));
    }
    save(tools, &both.without_spare())?;
    tools.reporter.report(Incident::new(Severity::Info, code::TOKEN_ROTATED, "the token was replaced"));
    Ok(json!({ "rotated": true }))
}

fn save(tools: &Tools, overrides: &Overrides) -> Result<(), Refusal> {
    overrides.save(&tools.state).map_err(|error| {
        let words = format!("{} cannot be written ({error})", tools.state.display());
        Refusal::failed(ReasonCode::Hardware, words)
    })
}
