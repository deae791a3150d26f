//! A minute at 1 Hz, counted at the cloud: as it should be, and with the connection cut or held up in the middle.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use ems_test_harness::{Cloud, Cut, Edge, Proxy, Sample, Settings};

const MINUTE: Duration = Duration::from_secs(60);
/// When the connection gets into trouble, when it is cut, and when the network is there again.
const HELD: Duration = Duration::from_secs(17);
const CUT: Duration = Duration::from_secs(20);
const BACK: Duration = Duration::from_secs(30);
/// How far a stamp may be from the grid of whole seconds that fits all of them best, in ms. A busy machine delays a
/// beat; a beat that drifts or takes its time from the one before is soon further off.
const TOLERANCE_MS: i64 = 250;

/// Something that happens to the connection.
type Act = fn(&Proxy);

/// Runs the daemon for a minute with a proxy in front of the cloud, and trouble in the middle: `hold` three seconds
/// before `cut`, so that there are samples on their way. Gives what the cloud has, oldest first.
fn a_minute(hold: Act, cut: Act) -> Vec<Sample> {
    let cloud = Cloud::start();
    let proxy = Proxy::start(cloud.tls());
    let settings = Settings::of(cloud.device()).to(proxy.address(), &cloud.ca_file());
    let mut edge = Edge::start(&settings);
    let start = Instant::now();
    let wait_until = |moment: Duration| sleep(moment.saturating_sub(start.elapsed()));
    wait_until(HELD);
    hold(&proxy);
    wait_until(CUT);
    cut(&proxy);
    wait_until(BACK);
    proxy.pass();
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
fn ten_seconds_without_a_connection_cost_no_sample_and_double_none() {
    // Together: each takes a minute.
    let runs: [(&str, Act, Act); 3] = [
        ("cut with samples that have not arrived", Proxy::hold, cut),
        ("cut with acknowledgements that have not arrived", Proxy::hold_answers, cut),
        ("held up, not cut", Proxy::hold, |_| {}),
    ];
    thread::scope(|scope| {
        for (name, hold, cut) in runs {
            scope.spawn(move || {
                let samples = a_minute(hold, cut);
                println!("{name}: {} samples", samples.len());
                assert_whole(&samples);
            });
        }
    });
}

fn cut(proxy: &Proxy) {
    proxy.refuse();
    proxy.cut(Cut::Reset);
}
