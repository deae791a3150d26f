//! Histories that are made up.

use ems_protocol::Telemetry;
use proptest::prelude::*;

use super::bench::Bench;
use super::sample::{place, sample};

/// What happens to a store.
#[derive(Debug, Clone)]
enum Act {
    /// Samples arrive: the first number, how many, and how far they lie apart (ms).
    Insert(u64, u64, i64),
    /// The sealer makes so many steps.
    Seal(usize),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0_u64..400, 1_u64..90, any::<bool>()).prop_map(|(first, count, back)| Act::Insert(first, count, if back { -1 } else { 1 })),
        4 => (1_usize..6).prop_map(Act::Seal),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]
    #[test]
    fn every_answer_is_that_of_a_plain_list_whatever_is_sealed(acts in prop::collection::vec(act(), 1..12)) {
        let mut bench = Bench::new();
        for act in acts {
            match act {
                Act::Insert(first, count, direction) => {
                    let mut numbers: Vec<u64> = (first..first + count).collect();
                    if direction < 0 {
                        numbers.reverse();
                    }
                    let samples: Vec<Telemetry> = numbers.into_iter().map(|seq| sample(seq, place(seq))).collect();
                    bench.insert(&samples);
                }
                Act::Seal(steps) => {
                    for _ in 0..steps {
                        bench.step();
                    }
                }
                Act::Restart => bench.restart(),
            }
            bench.check();
        }
        bench.seal_all();
        bench.check();
    }
}

/// Histories that are made up; `EMS_TEST_HISTORIES` makes it more.
fn cases() -> u32 {
    std::env::var("EMS_TEST_HISTORIES").ok().and_then(|count| count.parse().ok()).unwrap_or(12)
}
