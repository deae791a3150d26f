//! Any order of samples, confirmations, kills and copies.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Push(u64),
    Boot,
    Confirm { skip: usize, count: usize },
    Kill,
    Copy,
    Close,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..150u64).prop_map(Step::Push),
        1 => Just(Step::Boot),
        4 => (0..40usize, 1..200usize).prop_map(|(skip, count)| Step::Confirm { skip, count }),
        1 => Just(Step::Kill),
        1 => Just(Step::Copy),
        1 => Just(Step::Close),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn whatever_happens_every_unconfirmed_sample_is_there_once(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut dir = folder();
        let mut card = open(dir.path()).0;
        let (mut boot, mut next) = (0, 0);
        let mut unconfirmed: BTreeSet<(String, u64)> = BTreeSet::new();
        let mut confirmed: BTreeSet<(String, u64)> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Push(count) => {
                    let name = format!("boot-{boot}");
                    card.push(&name, &run(next..next + count)).unwrap();
                    unconfirmed.extend((next..next + count).map(|n| (name.clone(), n)));
                    next += count;
                }
                Step::Boot => boot += 1,
                Step::Confirm { skip, count } => {
                    let given = waiting(&mut card);
                    for (boot, seq) in given.into_iter().skip(skip).take(count) {
                        prop_assert_eq!(card.remove(&boot, &std::iter::once(seq).collect()).unwrap(), 1);
                        unconfirmed.remove(&(boot.clone(), seq));
                        confirmed.insert((boot, seq));
                    }
                }
                Step::Close => {
                    card.close().unwrap();
                    confirmed.clear();
                    card = open(dir.path()).0;
                }
                Step::Kill | Step::Copy => {
                    if matches!(step, Step::Copy) {
                        let other = folder();
                        copy(dir.path(), other.path());
                        dir = other;
                    }
                    drop(card);
                    card = open(dir.path()).0;
                    // What was confirmed just before may come again: the cloud knows it.
                    let there: BTreeSet<_> = waiting(&mut card).into_iter().collect();
                    prop_assert!(there.iter().all(|s| unconfirmed.contains(s) || confirmed.contains(s)));
                    prop_assert!(unconfirmed.is_subset(&there));
                    unconfirmed = there;
                }
            }
            let given = waiting(&mut card);
            prop_assert_eq!(card.stats().samples, given.len() as u64);
            prop_assert_eq!(given.len(), unconfirmed.len());
            prop_assert_eq!(given.into_iter().collect::<BTreeSet<_>>(), unconfirmed.clone());
            prop_assert_eq!(card.take_notices(), vec![]);
        }
    }
}
