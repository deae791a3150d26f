//! Sets of sequence numbers, kept as intervals.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of `u64`, stored as disjoint closed intervals that never touch. On the wire `[[first, last], …]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeqRanges {
    // first -> last
    intervals: BTreeMap<u64, u64>,
}

impl SeqRanges {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one number; false when it was there already.
    pub fn insert(&mut self, seq: u64) -> bool {
        if self.contains(seq) {
            return false;
        }
        self.insert_range(seq, seq);
        true
    }

    /// Adds all of `first..=last`; nothing when `first > last`.
    pub fn insert_range(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        let (mut first, mut last) = (first, last);
        // Everything that overlaps the new interval or touches it melts into it.
        while let Some((f, l)) = self.touching(first, last) {
            self.intervals.remove(&f);
            first = first.min(f);
            last = last.max(l);
        }
        self.intervals.insert(first, last);
    }

    /// Whether `seq` is in the set.
    pub fn contains(&self, seq: u64) -> bool {
        self.intervals.range(..=seq).next_back().is_some_and(|(_, &last)| seq <= last)
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }

    /// The intervals as (first, last), in rising order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.intervals.iter().map(|(&first, &last)| (first, last))
    }

    fn touching(&self, first: u64, last: u64) -> Option<(u64, u64)> {
        let (&f, &l) = self.intervals.range(..=last.saturating_add(1)).next_back()?;
        (l.saturating_add(1) >= first).then_some((f, l))
    }
}

impl FromIterator<u64> for SeqRanges {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut set = Self::new();
        for number in numbers {
            set.insert(number);
        }
        set
    }
}

impl Serialize for SeqRanges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|(first, last)| [first, last]))
    }
}

impl<'de> Deserialize<'de> for SeqRanges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut set = Self::new();
        for pair in Vec::<Vec<u64>>::deserialize(deserializer)? {
            match *pair.as_slice() {
                [first, last] if first <= last => set.insert_range(first, last),
                _ => {
                    return Err(D::Error::custom(
                        "expected pairs [first, last] of numbers with first <= last",
                    ));
                }
            }
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn neighbours_melt_and_the_wire_form_is_a_list_of_pairs() {
        let set: SeqRanges = [5, 7, 6, 1, u64::MAX].into_iter().collect();
        assert_eq!(serde_json::to_string(&set).unwrap(), format!("[[1,1],[5,7],[{0},{0}]]", u64::MAX));
        assert_eq!(
            serde_json::from_str::<SeqRanges>(
                "[[1,1],[5,6],[7,7],[18446744073709551615,18446744073709551615]]"
            )
            .unwrap(),
            set
        );
    }

    #[test]
    fn what_is_no_list_of_rising_pairs_is_refused() {
        for text in ["[[9,1]]", "[[1,2,3]]", "[[1]]", "[1,2]", "[[1,-2]]", "{}", "[[1,2.5]]"] {
            let error = serde_json::from_str::<SeqRanges>(text).unwrap_err();
            assert!(error.is_data(), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_set_holds(ranges in prop::collection::vec((0u64..60, 0u64..8), 0..30)) {
            let mut set = SeqRanges::new();
            let mut model = BTreeSet::new();
            for (first, length) in ranges {
                if length == 0 {
                    prop_assert_eq!(set.insert(first), model.insert(first));
                } else {
                    set.insert_range(first, first + length);
                    model.extend(first..=first + length);
                }
            }
            for n in 0..80 {
                prop_assert_eq!(set.contains(n), model.contains(&n));
            }
            let intervals: Vec<_> = set.iter().collect();
            prop_assert!(intervals.windows(2).all(|w| w[0].1 + 1 < w[1].0));
        }
    }
}
