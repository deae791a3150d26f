//! Events on their way to the cloud: each is kept until the peer has read it.

use tokio::sync::mpsc;

use super::unread::Unread;
use crate::events::Event;

/// Events that were taken from the recorder and not confirmed yet.
pub(super) struct EventQueue(Unread<Event>);

/// Events under way at once; the others stay with the recorder, which bounds them.
const UNDER_WAY: usize = 16;
/// What a barrier's payload begins with: a sample's barrier is its number alone.
pub(super) const MARK: u8 = b'e';
/// The payload of a Ping that follows an event.
type Barrier = [u8; 9];

impl EventQueue {
    pub(super) fn new(incoming: mpsc::Receiver<Event>) -> Self {
        Self(Unread::new(incoming, UNDER_WAY))
    }

    /// A connection begins: nothing of what waits has been sent over it.
    pub(super) fn begin_session(&mut self) {
        self.0.begin_session();
    }

    /// Ends when there is one more to send. Cancel-safe.
    pub(super) async fn filled(&mut self) {
        self.0.filled().await;
    }

    /// The next event to send, and the payload of the Ping to send after it.
    pub(super) fn next(&mut self) -> Option<(&Event, Barrier)> {
        // The mark that it will have been sent with.
        let [b0, b1, b2, b3, b4, b5, b6, b7] = (self.0.mark() + 1).to_be_bytes();
        Some((self.0.next()?, [MARK, b0, b1, b2, b3, b4, b5, b6, b7]))
    }

    /// A Pong came: everything before its Ping has been read.
    pub(super) fn passed_barrier(&mut self, payload: &[u8]) {
        let Some((&MARK, number)) = payload.split_first() else { return };
        // The number of the last sample's barrier may follow; anything else is a Pong that nobody asked for.
        let (Some(number), 8 | 16) = (number.first_chunk(), number.len()) else { return };
        let number = u64::from_be_bytes(*number);
        self.0.read_up_to(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{BootTime, Clock, SystemTime};
    use crate::events::Incident;
    use ems_protocol::Severity;

    fn event(number: u64) -> Event {
        let incident = Incident::new(Severity::Info, "X", "");
        Event::new(incident, "boot", BootTime(number), &Clock::new(SystemTime))
    }

    async fn queue(events: u64) -> EventQueue {
        let (sender, receiver) = mpsc::channel(64);
        for number in 0..events {
            sender.send(event(number)).await.unwrap();
        }
        let mut queue = EventQueue::new(receiver);
        for _ in 0..events.min(UNDER_WAY as u64) {
            queue.filled().await;
        }
        queue
    }

    fn send_all(queue: &mut EventQueue) -> Vec<(u64, Barrier)> {
        std::iter::from_fn(|| queue.next().map(|(event, barrier)| (event.boottime_ms, barrier))).collect()
    }

    #[tokio::test]
    async fn an_event_is_sent_again_in_the_next_connection_until_its_barrier_comes_back() {
        let mut queue = queue(3).await;
        let first = send_all(&mut queue);
        assert_eq!(first.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1, 2]);
        queue.passed_barrier(&first[1].1);
        queue.begin_session();
        let second = send_all(&mut queue);
        assert_eq!(second.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2]);
        queue.passed_barrier(&second[0].1);
        queue.begin_session();
        assert!(send_all(&mut queue).is_empty());
    }

    #[tokio::test]
    async fn a_pong_that_is_no_barrier_of_this_connection_confirms_nothing() {
        let mut queue = queue(2).await;
        let sent = send_all(&mut queue);
        queue.begin_session();
        for payload in [&[][..], &7u64.to_be_bytes(), &[MARK], &sent[1].1] {
            queue.passed_barrier(payload);
        }
        assert_eq!(send_all(&mut queue).len(), 2);
    }

    #[tokio::test]
    async fn what_is_under_way_is_bounded() {
        let mut queue = queue(64).await;
        assert_eq!(send_all(&mut queue).len(), UNDER_WAY);
        let full = tokio::time::timeout(std::time::Duration::from_millis(1), queue.filled()).await;
        assert!(full.is_err(), "it took one more");
    }
}
