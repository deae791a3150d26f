//! The simulated hardware, wired as the control file says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ems_simulator::{
    Ads1115, BusFault, Chip, Clock, Faults, Ina219, Ina226, Ina228, Max17048, Message as BusMessage,
    SimulatedBus, Terminals,
};
use rustix::io::Errno;

use crate::control::{ChipLine, Control, Input, Kind228, KindOfGauge, Model, Scope};
use crate::pack::WatchedPack;
use crate::registers::RegisterFile;
use crate::wire::{Data, Message};

/// A bus with chips on it.
pub(crate) struct Bench {
    control: Control,
    bus: SimulatedBus,
    chips: BTreeMap<u8, Plugged>,
    /// Since when pulses come.
    began: Instant,
}

/// The handles to a chip that is on the bus.
struct Plugged {
    terminals: Terminals,
    brown_out: Box<dyn Fn() + Send>,
}

/// What keeps a transfer from being carried out now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It takes so much longer.
    Slow(Duration),
    /// It does not come back while the control file says so.
    Hangs,
}

impl Default for Bench {
    fn default() -> Self {
        let (control, bus) = (Control::default(), SimulatedBus::default());
        Self { control, bus, chips: BTreeMap::new(), began: Instant::now() }
    }
}

impl Bench {
    /// Rewires the bench. A chip whose kind stays keeps its registers.
    pub(crate) fn apply(&mut self, control: Control) {
        let before = std::mem::replace(&mut self.control, control);
        for address in before.chips.keys().filter(|address| !self.control.chips.contains_key(address)) {
            self.bus.detach(*address);
            self.chips.remove(address);
        }
        for (&address, line) in &self.control.chips {
            let stays = before.chips.get(&address).is_some_and(|old| old.model == line.model);
            match self.chips.get(&address) {
                Some(plugged) if stays => {
                    set(&plugged.terminals, line.input);
                    let reset = self.control.resets.get(&address);
                    if reset.is_some() && reset != before.resets.get(&address) {
                        (plugged.brown_out)();
                    }
                }
                _ => {
                    let (chip, plugged) = plug(line);
                    self.bus.attach(address, chip);
                    self.chips.insert(address, plugged);
                }
            }
        }
    }

    /// Whether a kernel driver owns `address`.
    pub(crate) fn is_busy(&self, address: u16) -> bool {
        u8::try_from(address).is_ok_and(|address| self.control.busy.contains(&address))
    }

    /// Whether the controller refuses the transfer before it touches the wires, as `i2c-bcm2835` refuses
    /// a read that is not the last message.
    pub(crate) fn refuses(&self, messages: &[Message]) -> bool {
        let before_last = messages.len().saturating_sub(1);
        self.control.reject_read_not_last
            && messages.iter().take(before_last).any(|message| matches!(message.data, Data::Read(_)))
    }

    /// What stands in the way of a transfer that was begun `elapsed` ago.
    pub(crate) fn obstacle(&self, messages: &[Message], elapsed: Duration) -> Option<Obstacle> {
        if narrowest(messages, |scope| self.control.hangs.contains(&scope).then_some(())).is_some() {
            return Some(Obstacle::Hangs);
        }
        let delay = narrowest(messages, |scope| self.control.delays.get(&scope).copied())?;
        delay.checked_sub(elapsed).filter(|rest| !rest.is_zero()).map(Obstacle::Slow)
    }

    /// Carries the transfer out, at once.
    pub(crate) fn carry_out(&self, messages: &mut [Message]) -> Result<(), Errno> {
        if let Some(errno) = narrowest(messages, |scope| self.control.faults.get(&scope).copied()) {
            return Err(Errno::from_raw_os_error(errno));
        }
        // One message at a time: those of one transfer may call different addresses. Nothing comes between
        // them, since the bench is borrowed by one transfer at a time.
        for message in messages {
            let address = u8::try_from(message.address).map_err(|_| Errno::REMOTEIO)?;
            self.pulse(address);
            let on_the_wire = match &mut message.data {
                Data::Write(bytes) => BusMessage::Write(bytes),
                Data::Read(buffer) => BusMessage::Read(buffer),
            };
            self.bus
                .transfer(address, &mut [on_the_wire])
                .map_err(|BusFault { errno }| Errno::from_raw_os_error(errno))?;
        }
        Ok(())
    }
}

