//! Takes commands and sees each through to its final answer, beside everything else that the daemon does.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ems_protocol::{ClockQuality, Command, CommandAck, CommandStatus, ReasonCode, Timestamp};
use serde_json::Value;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use super::answer::{Answer, Refusal, plain};
use super::journal::{Journal, Unanswered};
use super::ledger::Begun;
use super::rate::Rate;
use super::tools::Tools;
use super::{
    Action, Allowed, BUSY, MAX_ID, Received, diagnostics, identify, ping, read_now, reboot, reset_error,
    restart, rotate_token, set_config, set_mode, set_output,
};
use crate::words::printable;

/// Commands at once; one more is answered BUSY.
const AT_ONCE: usize = 64;
/// Those and the refusals under way at once; what comes beyond is answered BUSY by the session.
const MOST_UNDER_WAY: usize = 256;
/// The longest time to live, in s: as long as the journal remembers.
const MAX_TTL: f64 = 7.0 * 24.0 * 3600.0;

/// Where commands go.
pub struct Dispatcher {
    /// What the actions reach.
    pub tools: Tools,
    /// Remembers ids and answers.
    pub journal: Journal,
    /// What the owner of the device allows.
    pub allowed: watch::Receiver<Allowed>,
    /// To the uplink.
    pub answers: mpsc::Sender<Answer>,
}

/// What all commands under way share.
struct Shared {
    tools: Tools,
    journal: Journal,
    allowed: watch::Receiver<Allowed>,
    answers: mpsc::Sender<Answer>,
    /// Held by what changes the daemon: one at a time, in the order of their coming.
    turn: Mutex<()>,
    /// Held by what switches outputs, likewise; a setting on trial does not hold it up.
    switching: Mutex<()>,
    /// Held by what blinks.
    led: Mutex<()>,
}

impl Dispatcher {
    /// Runs until the session's end of `incoming` is dropped, or this future is: what is under way then ends as
    /// interrupted at the next start.
    pub async fn run(self, mut incoming: mpsc::Receiver<Received>) {
        let Self { tools, journal, allowed, answers } = self;
        let (turn, switching, led) = (Mutex::new(()), Mutex::new(()), Mutex::new(()));
        let shared = Rc::new(Shared { tools, journal, allowed, answers, turn, switching, led });
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let (mut questions, mut effects) = (Rate::of_questions(), Rate::of_effects());
        let mut under_way = JoinSet::new();
        set_config::forget_trial(&shared.tools);
        let earlier = shared.clone();
        under_way.spawn_local(async move { earlier.close_earlier().await });
        loop {
            tokio::select! {
                received = incoming.recv(), if under_way.len() < MOST_UNDER_WAY => {
                    let Some(received) = received else { break };
                    let has_effect =
                        Action::from_name(&received.command.action).is_some_and(Action::has_effect);
                    let rate = if has_effect { &mut effects } else { &mut questions };
                    let place = if rate.spend() { places.clone().try_acquire_owned().ok() } else { None };
                    let shared = shared.clone();
                    under_way.spawn_local(async move { shared.see_through(received, place).await });
                }
                Some(_) = under_way.join_next() => {}
            }
        }
    }
}

impl Shared {
    /// What a crash has cut in two gets its final answer.
    async fn close_earlier(&self) {
        for Unanswered { id, on_card } in self.journal.unanswered().await {
            let words = "the daemon ended while this was being done";
            warn!("command {}: {words}", printable(&id));
            let refusal = Refusal::failed(ReasonCode::Interrupted, words);
            self.close(self.refused(refusal, &id), on_card, None).await;
        }
    }

