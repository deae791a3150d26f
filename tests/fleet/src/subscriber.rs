//! One dashboard: it counts the samples that it is shown.

use std::rc::Rc;

use crate::device::{Counts, Departures, add};
use crate::sample;
use crate::socket::{Frame, Socket};

/// Reads until the connection ends.
pub(crate) async fn watch(mut socket: Socket, departures: Rc<Departures>, counts: Rc<Counts>) {
    let mut last = None;
    while let Ok(frame) = socket.receive().await {
        let Frame::Text(text) = frame else { continue };
        let Some(seq) = sample::seq_of(&text) else { continue };
        let Some(took) = departures.since(seq) else {
            // Of an earlier run: what was known before this one began.
            continue;
        };
        // A number is never shown twice; what lies between two that are shown was left out.
        let missing = last.map_or(0, |last: u64| seq.saturating_sub(last + 1));
        last = Some(seq);
        add(&counts.skipped, missing);
        add(&counts.delivered, 1);
        if counts.measuring.get() {
            counts.deliveries.borrow_mut().add(took);
        }
    }
    add(&counts.ended, 1);
}
