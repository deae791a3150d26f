//! A minute at 1 Hz, counted at the cloud: as it should be, and with the connection cut or held up in the middle.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use ems_test_harness::{Cloud, Cut, Edge, Proxy, Sample, Settings};

const MINUTE: Duration = Duration::from_secs(60);
/// When the trouble begins, and how long it lasts.
const TROUBLE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// How far a stamp may be from the grid of whole seconds that fits all of them best, in ms. A busy machine delays a
/// beat; a beat that drifts or takes its time from the one before is soon further off.
const TOLERANCE_MS: i64 = 250;

/// Runs the daemon for a minute with a proxy in front of the cloud; `begin` and `end` are the trouble. Gives what
/// the cloud has, oldest first.
fn a_minute(begin: impl FnOnce(&Proxy), end: impl FnOnce(&Proxy)) -> Vec<Sample> {
    let cloud = Cloud::start();
    let proxy = Proxy::start(cloud.tls());
    let settings = Settings::of(cloud.device()).to(proxy.address(), &cloud.ca_file());
    let mut edge = Edge::start(&settings);
    let start = Instant::now();
    let wait_until = |moment: Duration| sleep(moment.saturating_sub(start.elapsed()));
    wait_until(TROUBLE.0);
    begin(&proxy);
    wait_until(TROUBLE.0 + TROUBLE.1);
    end(&proxy);
    wait_until(MINUTE);
    assert!(edge.stop().success());
    let log = edge.log();
    assert!(!log.contains("could not be delivered"), "{log}");
    cloud.api().samples("ems_001")
}

fn assert_whole(samples: &[Sample]) {
    let numbers: Vec<u64> = samples.iter().map(Sample::seq).collect();
    let stamps: Vec<i64> = samples.iter().map(Sample::millis).collect();
    assert!((59..=61).contains(&samples.len()), "{} samples: {numbers:?}", samples.len());
    let first = numbers[0];
    let expected: Vec<u64> = (first..).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "every number once, in the order of the time stamps");
    assert!(samples.iter().all(|sample| sample.boot_id() == samples[0].boot_id()));
    assert!(samples.iter().all(|sample| sample.voltage().is_some()), "a reading failed");

    let from_grid: Vec<i64> = stamps.iter().zip(0..).map(|(stamp, n)| stamp - stamps[0] - 1000 * n).collect();
    let (low, high) = (*from_grid.iter().min().unwrap(), *from_grid.iter().max().unwrap());
    assert!(high - low <= 2 * TOLERANCE_MS, "not on a grid of 1 s; ms off the first one's: {from_grid:?}");
}

#[test]
fn a_minute_at_1_hz_is_60_samples_at_the_cloud_each_once_and_on_the_second() {
    assert_whole(&a_minute(|_| {}, |_| {}));
}

#[test]
fn ten_seconds_without_a_connection_or_with_one_that_forwards_nothing_cost_no_sample() {
    // Together: each takes a minute.
    let (cut, held) = thread::scope(|scope| {
        let cut = scope.spawn(|| {
            let refuse_and_cut = |proxy: &Proxy| {
                proxy.refuse();
                proxy.cut(Cut::Reset);
            };
            a_minute(refuse_and_cut, Proxy::pass)
        });
        let held = scope.spawn(|| a_minute(Proxy::hold, Proxy::pass));
        (cut.join(), held.join())
    });
    assert_whole(&cut.unwrap());
    assert_whole(&held.unwrap());
}
