//! The events that are kept, oldest first, bounded in bytes.

use std::collections::VecDeque;

use super::event::Event;

/// A bounded ring of events; at the bound the oldest go.
///
/// In memory: whoever has a place that outlives the process takes what [`Record::record`] gives back, and fills a new
/// record with [`Record::restore`].
#[derive(Debug, Default)]
pub struct Record {
    events: VecDeque<(Event, usize)>,
    bytes: usize,
}

/// The most that all events take as text, in bytes.
const MAX_BYTES: usize = 64 * 1024;

impl Record {
    /// The record of earlier runs; a text that is no event is left out.
    pub fn restore<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut record = Self::default();
        for event in texts.into_iter().filter_map(Event::from_text) {
            record.record(event);
        }
        record
    }

    /// Adds an event. Returns its text of at most [`super::MAX_TEXT`] bytes, to be stored.
    pub fn record(&mut self, event: Event) -> String {
        let text = event.to_text();
        self.bytes += text.len();
        self.events.push_back((event, text.len()));
        while self.bytes > MAX_BYTES
            && let Some((_, bytes)) = self.events.pop_front()
        {
            self.bytes -= bytes;
        }
        text
    }

    /// All events, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().rev().map(|(event, _)| event)
    }

    /// The last `limit` events, oldest first.
    pub fn recent(&self, limit: usize) -> impl Iterator<Item = &Event> {
        self.events.iter().skip(self.events.len().saturating_sub(limit)).map(|(event, _)| event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{BootTime, Clock, SystemTime};
    use crate::events::Incident;
    use ems_protocol::Severity;

    fn event(number: u64) -> Event {
        let incident = Incident::new(Severity::Info, "X", format!("{number:0400}"));
        Event::new(incident, "boot", BootTime(number), &Clock::new(SystemTime))
    }

    #[test]
    fn at_the_bound_the_oldest_go() {
        let mut record = Record::default();
        let texts: Vec<String> = (0..1000).map(|number| record.record(event(number))).collect();
        let kept: Vec<u64> = record.recent(usize::MAX).map(|event| event.boottime_ms).collect();
        assert_eq!(kept, (1000 - kept.len() as u64..1000).collect::<Vec<_>>());
        let bytes: usize = texts[1000 - kept.len()..].iter().map(String::len).sum();
        assert!((MAX_BYTES - crate::events::MAX_TEXT..=MAX_BYTES).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_record_is_restored_from_its_texts_and_garbage_is_left_out() {
        let mut record = Record::default();
        let mut texts: Vec<String> = (0..3).map(|number| record.record(event(number))).collect();
        texts.insert(1, "{\"code\":7}".to_owned());
        let restored = Record::restore(texts.iter().map(String::as_str));
        assert!(restored.recent(9).eq(record.recent(9)));
        assert_eq!(restored.recent(1).next().unwrap().boottime_ms, 2);
    }
}
