//! What networks do to a connection, and how to tell that no sample suffered.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::Duration;

use crate::proxy::{Cut, Proxy};
use crate::sample::Sample;

/// A trouble of the network, from its beginning to its end.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// What happens, in words.
    pub name: &'static str,
    /// Lets it happen.
    pub act: fn(&Proxy),
}

/// Every trouble that a proxy can make, for a device that takes ten samples a second.
pub const FAULTS: &[Fault] = &[
    Fault { name: "cut by a reset for 1 s", act: |proxy| absence(proxy, Cut::Reset, 1) },
    Fault { name: "cut in order for 1 s", act: |proxy| absence(proxy, Cut::Fin, 1) },
    Fault { name: "cut for 10 s", act: |proxy| absence(proxy, Cut::Reset, 10) },
    Fault { name: "600 samples long cut", act: |proxy| absence(proxy, Cut::Reset, 60) },
    Fault { name: "half-open for 10 s, then cut", act: |proxy| held(proxy, Proxy::hold) },
    Fault {
        name: "cut between samples and their acknowledgements",
        act: |proxy| held(proxy, Proxy::hold_answers),
    },
    Fault {
        name: "held up for 10 s",
        act: |proxy| {
            proxy.hold();
            sleep(Duration::from_secs(10));
        },
    },
    Fault { name: "cut again and again, each time further into what is sent", act: bites },
    Fault {
        name: "cut ten times in ten seconds",
        act: |proxy| {
            for _ in 0..10 {
                sleep(Duration::from_secs(1));
                proxy.cut(Cut::Reset);
            }
        },
    },
    Fault {
        name: "less than half the bandwidth that the samples need",
        act: |proxy| {
            proxy.throttle(1500);
            sleep(Duration::from_secs(15));
        },
    },
];

fn absence(proxy: &Proxy, how: Cut, seconds: u64) {
    proxy.refuse();
    proxy.cut(how);
    sleep(Duration::from_secs(seconds));
}

fn held(proxy: &Proxy, hold: fn(&Proxy)) {
    hold(proxy);
    sleep(Duration::from_secs(10));
    proxy.cut(Cut::Reset);
}

/// With a backlog, so that the cuts fall into batches: a handshake has 2 kB, a sample half of one.
fn bites(proxy: &Proxy) {
    absence(proxy, Cut::Reset, 5);
    proxy.pass();
    for bite in 0..5 {
        let before = proxy.accepted();
        proxy.cut_after(1_000 + 4_000 * bite);
        proxy.cut(Cut::Reset);
        crate::wait::until("the next connection", || (proxy.accepted() > before).then_some(()));
        sleep(Duration::from_millis(700));
    }
}

/// The numbers that are there, by boot, each with how often it is there.
pub fn numbers(samples: &[Sample]) -> BTreeMap<&str, BTreeMap<u64, usize>> {
    let mut boots: BTreeMap<&str, BTreeMap<u64, usize>> = BTreeMap::new();
    for sample in samples {
        *boots.entry(sample.boot_id()).or_default().entry(sample.seq()).or_default() += 1;
    }
    boots
}

/// Every number from the first to the last of each boot is there; with `once`, none twice.
#[track_caller]
pub fn assert_whole(what: &str, samples: &[Sample], once: bool) {
    assert!(!samples.is_empty(), "{what}: nothing is stored");
    for (boot, numbers) in numbers(samples) {
        let (first, last) = (*numbers.keys().next().expect("some"), *numbers.keys().last().expect("some"));
        let missing: BTreeSet<u64> = (first..=last).filter(|number| !numbers.contains_key(number)).collect();
        assert!(
            missing.is_empty(),
            "{what}: of {first} to {last} of the boot {boot} these are missing: {missing:?}"
        );
        let twice: Vec<_> = numbers.iter().filter(|&(_, &count)| count > 1).collect();
        assert!(!once || twice.is_empty(), "{what}: stored more than once: {twice:?}");
    }
}