    async fn see_through(&self, Received { command, at }: Received, place: Option<OwnedSemaphorePermit>) {
        let id = &command.command_id;
        if let Err(refusal) = check_id(id) {
            let id: String = id.chars().take(MAX_ID).collect();
            return self.send(self.refused(refusal, &id), None).await;
        }
        info!("command {} ({})", printable(&command.action), printable(id));
        let verdict = self.judge(&command, at);
        // What is not going to be done costs no card write.
        let on_card = place.is_some() && matches!(verdict, Ok(action) if action.has_effect());
        let issued_at = command.issued_at.map(Timestamp::millis);
        match self.journal.begin(id, issued_at, self.tools.now().millis(), on_card).await {
            Ok(Begun::Fresh) => {}
            Ok(Begun::Answered(ack)) => return self.send(*ack, None).await,
            Ok(Begun::Running) => return self.say(id, CommandStatus::InProgress).await,
            Ok(Begun::Forgotten) => {
                let words = "it is older than what this device remembers: it may have been done already";
                let refusal = Refusal::rejected(ReasonCode::Expired, words);
                return self.send(self.refused(refusal, id), None).await;
            }
            Err(why) => {
                return self.send(self.refused(Refusal::rejected(ReasonCode::Hardware, why), id), None).await;
            }
        }
        let action = match (verdict, place.is_some()) {
            (Ok(action), true) => action,
            (Ok(_), false) => {
                let refusal = Refusal::rejected(ReasonCode::Busy, BUSY);
                self.close(self.refused(refusal, id), on_card, None).await;
                return;
            }
            (Err(refusal), _) => {
                self.close(self.refused(refusal, id), on_card, None).await;
                return;
            }
        };
        self.perform(action, &command, on_card, deadline(&command, at)).await;
    }

    /// Does it, and answers.
    async fn perform(&self, action: Action, command: &Command, on_card: bool, deadline: Instant) {
        let id = &command.command_id;
        if !matches!(action, Action::Ping | Action::ReadNow) {
            self.say(id, CommandStatus::Accepted).await;
        }
        let turn = match action {
            Action::SetConfig | Action::RotateToken | Action::Restart | Action::Reboot => Some(&self.turn),
            Action::SetMode | Action::SetOutput => Some(&self.switching),
            _ => None,
        };
        // Not longer than it lives: then it is refused below, in time for the server to hear of it.
        let _turn = match turn {
            Some(turn) => timeout_at(deadline, turn.lock()).await.ok(),
            None => None,
        };
        if Instant::now() >= deadline {
            let refusal =
                Refusal::rejected(ReasonCode::Expired, "its time to live ended before its turn came");
            self.close(self.refused(refusal, id), on_card, None).await;
            return;
        }
        if !matches!(action, Action::Ping | Action::ReadNow) {
            self.say(id, CommandStatus::InProgress).await;
        }
        let outcome = self.act(action, command).await;
        let ack = match outcome {
            Ok(result) => CommandAck {
                result: Some(result).filter(|result| !result.is_null()),
                ..self.plain(id, CommandStatus::Succeeded)
            },
            Err(refusal) => self.refused(refusal, id),
        };
        if matches!(action, Action::Restart | Action::Reboot) {
            self.act_when_delivered(action, ack, on_card, deadline).await;
        } else {
            self.close(ack, on_card, None).await;
        }
    }

    async fn act(&self, action: Action, command: &Command) -> Result<Value, Refusal> {
        let tools = &self.tools;
        match action {
            Action::Ping => Ok(ping::run()),
            Action::ReadNow => read_now::run(tools).await,
            Action::Identify => {
                let time = identify::check(&command.payload)?;
                let _led = self.led.try_lock().map_err(|_| {
                    Refusal::rejected(ReasonCode::Busy, "the LED blinks already for another command")
                })?;
                identify::run(tools, time).await
            }
            Action::Diagnostics => diagnostics::run(tools, diagnostics::check(&command.payload)?).await,
            Action::SetConfig => set_config::run(tools, &command.payload).await,
            Action::RotateToken => rotate_token::run(tools, &command.payload).await,
            // Done when this answer is delivered.
            Action::Restart | Action::Reboot => Ok(Value::Null),
            Action::SetMode => set_mode::run(tools, &command.payload).await,
            Action::SetOutput => set_output::run(tools, &command.payload).await,
            Action::ResetError => reset_error::run(tools).await,
        }
    }

