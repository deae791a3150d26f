//! Fills a data folder with the past of one device, through the store of the server: every sample is inserted as a
//! row, and every hour sealed, as they would have been. For `scripts/bench-history`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a tool for measurements")]

mod device;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ems_cloud::clock;
use ems_cloud::sealer::{Policy, Sealer};
use ems_cloud::store::{Arrival, Store, devices};
use ems_protocol::DeviceId;

const DAY_MS: i64 = 86_400_000;
/// Samples that arrive together, as from a backlog.
const BATCH: u64 = 400;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let usage = "year DATABASE DEVICE DAYS";
    let database = PathBuf::from(arguments.next().expect(usage));
    let id: DeviceId = arguments.next().expect(usage).parse().unwrap();
    let days: i64 = arguments.next().expect(usage).parse().unwrap();
    let store = Store::open(&database, Arc::default()).unwrap();
    let name = id.clone();
    let key = store.read(move |db| devices::find(db, &name)).await.unwrap().expect("the device").key;
    let today = clock::now().millis().div_euclid(DAY_MS) * DAY_MS;
    let mut device = device::Device::new(id, today - days * DAY_MS);
    let policy = Policy { seal_after: Duration::from_secs(60), ..Policy::default() };
    let mut sealer = Sealer::without_rests(store.clone(), Arc::default(), policy);
    let (mut inserting, mut sealing) = (Duration::ZERO, Duration::ZERO);
    for day in 0..days {
        let start = Instant::now();
        for _ in 0..86_400 / BATCH {
            let (mut samples, mut received_at) = (Vec::new(), 0);
            for _ in 0..BATCH {
                let (sample, received) = device.sample();
                received_at = received;
                samples.push(sample);
            }
            store
                .write_samples(Arrival { device: key, received_at, samples }, |stored| {
                    assert!(stored.is_ok(), "{stored:?}");
                })
                .await;
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
    println!("{} samples, inserting {inserting:.1?}, sealing {sealing:.1?}", days * 86_400);
}
