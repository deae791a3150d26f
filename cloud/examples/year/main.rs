//! Fills a data folder with the past of one device, through the store of the server: every sample is inserted as a
//! row, and every hour sealed, as they would have been. For `scripts/bench-history`, every second; for the page's tests,
//! the same in coarse steps, and the end of it every second.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a tool for measurements")]

mod device;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ems_cloud::clock;
use ems_cloud::sealer::{Policy, Sealer};
use ems_cloud::store::{Arrival, Store, devices};
use ems_protocol::DeviceId;

const USAGE: &str = "year DATABASE DEVICE DAYS [STEP HOURS]: a sample each STEP seconds, before the last month in \
                     each HOURSth hour only, and each second of the last day";
const DAY_MS: i64 = 86_400_000;
const HOUR_S: u64 = 3600;
const MONTH: i64 = 31;
/// Samples that arrive together, as from a backlog.
const BATCH: usize = 400;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let database = PathBuf::from(arguments.next().expect(USAGE));
    let id: DeviceId = arguments.next().expect(USAGE).parse().unwrap();
    let days: i64 = arguments.next().expect(USAGE).parse().unwrap();
    let mut or_one = || arguments.next().map_or(1, |number| number.parse::<u64>().unwrap());
    let (coarse, hours) = (or_one(), or_one());
    let store = Store::open(&database, Arc::default()).unwrap();
    let name = id.clone();
    let key = store.read(move |db| devices::find(db, &name)).await.unwrap().expect("the device").key;
    let today = clock::now().millis().div_euclid(DAY_MS) * DAY_MS;
    let mut device = device::Device::new(id, today - days * DAY_MS);
    let policy = Policy { seal_after: Duration::from_secs(60), ..Policy::default() };
    let mut sealer = Sealer::without_rests(store.clone(), Arc::default(), policy);
    let (mut inserting, mut sealing) = (Duration::ZERO, Duration::ZERO);
    let mut count = 0;
    for day in 0..days {
        let start = Instant::now();
        let step = if day + 1 == days { 1 } else { coarse };
        let each = if day + MONTH < days { hours } else { 1 };
        for _ in 0..24 / each {
            count += insert_hour(&store, key, &mut device, step).await;
            device.rest((each - 1) * HOUR_S);
        }
        store.probe().await.unwrap();
        inserting += start.elapsed();
        let start = Instant::now();
        sealer.pass().await.unwrap();
        sealing += start.elapsed();
        if day % 30 == 29 {
            println!("{} days, inserting {inserting:.1?}, sealing {sealing:.1?}", day + 1);
        }
    }
    store.stop().await;
    println!("{count} samples, inserting {inserting:.1?}, sealing {sealing:.1?}");
}

/// An hour of samples, one each `step` seconds; how many they are.
async fn insert_hour(store: &Store, key: i64, device: &mut device::Device, step: u64) -> usize {
    let taken: Vec<_> = (0..HOUR_S / step).map(|_| device.sample(step)).collect();
    for batch in taken.chunks(BATCH) {
        let received_at = batch.last().map_or(0, |(_, received)| *received);
        let samples = batch.iter().map(|(sample, _)| sample.clone()).collect();
        store
            .write_samples(Arrival { device: key, received_at, samples }, |stored| {
                assert!(stored.is_ok(), "{stored:?}");
            })
            .await;
    }
    taken.len()
}
