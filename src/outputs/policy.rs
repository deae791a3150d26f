//! When an output is on: the mode, the wishes of operators, and above both what the protection permits. Pure: the time
//! comes in, as a span since some start.

use std::time::Duration;

use ems_protocol::{Mode, State};

use super::plan::Role;
use crate::battery::protection::Verdict;

/// What the outputs may do to the battery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permission {
    /// Whether it may be charged.
    pub charge: bool,
    /// Whether it may be drawn from.
    pub load: bool,
}

/// The modes of `SET_MODE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Both on, as far as the protection permits.
    Auto,
    /// Charge on, load off.
    ManualCharge,
    /// Load on, charge off.
    ManualDischarge,
    /// Both off.
    ManualIdle,
}

/// Why a wish is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// The battery's state forbids it.
    Protection,
    /// In AUTO the protection alone drives `charge` and `load`.
    Auto,
    /// It was switched a moment ago: so long it has to wait.
    TooSoon(Duration),
    /// There is no output for it.
    NoOutput,
    /// It was tried, and the pin does not follow.
    DoesNotFollow,
    /// Nobody drives the outputs any more: the daemon stops.
    Stopping,
}

/// How long a pin that did not follow is left alone, unless an operator asks for it.
const RETRY: Duration = Duration::from_mins(1);

/// What all outputs of a device do.
#[derive(Debug, Clone)]
pub struct Policy {
    slots: Vec<Slot>,
    target: Target,
    permission: Permission,
    least_on: Duration,
    least_off: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    role: Role,
    is_on: bool,
    since: Duration,
    /// Of an operator, and until when.
    wish: Option<(bool, Option<Duration>)>,
    fault: Option<Fault>,
}

/// A pin that did not follow when it was driven last.
#[derive(Debug, Clone, Copy)]
struct Fault {
    /// When the mode may try it again.
    retry: Duration,
    /// Whether an operator has asked for it since, which is tried at once.
    is_asked: bool,
}

impl From<&Verdict> for Permission {
    fn from(verdict: &Verdict) -> Self {
        let state = verdict.state;
        Self {
            charge: verdict.charge_allowed && !matches!(state, State::Full | State::Error),
            load: verdict.load_allowed && !matches!(state, State::Empty | State::Error),
        }
    }
}

impl Target {
    const WORDS: [(Self, &'static str); 4] = [
        (Self::Auto, "AUTO"),
        (Self::ManualCharge, "MANUAL_CHARGE"),
        (Self::ManualDischarge, "MANUAL_DISCHARGE"),
        (Self::ManualIdle, "MANUAL_IDLE"),
    ];

    /// The mode of that name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, word)| *word == name).map(|(target, _)| *target)
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        Self::WORDS.iter().find(|(target, _)| *target == self).map_or("", |(_, word)| word)
    }

    /// Who decides, as samples say it.
    pub fn mode(self) -> Mode {
        if self == Self::Auto { Mode::Auto } else { Mode::Manual }
    }
}

impl Policy {
    /// All off at `now`, in AUTO, and nothing permitted before the first verdict. An output stays on for `least_on` and
    /// off for `least_off` at least; only the protection is quicker.
    pub fn new(
        roles: impl Iterator<Item = Role>,
        (least_on, least_off): (Duration, Duration),
        now: Duration,
    ) -> Self {
        let slots =
            roles.map(|role| Slot { role, is_on: false, since: now, wish: None, fault: None }).collect();
        Self { slots, target: Target::Auto, permission: Permission::default(), least_on, least_off }
    }

    /// The mode.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Whether the output at that place is on.
    pub fn is_on(&self, place: usize) -> bool {
        self.slots.get(place).is_some_and(|slot| slot.is_on)
    }

    /// What the protection permits from now on.
    pub fn permit(&mut self, permission: Permission) {
        self.permission = permission;
    }

    /// Takes another mode at `now`; what operators wished of `charge` and `load` is over.
    ///
    /// # Errors
    /// If the battery's state forbids it, or there is no output for it. Nothing is changed.
    pub fn set_target(&mut self, target: Target, now: Duration) -> Result<(), Forbidden> {
        let has = |role| self.slots.iter().any(|slot| slot.role == role);
        let (exists, permitted) = match target {
            Target::Auto | Target::ManualIdle => (has(Role::Charge) || has(Role::Load), true),
            Target::ManualCharge => (has(Role::Charge), self.permission.charge),
            Target::ManualDischarge => (has(Role::Load), self.permission.load),
        };
        if !exists {
            return Err(Forbidden::NoOutput);
        }
        if !permitted {
            return Err(Forbidden::Protection);
        }
        self.target = target;
        for slot in &mut self.slots {
            if matches!(slot.role, Role::Charge | Role::Load) {
                slot.wish = None;
                slot.fault = slot.fault.map(|fault| Fault { retry: now, ..fault });
            }
        }
        Ok(())
    }