    /// The answer is on the card and read by the server before the act. If it cannot be delivered in time, nothing is
    /// done, and the answer says so.
    async fn act_when_delivered(&self, action: Action, ack: CommandAck, on_card: bool, deadline: Instant) {
        let id = ack.command_id.clone();
        let (told, delivered) = oneshot::channel();
        if !self.close(ack, on_card, Some(told)).await {
            return;
        }
        if !matches!(timeout_at(deadline, delivered).await, Ok(Ok(()))) {
            let words = "its answer could not be delivered within its time to live: it is not done";
            let refusal = Refusal::failed(ReasonCode::Expired, words);
            self.close(self.refused(refusal, &id), on_card, None).await;
            return;
        }
        if action == Action::Restart {
            restart::act(&self.tools);
        } else {
            reboot::act(&self.tools).await;
        }
    }

    /// Whether it may be done.
    fn judge(&self, command: &Command, at: Instant) -> Result<Action, Refusal> {
        let action = Action::from_name(&command.action).ok_or_else(|| {
            Refusal::rejected(ReasonCode::UnknownAction, "this device knows no such action")
        })?;
        if !self.allowed.borrow().contains(action) {
            let words = format!("this device's COMMANDS_ALLOW leaves out {}", action.name());
            return Err(Refusal::rejected(ReasonCode::NotAllowed, words));
        }
        if let (true, Err(why)) = (action.needs_outputs(), self.tools.outputs.plan()) {
            return Err(Refusal::rejected(ReasonCode::Unsupported, why));
        }
        if command.ttl_s.is_nan() || command.ttl_s > MAX_TTL {
            let words = format!("ttl_s: expected at most {MAX_TTL} (7 days)");
            return Err(Refusal::rejected(ReasonCode::InvalidPayload, words));
        }
        if Instant::now() >= deadline(command, at) || self.is_older_than_the_journal(command) {
            return Err(Refusal::rejected(ReasonCode::Expired, "its time to live has ended"));
        }
        Ok(action)
    }

    /// Only where the time is known: else every command would be of the past or the future.
    fn is_older_than_the_journal(&self, command: &Command) -> bool {
        let (now, quality) = self.tools.clock.label(self.tools.clock.boottime());
        let is_known = matches!(quality, ClockQuality::Synced | ClockQuality::Server);
        let age = command.issued_at.map_or(0, |issued| now.millis().saturating_sub(issued.millis()));
        is_known && age as f64 > MAX_TTL * 1e3
    }

    /// Writes the final answer down and then sends it; true if it is written.
    async fn close(&self, ack: CommandAck, on_card: bool, delivered: Option<oneshot::Sender<()>>) -> bool {
        match self.journal.finish(&ack, on_card).await {
            Ok(()) => {
                self.send(ack, delivered).await;
                true
            }
            Err(why) => {
                let refusal = Refusal::failed(ReasonCode::Hardware, why);
                self.send(self.refused(refusal, &ack.command_id), None).await;
                false
            }
        }
    }

    async fn say(&self, id: &str, status: CommandStatus) {
        self.send(self.plain(id, status), None).await;
    }

    async fn send(&self, ack: CommandAck, delivered: Option<oneshot::Sender<()>>) {
        // Closed: the daemon stops.
        let _ = self.answers.send(Answer { ack, delivered }).await;
    }

    fn plain(&self, id: &str, status: CommandStatus) -> CommandAck {
        plain(id, &self.tools.identity.device_id, self.tools.now(), status)
    }

    fn refused(&self, refusal: Refusal, id: &str) -> CommandAck {
        refusal.ack(id, &self.tools.identity.device_id, self.tools.now())
    }
}

fn check_id(id: &str) -> Result<(), Refusal> {
    let words = match id.len() {
        0 => "command_id is empty: every command needs one of its own".to_owned(),
        length if length > MAX_ID => format!("command_id has {length} bytes, at most {MAX_ID} are taken"),
        _ if id.chars().any(char::is_control) => "command_id has a control character in it".to_owned(),
        _ => return Ok(()),
    };
    Err(Refusal::rejected(ReasonCode::InvalidPayload, words))
}

/// When its time to live ends. A ttl that is no span of time has ended.
fn deadline(command: &Command, at: Instant) -> Instant {
    let ttl = command.ttl_s.clamp(0.0, MAX_TTL);
    at + Duration::try_from_secs_f64(ttl).unwrap_or_default()
}