impl Bench {
    /// Puts on the shunt of a chip with pulses what is there now.
    fn pulse(&self, address: u8) {
        let (Some(line), Some(plugged)) = (self.control.chips.get(&address), self.chips.get(&address)) else {
            return;
        };
        let input = line.input;
        if input.period_ms > 0.0 {
            let phase = (self.began.elapsed().as_secs_f64() * 1000.0) % input.period_ms;
            let shunt_mv = if phase < input.pulse_ms { input.pulse_mv } else { input.shunt_mv };
            plugged.terminals.set(input.volts, shunt_mv / 1000.0);
        }
    }
}

/// The finding for the first address that has one of its own, else the one for the whole bus.
fn narrowest<T>(messages: &[Message], find: impl Fn(Scope) -> Option<T>) -> Option<T> {
    messages.iter().find_map(|message| find(Some(u8::try_from(message.address).ok()?))).or_else(|| find(None))
}

fn plug(line: &ChipLine) -> (Box<dyn Chip>, Plugged) {
    let terminals = Terminals::default();
    set(&terminals, line.input);
    let (chip, brown_out): (Box<dyn Chip>, Box<dyn Fn() + Send>) = match &line.model {
        Model::Ina219 => {
            let chip = Ina219::new(terminals.clone());
            let faults = chip.faults();
            (Box::new(chip), starts_again(faults))
        }
        Model::Ina226(ids) => {
            let chip = Ina226::new(terminals.clone());
            let chip = match *ids {
                Some((manufacturer, die)) => chip.with_ids(manufacturer, die),
                None => chip,
            };
            let faults = chip.faults();
            (Box::new(chip), starts_again(faults))
        }
        Model::Ina228(kind, ids) => {
            let powered = match kind {
                Kind228::Ina228 => Ina228::with_clock,
                Kind228::Ina237 => Ina228::ina237,
                Kind228::Ina238 => Ina228::ina238,
            };
            let chip = powered(terminals.clone(), Clock::monotonic());
            let chip = match *ids {
                Some((manufacturer, device)) => chip.with_ids(manufacturer, device),
                None => chip,
            };
            let faults = chip.faults();
            (Box::new(chip), starts_again(faults))
        }
        Model::Max17048(kind) => {
            let powered = match kind {
                KindOfGauge::Max17040 => Max17048::max17040,
                KindOfGauge::Max17043 => Max17048::max17043,
                KindOfGauge::Max17048 => Max17048::with_clock,
            };
            let chip = powered(terminals.clone(), Clock::monotonic());
            let faults = chip.faults();
            (Box::new(chip), starts_again(faults))
        }
        Model::Ads1115 => {
            let chip = Ads1115::new(terminals.clone());
            let faults = chip.faults();
            (Box::new(chip), starts_again(faults))
        }
        Model::Registers(at_power_on) => {
            let (flag, brown_out) = brown_out_flag();
            (Box::new(RegisterFile::new(at_power_on.clone(), flag)), brown_out)
        }
        Model::Pack => {
            let (flag, brown_out) = brown_out_flag();
            (Box::new(WatchedPack::new(flag)), brown_out)
        }
    };
    (chip, Plugged { terminals, brown_out })
}

fn starts_again(faults: Faults) -> Box<dyn Fn() + Send> {
    Box::new(move || faults.brown_out())
}

fn brown_out_flag() -> (Arc<AtomicBool>, Box<dyn Fn() + Send>) {
    let flag = Arc::new(AtomicBool::new(false));
    (Arc::clone(&flag), Box::new(move || flag.store(true, Ordering::Relaxed)))
}

fn set(terminals: &Terminals, input: Input) {
    terminals.set(input.volts, input.shunt_mv / 1000.0);
    if input.noise_mv.max(input.shunt_noise_mv) > 0.0 {
        terminals.set_noise(input.noise_mv / 1000.0, input.shunt_noise_mv / 1000.0, 1);
    }
}
