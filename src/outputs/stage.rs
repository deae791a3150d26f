//! The stage that drives the outputs: verdicts and wishes in, levels out, each change an event.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use ems_protocol::{Mode, Severity};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info};

use super::gpio::{Chip, GpioError, Line};
use super::handle::{Handle, What, Wish};
use super::plan::{Plan, Role};
use super::policy::{Forbidden, Permission, Policy, Target};
use super::record;
use crate::battery::protection::Verdict;
use crate::events::{Incident, Reporter, code};
use crate::health::Progress;

/// Without a frame of the server for so long, nobody is there who could take a MANUAL mode back.
const SILENCE: Duration = Duration::from_mins(1);
/// How long a pin may take to follow, and how often it is looked at.
const FOLLOW_LOOKS: u32 = 250;
const FOLLOW_PAUSE: Duration = Duration::from_millis(1);

/// The outputs at work. All are off before it runs and after it was dropped.
pub struct Outputs {
    plan: Rc<Plan>,
    lines: Lines,
    policy: Policy,
    start: Instant,
    verdict: watch::Receiver<Option<Verdict>>,
    heard: Progress,
    wishes: mpsc::Receiver<Wish>,
    mode: watch::Sender<Option<Mode>>,
    trouble: watch::Sender<Option<String>>,
    /// Of the run before: a pin that could not be switched off.
    old_trouble: Option<String>,
    reporter: Reporter,
}

/// What the stage looks at and whom it tells.
pub struct Situation {
    /// The protection's last word; nothing is on before the first.
    pub verdict: watch::Receiver<Option<Verdict>>,
    /// Marked with each frame of the server.
    pub heard: Progress,
    /// Who decides, for the samples; nothing where no output does anything to the battery.
    pub mode: watch::Sender<Option<Mode>>,
    /// Why an output cannot be driven, and the remedy, for the status.
    pub trouble: watch::Sender<Option<String>>,
    /// The event record.
    pub reporter: Reporter,
}

/// The pins, each with its safe level.
struct Lines(Vec<(Line, bool)>);

impl Outputs {
    /// Takes the pins, all off. Without outputs, or on a machine without GPIO, there is no stage, and the handle says
    /// so. `folder` is this identity's in RAM.
    pub fn open(
        plan: &Plan,
        least: (Duration, Duration),
        folder: Option<&Path>,
        situation: Situation,
    ) -> (Option<Self>, Handle) {
        // Pins of an earlier configuration, which a crash may have left on. One that is shorted keeps no other from work.
        let old = folder.and_then(|folder| record::settle(folder).err());
        let old_trouble = old.map(|problem| {
            let words = format!("an output of the run before is not off: {problem}: switch it off by hand, mend it, and restart ems-edge");
            tell_fault(&situation.reporter, &words);
            words
        });
        situation.trouble.send_replace(old_trouble.clone());
        if plan.is_empty() {
            return (
                None,
                Handle::without("this device has no outputs: OUTPUTS in its configuration names none"),
            );
        }
        let lines = match take(plan, folder) {
            Ok(lines) => lines,
            Err(problem) => {
                let words = format!("the outputs cannot be driven: {problem}");
                tell_fault(&situation.reporter, &words);
                situation.trouble.send_replace(Some(words.clone()));
                return (None, Handle::without(&words));
            }
        };
        let plan = Rc::new(plan.clone());
        let (handle, wishes) = Handle::to(Rc::clone(&plan));
        let policy = Policy::new(plan.outputs().map(super::Output::role), least, Duration::ZERO);
        let Situation { verdict, heard, mode, trouble, reporter } = situation;
        let start = Instant::now();
        let outputs =
            Self { plan, lines, policy, start, verdict, heard, wishes, mode, trouble, old_trouble, reporter };
        outputs.tell_mode();
        (Some(outputs), handle)
    }

    /// Runs until it is dropped, or nobody takes measurements any more.
    pub async fn run(mut self) {
        loop {
            self.apply().await;
            let next = self.next();
            tokio::select! {
                changed = self.verdict.changed() => if changed.is_err() { return },
                Some(wish) = self.wishes.recv() => {
                    let granted = self.grant(wish.what);
                    let failed = self.apply().await;
                    let is_done = match wish.what {
                        What::Output { place, .. } => !failed.contains(&place),
                        What::Mode(_) => failed.is_empty(),
                    };
                    let granted = granted.and(if is_done { Ok(()) } else { Err(Forbidden::DoesNotFollow) });
                    // Gone: the daemon stops.
                    let _ = wish.answer.send(granted);
                }
                () = sleep_until(next.unwrap_or(self.start)), if next.is_some() => {}
            }
        }
    }

    /// Drives what has to be driven now; the places whose pins do not follow.
    async fn apply(&mut self) -> Vec<usize> {
        let permission =
            self.verdict.borrow_and_update().as_ref().map_or_else(Permission::default, Into::into);
        self.policy.permit(permission);
        if self.policy.target() != Target::Auto && self.heard.age() >= SILENCE {
            let words = format!("nothing was heard of the server for {} s", SILENCE.as_secs());
            // Nothing forbids AUTO to a device that has a mode to leave.
            let _ = self.turn(Target::Auto, &words);
        }
        let mut failed = Vec::new();
        for (place, is_on) in self.policy.step(self.start.elapsed()) {
            if self.switch(place, is_on, permission).await {
                self.policy.followed(place);
            } else {
                failed.push(place);
            }
        }
        self.tell_trouble();
        failed
    }