    /// Switches one output by an operator's wish, for some time or for good.
    ///
    /// # Errors
    /// Why not; nothing is changed.
    pub fn set_output(
        &mut self,
        place: usize,
        is_on: bool,
        time: Option<Duration>,
        now: Duration,
    ) -> Result<(), Forbidden> {
        let (permission, target) = (self.permission, self.target);
        let least = if is_on { self.least_off } else { self.least_on };
        let slot = self.slots.get_mut(place).ok_or(Forbidden::NoOutput)?;
        if matches!(slot.role, Role::Charge | Role::Load) && target == Target::Auto {
            return Err(Forbidden::Auto);
        }
        if is_on && !slot.is_permitted(permission) {
            return Err(Forbidden::Protection);
        }
        let left = (slot.since + least).saturating_sub(now);
        if slot.is_on != is_on && !left.is_zero() && slot.role != Role::Identify {
            return Err(Forbidden::TooSoon(left));
        }
        slot.wish = Some((is_on, time.map(|time| now + time)));
        slot.fault = slot.fault.map(|fault| Fault { is_asked: true, ..fault });
        Ok(())
    }

    /// The pin at that place did not follow at `now` and is at its safe level: the output is off, and what was wished of
    /// it is over. True if it followed before.
    pub fn failed(&mut self, place: usize, now: Duration) -> bool {
        let retry = now + self.least_off.max(RETRY);
        let Some(slot) = self.slots.get_mut(place) else { return false };
        (slot.is_on, slot.since, slot.wish) = (false, now, None);
        slot.fault.replace(Fault { retry, is_asked: false }).is_none()
    }

    /// The places of the pins that did not follow when they were driven last.
    pub fn faults(&self) -> impl Iterator<Item = usize> {
        self.slots.iter().enumerate().filter(|(_, slot)| slot.fault.is_some()).map(|(place, _)| place)
    }

    /// The pin at that place has followed.
    pub fn followed(&mut self, place: usize) {
        if let Some(slot) = self.slots.get_mut(place) {
            slot.fault = None;
        }
    }

    /// Works out what changes at `now`: the places and whether they are on from now on.
    pub fn step(&mut self, now: Duration) -> Vec<(usize, bool)> {
        let mut changes = Vec::new();
        let Self { slots, target, permission, .. } = self;
        for (place, slot) in slots.iter_mut().enumerate() {
            slot.wish = slot.wish.filter(|(_, until)| until.is_none_or(|until| now < until));
            let is_permitted = slot.is_permitted(*permission);
            let is_wanted = slot.is_wanted(*target) && is_permitted;
            let least = if slot.is_on { self.least_on } else { self.least_off };
            let is_free = slot.role == Role::Identify || now >= slot.since + least;
            let is_asked = slot.fault.is_some_and(|fault| fault.is_asked);
            let may_try = slot.fault.is_none_or(|fault| fault.is_asked || now >= fault.retry);
            let goes_off = (slot.is_on && !is_permitted) || (is_asked && !is_wanted);
            let may_change = goes_off || (is_free && may_try);
            // A pin that did not follow is driven again even to where it ought to be.
            if (is_wanted != slot.is_on || is_asked) && may_change {
                (slot.is_on, slot.since) = (is_wanted, now);
                slot.fault = slot.fault.map(|fault| Fault { is_asked: false, ..fault });
                changes.push((place, is_wanted));
            }
        }
        changes
    }

    /// When to call [`Self::step`] again though nobody says anything.
    pub fn next(&self, now: Duration) -> Option<Duration> {
        let of_slot = |slot: &Slot| {
            let ends = slot.wish.and_then(|(_, until)| until);
            let is_wanted = slot.is_wanted(self.target) && slot.is_permitted(self.permission);
            let least = if slot.is_on { self.least_on } else { self.least_off };
            let free = slot.since + least;
            let free = slot.fault.map_or(free, |fault| free.max(fault.retry));
            let waits = (is_wanted != slot.is_on).then_some(free);
            [ends, waits].into_iter().flatten().min()
        };
        self.slots.iter().filter_map(of_slot).min().map(|at| at.max(now))
    }
}

impl Slot {
    fn is_permitted(&self, permission: Permission) -> bool {
        match self.role {
            Role::Charge => permission.charge,
            Role::Load => permission.load,
            Role::Identify | Role::Other => true,
        }
    }

    fn is_wanted(&self, target: Target) -> bool {
        let by_mode = match self.role {
            Role::Charge => matches!(target, Target::Auto | Target::ManualCharge),
            Role::Load => matches!(target, Target::Auto | Target::ManualDischarge),
            Role::Identify | Role::Other => false,
        };
        self.wish.map_or(by_mode, |(is_on, _)| is_on)
    }
}

#[cfg(test)]
mod tests;
