//! A day without a connection, delivered: 86,400 samples, while the battery is still being watched.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use ems_edge::battery::Estimate;
use ems_edge::clock::BootTime;
use ems_edge::sample::{Outcome, Sample, Totals};
use ems_edge::sensor::Reading;
use ems_edge::store::{Backlog, BootClock, Limits, Numbers, Settings as Kept};
use ems_protocol::{ClockQuality, State};
use ems_test_harness::{Cloud, Edge, Settings, Wrapper, assert_whole, until};
use tempfile::TempDir;

const DAY: u64 = 86_400;
/// The end of the day without a connection, in ms since 1970.
const END: i64 = 1_770_000_000_000;
const BOOT: &str = "d0000000-0000-4000-8000-000000000001";
/// How much more memory a day's backlog may take than none, in KiB.
const MORE_MEMORY: u64 = 2048;

#[test]
fn a_day_of_backlog_arrives_whole_beside_the_live_samples_and_costs_no_memory() {
    let cloud = Cloud::start();
    let idle = idle_memory(&cloud);
    let dir = TempDir::new().unwrap();
    fill(&dir.path().join("state/ems_001"));
    let settings = Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file());
    let start = Instant::now();
    let edge = Edge::start_in(dir, &Wrapper::default(), &settings);
    let (mut most, mut seen_waiting) = (0, 0);
    until("the backlog to be delivered", || {
        most = most.max(edge.resident_kib());
        let status = edge.status();
        let waiting = status["backlog"]["card"].as_u64().unwrap_or(0);
        seen_waiting = waiting.max(seen_waiting);
        let connected = status["link"]["phase"] == "connected";
        (connected && waiting == 0 && seen_waiting > 0 && status["reading"].is_object()).then_some(())
    });
    let took = start.elapsed();
    sleep(Duration::from_secs(2));

    let (old, new): (Vec<_>, Vec<_>) =
        cloud.api().samples("ems_001").into_iter().partition(|sample| sample.boot_id() == BOOT);
    assert_eq!(old.len() as u64, DAY);
    assert_whole("the day", &old, true);
    assert_whole("live", &new, true);
    let latest = new.iter().map(|sample| sample.received_millis() - sample.millis()).max().unwrap();
    println!(
        "{DAY} samples in {took:.1?}; live ones at the cloud at most {latest} ms after they were taken; \
         {most} KiB resident, {idle} KiB without a backlog"
    );
    assert!(most <= idle + MORE_MEMORY, "{most} KiB resident, {idle} KiB without a backlog");
}

/// The memory of a daemon that has nothing to catch up on.
fn idle_memory(cloud: &Cloud) -> u64 {
    let device = cloud.add_device("ems_002");
    let edge = Edge::start(&Settings::of(&device).to(cloud.tls(), &cloud.ca_file()));
    cloud.api().wait_for(&device.id, "ten samples", |samples| samples.len() >= 10);
    edge.resident_kib()
}

/// A day's samples as a daemon without a connection leaves them: a block a minute.
fn fill(state: &Path) {
    std::fs::create_dir_all(state).unwrap();
    let clock =
        BootClock { offset_ms: END - i64::try_from(DAY * 1000).unwrap(), quality: ClockQuality::Synced };
    let settings = Kept {
        limits: Limits { max_bytes: 64 << 20, max_hours: 168 },
        flush_interval: Duration::from_secs(60),
        capacity: 3600,
        interval: Duration::from_secs(1),
        clock,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut backlog, _) = Backlog::open(Some(state.into()), None, BOOT, Numbers::default(), settings);
        for seq in 0..DAY {
            drop(backlog.push(sample(seq)));
            backlog.tick(BootTime(seq * 1000), clock);
            if seq % 60 == 59 {
                // The answer of the thread that owns the card.
                while backlog.state().memory > 0 {
                    drop(backlog.changed(BootTime(seq * 1000)).await);
                }
            }
        }
        backlog.close(clock).await;
    });
}

/// Values that jump about as much as those of a real pack.
fn sample(seq: u64) -> Sample {
    let noise = |step: f64| ((seq * 7919 % 13) as f64 - 6.0) * step;
    let reading = Reading {
        voltage: 53.2 + noise(0.0125),
        current: Some(-18.0 + noise(0.25)),
        temperature: None,
        charge: None,
    };
    let soc = 80.0 - seq as f64 / 2000.0;
    let estimate = Estimate { soc, low: soc - 3.0, high: soc + 3.0, synced: false };
    let totals = Some(Totals { energy_out: u32::try_from(seq / 4).unwrap(), ..Totals::default() });
    let outcome = Outcome::Measured { reading, estimate, state: Some(State::Discharging), totals };
    Sample { seq, taken: BootTime(seq * 1000), outcome }
}