    fn tell_trouble(&self) {
        let fault = |place| self.plan.outputs().nth(place).map(fault_of);
        let faults: Vec<String> = self.policy.faults().filter_map(fault).collect();
        let words = if faults.is_empty() {
            self.old_trouble.clone()
        } else {
            Some(faults.join("; ") + "; mend its wiring")
        };
        self.trouble.send_if_modified(|told| {
            *told != words && {
                *told = words;
                true
            }
        });
    }

    fn next(&self) -> Option<Instant> {
        let silence = (self.policy.target() != Target::Auto)
            .then(|| Instant::now() + SILENCE.saturating_sub(self.heard.age()));
        let now = self.start.elapsed();
        let policy = self.policy.next(now).map(|at| self.start + at);
        silence.into_iter().chain(policy).min()
    }

    fn grant(&mut self, what: What) -> Result<(), Forbidden> {
        let permission = self.verdict.borrow().as_ref().map_or_else(Permission::default, Into::into);
        self.policy.permit(permission);
        match what {
            What::Output { place, is_on, time } => {
                self.policy.set_output(place, is_on, time, self.start.elapsed())
            }
            What::Mode(target) => self.turn(target, "an operator wants it so"),
        }
    }

    fn turn(&mut self, target: Target, why: &str) -> Result<(), Forbidden> {
        let before = self.policy.target();
        self.policy.set_target(target, self.start.elapsed())?;
        if before != target {
            let words = format!("mode {} instead of {}: {why}", target.name(), before.name());
            info!(ems_code = code::MODE_CHANGED, "{words}");
            let incident = Incident::new(Severity::Info, code::MODE_CHANGED, words);
            self.reporter.report(incident.with("mode", target.name()));
            self.tell_mode();
        }
        Ok(())
    }

    fn tell_mode(&self) {
        let drives_battery = self.plan.has(Role::Charge) || self.plan.has(Role::Load);
        self.mode.send_replace(drives_battery.then(|| self.policy.target().mode()));
    }

    /// Drives a pin; false if it does not follow: the level at the pad is not what was written where it is shorted.
    async fn switch(&mut self, place: usize, is_on: bool, permission: Permission) -> bool {
        let (Some(output), Some((line, safe))) =
            (self.plan.outputs().nth(place), self.lines.0.get_mut(place))
        else {
            return false;
        };
        let level = output.level(is_on);
        line.drive(level);
        let mut looks = 0;
        while line.is_high() != level && looks < FOLLOW_LOOKS {
            looks += 1;
            sleep(FOLLOW_PAUSE).await;
        }
        if line.is_high() != level {
            // Not against a short.
            line.drive(*safe);
            if self.policy.failed(place, self.start.elapsed()) {
                let words = fault_of(output);
                error!(ems_code = code::OUTPUT_FAULT, "{words}");
                self.reporter.report(
                    Incident::new(Severity::Error, code::OUTPUT_FAULT, words)
                        .with("output", output.name.as_str()),
                );
            }
            return false;
        }
        if output.role() == Role::Identify {
            return true;
        }
        let is_forbidden = match output.role() {
            Role::Charge => !permission.charge,
            Role::Load => !permission.load,
            Role::Identify | Role::Other => false,
        };
        let why = if !is_on && is_forbidden { ": the protection forbids it" } else { "" };
        let words = format!("output {} is {}{why}", output.name, if is_on { "on" } else { "off" });
        info!(ems_code = code::OUTPUT_CHANGED, "{words}");
        let incident = Incident::new(Severity::Info, code::OUTPUT_CHANGED, words);
        self.reporter.report(incident.with("output", output.name.as_str()).with("on", is_on));
        true
    }
}

/// What is said of an output whose pin does not follow.
fn fault_of(output: &super::Output) -> String {
    format!("output {}: {}", output.name, record::stays(output.gpio))
}

fn tell_fault(reporter: &Reporter, words: &str) {
    error!(ems_code = code::OUTPUT_FAULT, "{words}");
    reporter.report(Incident::new(Severity::Error, code::OUTPUT_FAULT, words));
}

/// The list is on the runtime directory before the first pin is driven.
fn take(plan: &Plan, folder: Option<&Path>) -> Result<Lines, GpioError> {
    let chip = Chip::open()?;
    if let Some(folder) = folder {
        record::write(folder, plan)
            .map_err(|error| GpioError::Other(format!("{} cannot be written: {error}", folder.display())))?;
    }
    let line = |output: &super::Output| {
        let safe = output.level(false);
        chip.output(output.gpio, safe).map(|line| (line, safe))
    };
    plan.outputs().map(line).collect::<Result<_, _>>().map(Lines)
}

impl Drop for Lines {
    /// However the daemon ends in order.
    fn drop(&mut self) {
        for (line, safe) in &mut self.0 {
            line.drive(*safe);
            record::follows(line, *safe);
        }
    }
}
