//! What the daemon sends: live samples, the backlog beside them, answers to commands, events; and the Pings whose Pongs
//! prove that the server has read what went before.

use std::time::Instant;

use ems_protocol::{Hello, SeqRanges, TelemetryBatch, encode, kind};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{Sent, Session};
use crate::sample::{FIRMWARE_VERSION, Sample};
use crate::store::{Batch, Pick};
use crate::uplink::event_queue;
use crate::uplink::upgrade::Mode;

impl Session<'_> {
    pub(super) fn hello(&self) -> String {
        let hello = Hello {
            boot_id: self.context.identity.boot_id.clone(),
            firmware_version: FIRMWARE_VERSION.to_owned(),
            hardware_model: self.context.hardware_model.clone(),
            sensor: Some(self.context.sensor.clone()),
            actions: self.context.commands.offered(),
            backlog: self.backlog.state().waiting(),
            boottime_ms: self.context.clock.boottime().0,
        };
        encode(kind::HELLO, &hello)
    }

    /// Live samples as they come; one batch of the backlog at a time, when the wire is free.
    pub(super) fn send_what_may_go(&mut self) -> Result<(), tungstenite::Error> {
        let Some(max_batch) = self.max_batch else { return Ok(()) };
        while self.wire.is_idle() {
            let may_batch = self.batch_not_before <= Instant::now();
            match self.backlog.pick(if may_batch { max_batch } else { 0 }) {
                None => break,
                Some(Pick::Live(sample)) => self.send_live(sample)?,
                Some(Pick::Backlog(batch)) => {
                    let samples = u32::try_from(batch.samples.len()).unwrap_or(u32::MAX);
                    self.batch_not_before = Instant::now() + self.context.backlog_pace * samples;
                    self.send_batch(&batch)?;
                }
            }
        }
        self.send_answers()?;
        self.send_event()?;
        self.send_positions()
    }

    /// All answers that wait, in both modes.
    fn send_answers(&mut self) -> Result<(), tungstenite::Error> {
        let mut any = false;
        while let Some(ack) = self.answers.next() {
            self.wire.reply(Message::text(encode(kind::COMMAND_ACK, ack)))?;
            any = true;
        }
        if any { self.barrier(Sent::Answers(self.answers.mark())) } else { Ok(()) }
    }

    /// One event, when the wire is free: samples come first. The Pong after it proves that it has been read.
    fn send_event(&mut self) -> Result<(), tungstenite::Error> {
        if self.mode == Mode::Typed
            && self.wire.is_idle()
            && let Some((event, barrier)) = self.events.next()
        {
            let event = event.device_event(&self.context.identity.boot_id, &self.context.clock);
            self.wire.queue(Message::text(encode(kind::EVENT, &event)))?;
            // A peer may answer the last Ping alone (RFC 6455 section 5.5.3): this one stands for those before it, too.
            let payload = [&barrier[..], &self.pings.to_be_bytes()].concat();
            self.wire.queue(Message::Ping(payload.into()))?;
        }
        Ok(())
    }

    /// Where UWB tags are: the latest of each, when the wire is free. There is no confirmation of these.
    fn send_positions(&mut self) -> Result<(), tungstenite::Error> {
        while self.mode == Mode::Typed
            && self.wire.is_idle()
            && let Some(location) = self.context.positions.next(&self.context.clock)
        {
            self.wire.queue(Message::text(encode(kind::UWB_LOCATION, &location)))?;
        }
        Ok(())
    }

    fn send_live(&mut self, sample: Sample) -> Result<(), tungstenite::Error> {
        let identity = &self.context.identity;
        let label = self.context.clock.label(sample.taken);
        let mut object = sample.telemetry(&identity.device_id, &identity.boot_id, label);
        if let Some(status) = &mut object.system_status {
            self.context.board.borrow_mut().state().fill(status);
        }
        match self.mode {
            Mode::Typed => self.wire.queue(Message::text(object.frame())),
            Mode::Plain => {
                // A reading that failed is a gap, and plain mode has no words for gaps.
                if !sample.is_gap() {
                    self.wire.queue(Message::text(object.text()))?;
                }
                self.barrier(Sent::Live(sample.seq))
            }
        }
    }

    fn send_batch(&mut self, batch: &Batch) -> Result<(), tungstenite::Error> {
        let label = |sample: &Sample| match batch.clock {
            None => self.context.clock.label(sample.taken),
            Some(clock) => clock.label(sample.taken),
        };
        let device_id = &self.context.identity.device_id;
        let object = |sample: &Sample| sample.telemetry(device_id, &batch.boot_id, label(sample));
        match self.mode {
            Mode::Typed => {
                let samples = batch.samples.iter().map(object).collect();
                self.wire.queue(Message::text(encode(kind::BATCH, &TelemetryBatch { samples })))
            }
            Mode::Plain => {
                for sample in batch.samples.iter().filter(|s| !s.is_gap()) {
                    self.wire.queue(Message::text(object(sample).text()))?;
                }
                self.barrier(Sent::Batch)
            }
        }
    }

    /// A Ping, whose Pong proves that every frame before it has been read.
    fn barrier(&mut self, sent: Sent) -> Result<(), tungstenite::Error> {
        self.pings += 1;
        self.barriers.push_back((self.pings, sent));
        self.last_ping = Instant::now();
        self.wire.queue(Message::Ping(self.pings.to_be_bytes().to_vec().into()))
    }

    /// One Pong may answer several Pings: it then stands for all of them. One that answers none confirms nothing: a peer
    /// may send Pongs of its own (RFC 6455 section 5.5.3).
    pub(super) fn passed_barrier(&mut self, payload: &[u8]) {
        let Some(number) = pinged(payload).filter(|number| *number <= self.pings) else { return };
        let boot_id = &self.context.identity.boot_id;
        while let Some((_, sent)) = self.barriers.pop_front_if(|(ping, _)| *ping <= number) {
            match sent {
                Sent::Live(seq) => self.backlog.confirm(boot_id, &SeqRanges::from_iter([seq])),
                Sent::Batch => self.backlog.confirm_in_flight(),
                Sent::Answers(mark) => {
                    self.answers.read_up_to(mark);
                    continue;
                }
            }
            self.last_progress = Instant::now();
        }
    }
}

/// The number of the last barrier that a Ping of this daemon stands for; nothing of what it does not send.
fn pinged(payload: &[u8]) -> Option<u64> {
    let number = match payload.strip_prefix(&[event_queue::MARK]) {
        Some(rest) if rest.len() == 16 => *rest.last_chunk()?,
        _ => payload.try_into().ok()?,
    };
    Some(u64::from_be_bytes(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pong_that_the_daemon_has_not_asked_for_has_no_number() {
        let alone = 7_u64.to_be_bytes();
        let with_event = [&b"e"[..], &3_u64.to_be_bytes(), &alone].concat();
        assert_eq!((pinged(&alone), pinged(&with_event)), (Some(7), Some(7)));
        let zeros = [&[0; 8][..], &alone].concat();
        for payload in [&b""[..], b"keepalive-123456", b"hello", &with_event[1..], &with_event[..16], &zeros]
        {
            assert_eq!(pinged(payload), None, "{payload:?}");
        }
    }
}
