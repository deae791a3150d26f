//! When late samples came, so that whoever was away can be told what to fetch again.

use std::collections::VecDeque;

/// Spans that are remembered; beyond it the oldest two are told as one.
const MAX_SPANS: usize = 16;

/// Late samples of one device that were stored since the server started.
#[derive(Default)]
pub(super) struct LateSpans(VecDeque<Span>);

/// All times in ms since 1970.
struct Span {
    /// When the last of them came.
    received: i64,
    from: i64,
    to: i64,
}

impl LateSpans {
    pub(super) fn note(&mut self, received: i64, from: i64, to: i64) {
        if self.0.len() >= MAX_SPANS
            && let (Some(oldest), Some(next)) = (self.0.pop_front(), self.0.front_mut())
        {
            (next.from, next.to) = (next.from.min(oldest.from), next.to.max(oldest.to));
        }
        self.0.push_back(Span { received, from, to });
    }

    /// Those that came from `since` on.
    pub(super) fn since(&self, since: i64) -> Vec<(i64, i64)> {
        self.0.iter().filter(|span| span.received >= since).map(|span| (span.from, span.to)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_late_is_told_from_its_arrival_on_and_never_forgotten() {
        let mut late = LateSpans::default();
        for received in 0..100 {
            late.note(received, received * 10, received * 10 + 5);
        }
        assert_eq!(late.since(99), [(990, 995)]);
        let all = late.since(0);
        assert_eq!((all.len(), all[0].0, all.last().unwrap().1), (MAX_SPANS, 0, 995));
    }
}
