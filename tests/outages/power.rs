//! The power fails at any instant: the card holds what it held, memory holds nothing.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread::{self, sleep};
use std::time::Duration;

use ems_test_harness::{Cloud, Device, Edge, Sample, Wrapper, assert_whole, until};
use tempfile::TempDir;

use crate::{fast, last_taken, let_take};

/// Instants at which the power fails.
const CUTS: usize = 200;
/// How many samples may be lost: those of `FLUSH_INTERVAL` (5 s) at 10 Hz, and what a busy machine adds while the
/// write itself is under way.
const MAY_LOSE: u64 = 50 + 20;
/// Daemons at a time.
const AT_A_TIME: usize = 4;

/// The card at the instant of a power cut.
struct Wreck {
    dir: TempDir,
    device: Device,
    /// The last sample that had been taken.
    last: u64,
}

#[test]
fn a_power_cut_at_any_instant_loses_at_most_the_flush_interval_and_is_reported() {
    let cloud = Cloud::start();
    let nowhere = fast(cloud.device()).with("SERVER_URL", "ws://127.0.0.1:1");
    let mut edge = Edge::start(&nowhere);
    let first = last_taken(&edge);
    let_take(&edge, 60);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let wrecks: Vec<Wreck> = (0..CUTS)
        .map(|cut| {
            sleep(Duration::from_millis(random.u64(0..300)));
            wreck(&mut edge, cloud.add_device(&format!("ems_3{cut:03}")))
        })
        .collect();
    drop(edge);
    let worst = raise(&cloud, wrecks, first);
    println!("{CUTS} power cuts: at most {worst} samples of 0.1 s lost");
}

#[test]
fn a_card_file_cut_short_anywhere_in_its_last_8_kib_never_stops_the_daemon() {
    let cloud = Cloud::start();
    let mut edge = Edge::start(&fast(cloud.device()).with("SERVER_URL", "ws://127.0.0.1:1"));
    let_take(&edge, 120);
    let whole = wreck(&mut edge, cloud.device().clone());
    drop(edge);
    let files: Vec<_> = fs::read_dir(whole.dir.path().join("state/ems_001")).unwrap().flatten().collect();
    let lengths: Vec<_> =
        files.iter().map(|file| (file.file_name(), file.metadata().unwrap().len())).collect();
    println!("{lengths:?}");
    for (name, length) in lengths.iter().filter(|(_, length)| *length > 0) {
        for short in (1..=(*length).min(8192)).step_by(389) {
            let dir = TempDir::new().unwrap();
            copy(&whole.dir.path().join("state/ems_001"), &dir.path().join("state/ems_001"));
            let path = dir.path().join("state/ems_001").join(name);
            fs::File::options().write(true).open(&path).unwrap().set_len(length - short).unwrap();
            let edge = Edge::start_in(
                dir,
                &Wrapper::in_boot(ANOTHER_BOOT),
                &fast(cloud.device()).with("SERVER_URL", "ws://127.0.0.1:1"),
            );
            last_taken(&edge);
        }
    }
}

/// What is on the card at this instant.
fn wreck(edge: &mut Edge, device: Device) -> Wreck {
    let dir = TempDir::new().unwrap();
    let spool = edge.runtime_dir().join("sequence");
    edge.process().freeze();
    copy(&edge.state_dir(), &dir.path().join("state").join(&device.id));
    let text = fs::read_to_string(spool).unwrap();
    edge.process().thaw();
    // The boot's name and the next number.
    let last = text.lines().nth(1).unwrap().parse::<u64>().unwrap() - 1;
    Wreck { dir, device, last }
}

/// Powers each of them up in a new boot, with a connection, and looks at what arrives. Gives the most that was lost.
fn raise(cloud: &Cloud, wrecks: Vec<Wreck>, first: u64) -> u64 {
    let left = Mutex::new(wrecks);
    let worst = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(wreck) = { left.lock().unwrap().pop() } {
                    let lost = raise_one(cloud, wreck, first);
                    let mut worst = worst.lock().unwrap();
                    *worst = lost.max(*worst);
                }
            });
        }
    });
    worst.into_inner().unwrap()
}

fn raise_one(cloud: &Cloud, wreck: Wreck, first: u64) -> u64 {
    let Wreck { dir, device, last } = wreck;
    let settings = fast(&device).to(cloud.tls(), &cloud.ca_file());
    let edge = Edge::start_in(dir, &Wrapper::in_boot(ANOTHER_BOOT), &settings);
    let new = last_taken(&edge);
    let of_boot = |sample: &&Sample, old: bool| (sample.boot_id() == ANOTHER_BOOT) != old;
    cloud.api().wait_for(&device.id, "samples of the new boot", |samples| {
        samples.iter().any(|sample| of_boot(&sample, false) && sample.seq() >= new)
    });
    until("the card to be empty", || (edge.status()["backlog"]["card"] == 0).then_some(()));
    let samples = cloud.api().samples(&device.id);
    let samples: Vec<Sample> = samples.iter().filter(|sample| of_boot(sample, true)).cloned().collect();
    assert_whole(&device.id, &samples, true);
    assert_eq!(samples.iter().map(Sample::seq).min(), Some(first), "{}: the oldest are missing", device.id);
    let lost = last - samples.iter().map(Sample::seq).max().unwrap();
    assert!(lost <= MAY_LOSE, "{}: {lost} samples are lost", device.id);
    let events = cloud.api().get(&format!("/api/devices/{}/events", device.id)).body;
    assert!(events.to_string().contains("POWER_LOST"), "{}: nobody was told: {events}", device.id);
    lost
}

const ANOTHER_BOOT: &str = "b0000000-0000-4000-8000-000000000002";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
