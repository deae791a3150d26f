//! The server's end of one device connection: what others have for it to send.

use std::sync::Mutex;

use data_encoding::HEXLOWER;
use ems_protocol::{CloseCode, SeqRanges};

use crate::auth::token::TokenHash;
use crate::bell::Bell;
use crate::sync::Locked;

/// Messages to the store that one connection may have under way; then its socket is not read.
pub const MAX_IN_FLIGHT: usize = 8;

/// One authenticated connection of a device.
pub struct Link {
    /// Names it in logs and in `device.welcome`.
    pub session_id: String,
    /// The token that it came with.
    pub token: TokenHash,
    outbox: Mutex<Outbox>,
    wake: Bell,
}

/// What waits to be sent. Bounded: acknowledgements by [`MAX_IN_FLIGHT`], the rest are single values.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Durable samples by boot.
    pub acks: Vec<(String, SeqRanges)>,
    /// Samples that the store did not take.
    pub unavailable: usize,
    /// Messages that the store has not answered.
    pub in_flight: usize,
    /// Commands wait in the store.
    pub commands: bool,
    /// Why the connection must end.
    pub close: Option<(CloseCode, &'static str)>,
}

impl Link {
    /// A connection that came with `token`.
    pub fn new(token: TokenHash) -> Self {
        let mut id = [0; 8];
        // Only a label: should the kernel have no random bits, it is zero.
        let _ = getrandom::fill(&mut id);
        Self { session_id: HEXLOWER.encode(&id), token, outbox: Mutex::default(), wake: Bell::default() }
    }

    /// Returns when there may be something in the outbox.
    pub async fn woken(&self) {
        self.wake.rung().await;
    }

    /// Takes all that waits.
    pub fn take(&self) -> Outbox {
        let mut outbox = self.outbox.locked();
        let in_flight = outbox.in_flight;
        let close = outbox.close;
        std::mem::replace(&mut *outbox, Outbox { in_flight, close, ..Outbox::default() })
    }

    /// Whether the store owes this connection so many answers that it must wait.
    pub fn is_full(&self) -> bool {
        self.outbox.locked().in_flight >= MAX_IN_FLIGHT
    }

    /// A message goes to the store.
    pub fn begin(&self) {
        self.outbox.locked().in_flight += 1;
    }

    /// The store has made samples durable.
    pub fn stored(&self, acks: Vec<(String, SeqRanges)>) {
        let mut outbox = self.outbox.locked();
        outbox.in_flight = outbox.in_flight.saturating_sub(1);
        for (boot_id, ranges) in acks {
            match outbox.acks.iter_mut().find(|(known, _)| *known == boot_id) {
                Some((_, all)) => ranges.iter().for_each(|(first, last)| all.insert_range(first, last)),
                None => outbox.acks.push((boot_id, ranges)),
            }
        }
        drop(outbox);
        self.wake.ring();
    }

    /// The store has failed.
    pub fn not_stored(&self, samples: usize) {
        let mut outbox = self.outbox.locked();
        outbox.in_flight = outbox.in_flight.saturating_sub(1);
        outbox.unavailable += samples;
        drop(outbox);
        self.wake.ring();
    }

    /// There may be commands in the store.
    pub fn call(&self) {
        self.outbox.locked().commands = true;
        self.wake.ring();
    }

    /// Whether the connection was told to end.
    pub fn is_closing(&self) -> bool {
        self.outbox.locked().close.is_some()
    }

    /// Ends the connection; the first reason stands.
    pub fn close(&self, code: CloseCode, reason: &'static str) {
        self.outbox.locked().close.get_or_insert((code, reason));
        self.wake.ring();
    }
}
