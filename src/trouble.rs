//! What is worth telling of something that fails and comes back: each change of state at once while changes are few,
//! then summaries at growing intervals. A day of trouble makes about a dozen lines, whatever it looks like.

use std::time::Duration;

use tokio::time::Instant;

/// One thing that works or does not, and what has been told of it.
#[derive(Debug, Default)]
pub struct Trouble {
    /// `None` until it was first tried.
    failing: Option<bool>,
    /// Since when it works or does not.
    since: Option<Instant>,
    /// What people were told last.
    told_failing: bool,
    /// Changes told at once since the last calm.
    told: u32,
    /// Changes that nobody was told of.
    untold: u32,
    /// The kinds of failure that were told.
    kinds: Vec<&'static str>,
    /// When the next summary may come, and the interval after it.
    next: Option<(Instant, Duration)>,
}

/// What people should be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It works: for the first time, or again.
    Works,
    /// It has failed.
    Failed,
    /// It still fails, in a way that was not told yet.
    FailsOtherwise,
    /// It still fails.
    StillFails,
    /// It came and went so often since the last news.
    Unsteady(u32),
}

/// Changes that are told at once: more of them without a calm between are an unsteady thing.
const AT_ONCE: u32 = 5;
/// Kinds of failure that are told at once beside the first.
const MORE_KINDS: usize = 2;
/// The first interval between summaries; each is twice the one before.
const FIRST: Duration = Duration::from_mins(2);
/// The longest interval.
const LONGEST: Duration = Duration::from_hours(8);
/// A recovery that was not told at once is told when it has held for this long.
const SETTLED: Duration = Duration::from_mins(1);
/// What has worked for this long starts with a clean slate.
const CALM: Duration = Duration::from_hours(1);

impl Trouble {
    /// It has failed; `kind` names the sort of failure.
    pub fn failed(&mut self, kind: &'static str, now: Instant) -> Option<News> {
        if self.failing != Some(true) {
            self.turn(true, now);
            if self.may_tell_at_once() {
                self.note_kind(kind);
                return Some(self.tell(News::Failed));
            }
        } else if !self.kinds.contains(&kind) && self.kinds.len() <= MORE_KINDS && self.told_failing {
            self.note_kind(kind);
            return Some(News::FailsOtherwise);
        }
        self.summary(now)
    }

    /// It works. To be called now and then while it does.
    pub fn works(&mut self, now: Instant) -> Option<News> {
        if self.failing != Some(false) {
            self.turn(false, now);
            if self.may_tell_at_once() {
                return Some(self.tell(News::Works));
            }
        }
        let held = self.held(now);
        if self.told_failing && held >= SETTLED {
            self.untold = 0;
            return Some(self.tell(News::Works));
        }
        if held >= CALM {
            let untold = self.untold;
            *self = Self { failing: self.failing, since: self.since, ..Self::default() };
            return (untold > 0).then_some(News::Unsteady(untold));
        }
        if self.untold > 0 { self.summary(now) } else { None }
    }

    /// How long it has been as it is.
    pub fn held(&self, now: Instant) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn turn(&mut self, failing: bool, now: Instant) {
        self.failing = Some(failing);
        self.since = Some(now);
        if failing {
            // What has just been told at once needs no summary yet; the intervals go on growing.
            let (due, interval) = self.next.unwrap_or((now, FIRST * 2));
            self.next = Some((if self.told < AT_ONCE { due.max(now + FIRST) } else { due }, interval));
        }
    }

    fn may_tell_at_once(&mut self) -> bool {
        let may = self.told < AT_ONCE;
        if may {
            self.told += 1;
        } else {
            self.untold += 1;
        }
        may
    }

    fn note_kind(&mut self, kind: &'static str) {
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
    }

    fn summary(&mut self, now: Instant) -> Option<News> {
        let (due, interval) = self.next.filter(|(due, _)| now >= *due)?;
        // After a pause in which nothing was due the intervals go on from now.
        self.next = Some((now.max(due) + interval, (interval * 2).min(LONGEST)));
        let untold = std::mem::take(&mut self.untold);
        Some(self.tell(if untold > 0 { News::Unsteady(untold) } else { News::StillFails }))
    }

