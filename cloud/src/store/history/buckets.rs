//! The buckets of a plot, filled in the order of time.

use super::rollup::{Energy, Moment, Rollup};

/// Some time on the axis and what was measured in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Where it begins, ms since 1970.
    pub at: i64,
    /// Its samples. The energy includes that of the way from and to the neighbours.
    pub rollup: Rollup,
}

/// Buckets of the same width. Those without a sample are not there.
#[derive(Debug)]
pub struct Buckets {
    step: i64,
    filled: Vec<Bucket>,
    /// The longest step that was no gap where the last piece came from.
    longest: i64,
}

impl Buckets {
    /// None yet; each is `step` ms wide, and begins at a multiple of that.
    pub fn new(step: i64) -> Self {
        Self { step, filled: Vec::new(), longest: 0 }
    }

    /// Adds a piece that follows all others and lies within one bucket. `longest` is that of its hour, ms.
    pub fn push(&mut self, mut piece: Rollup, longest: i64) {
        let allowed = self.longest.max(longest);
        self.longest = longest;
        let at = piece.first.at.div_euclid(self.step) * self.step;
        match self.filled.last_mut() {
            Some(bucket) if bucket.at == at => bucket.rollup.merge(&piece, allowed),
            last => {
                if let Some(bucket) = last {
                    let (before, after) = split(&bucket.rollup.last, &piece.first, at, allowed);
                    bucket.rollup.energy.add(&before);
                    piece.energy.add(&after);
                }
                self.filled.push(Bucket { at, rollup: piece });
            }
        }
    }

    /// What has become of it.
    pub fn finish(self) -> Vec<Bucket> {
        self.filled
    }
}

/// The energy between two samples, before and after a border.
fn split(last: &Moment, first: &Moment, border: i64, longest: i64) -> (Energy, Energy) {
    if first.at - last.at > longest {
        return (Energy::default(), Energy::default());
    }
    let middle = last.between(first, border);
    (last.until(&middle, longest), middle.until(first, longest))
}