    fn tell(&mut self, news: News) -> News {
        self.told_failing = self.failing == Some(true);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: Duration = Duration::from_hours(24);

    /// What is told in a day of one look a second.
    fn a_day(mut fails: impl FnMut(u64) -> Option<&'static str>) -> Vec<News> {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let look = |second: u64| {
            let now = start + Duration::from_secs(second);
            match fails(second) {
                Some(kind) => trouble.failed(kind, now),
                None => trouble.works(now),
            }
        };
        (0..DAY.as_secs()).filter_map(look).collect()
    }

    #[test]
    fn what_works_is_told_once() {
        assert_eq!(a_day(|_| None), [News::Works]);
    }

    #[test]
    fn a_day_of_failure_is_told_at_growing_intervals() {
        let told = a_day(|_| Some("a"));
        assert_eq!(told[0], News::Failed);
        assert!(told[1..].iter().all(|news| *news == News::StillFails), "{told:?}");
        assert!((8..=11).contains(&told.len()), "{told:?}");
    }

    #[test]
    fn the_end_of_a_long_failure_is_told_at_once() {
        let told = a_day(|second| (10..80_000).contains(&second).then_some("a"));
        assert_eq!((told[0], told[1]), (News::Works, News::Failed));
        assert_eq!(told.last(), Some(&News::Works));
    }

    #[test]
    fn another_cause_is_news_but_causes_that_take_turns_are_not() {
        let told = a_day(|second| Some(["a", "b", "c", "d", "e"][(second % 5) as usize]));
        assert_eq!(told.iter().filter(|news| **news == News::FailsOtherwise).count(), MORE_KINDS);
        assert!(told.len() <= 13, "{told:?}");
    }

    #[test]
    fn what_comes_and_goes_is_told_a_few_times_and_then_in_summaries() {
        let told = a_day(|second| (second % 2 == 0).then_some("a"));
        assert_eq!(told[..5], [News::Failed, News::Works, News::Failed, News::Works, News::Failed]);
        assert!(told[5..].iter().all(|news| matches!(news, News::Unsteady(n) if *n > 100)), "{told:?}");
        assert!(told.len() <= 16, "{told:?}");
    }

    #[test]
    fn a_recovery_that_was_not_told_at_once_is_told_when_it_has_held() {
        let told = a_day(|second| (second < 9 && second % 2 == 0).then_some("a"));
        assert_eq!(told.last(), Some(&News::Works), "{told:?}");
    }

    proptest! {
        #[test]
        fn no_pattern_fills_a_log_and_what_was_told_last_is_true_in_the_end(
            pattern in prop::collection::vec((any::<bool>(), 1usize..10_000, 0usize..4), 1..50)
        ) {
            let seconds = pattern.iter().flat_map(|&(fails, seconds, kind)| {
                std::iter::repeat_n(fails.then_some(["a", "b", "c", "d"][kind]), seconds)
            });
            let day: Vec<_> = seconds.cycle().take(86_400).collect();
            let (mut trouble, mut now) = (Trouble::default(), Instant::now());
            let (mut told, mut told_failing) = (0, None);
            let long_after = std::iter::repeat_n(*day.last().unwrap(), 9 * 3600);
            for (second, state) in day.iter().copied().chain(long_after).enumerate() {
                now += Duration::from_secs(1);
                let news = match state {
                    Some(kind) => trouble.failed(kind, now),
                    None => trouble.works(now),
                };
                if news.is_some() {
                    told_failing = Some(state.is_some());
                    told += usize::from(second < day.len());
                }
            }
            // An hour of calm starts anew.
            prop_assert!(told <= 24 * 7, "{}", told);
            prop_assert_eq!(told_failing, Some(day.last().unwrap().is_some()));
        }
    }
}
