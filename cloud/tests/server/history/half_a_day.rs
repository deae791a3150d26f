//! Half a day of the daemon.

use std::sync::Arc;
use std::time::Duration;

use super::{START, time};
use crate::support::Site;
use crate::support::client::User;
use ems_cloud::sealer::{Policy, Sealer};
use ems_cloud::store::{Arrival, Store, devices};
use serde_json::json;

#[path = "../../../examples/year/device.rs"]
mod device;

/// `scripts/bench-history` does the same with a year.
#[tokio::test]
async fn half_a_day_of_our_daemon_takes_less_than_64_bytes_a_sample_and_is_plotted_whole() {
    const SAMPLES: i64 = 43_200;
    let site = Site::new();
    site.add("ems_001");
    let file = site.data().join("ems.db");
    let store = Store::open(&file, Arc::default()).unwrap();
    let key = store.read(|db| devices::find(db, &"ems_001".parse().unwrap())).await.unwrap().unwrap().key;
    let mut device = device::Device::new("ems_001".parse().unwrap(), START);
    let mut expected = Vec::new();
    for _ in 0..SAMPLES / 400 {
        let (samples, arrivals): (Vec<_>, Vec<_>) = (0..400).map(|_| device.sample(1)).unzip();
        expected.extend(samples.iter().step_by(400).cloned());
        let arrival = Arrival { device: key, received_at: *arrivals.last().unwrap(), samples };
        store.write_samples(arrival, |stored| assert_eq!(stored.unwrap().new, 400)).await;
    }
    // All of it is committed, so that all of it is sealed.
    store.probe().await.unwrap();
    let policy = Policy { seal_after: Duration::from_secs(60), ..Policy::default() };
    Sealer::without_rests(store.clone(), Arc::default(), policy).pass().await.unwrap();
    store.stop().await;
    let db = rusqlite::Connection::open(&file).unwrap();
    let pragma = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    let bytes = (pragma("page_count") - pragma("freelist_count")) * pragma("page_size") / SAMPLES;
    assert!((5..=64).contains(&bytes), "{bytes} bytes a sample");

    let server = site.serve();
    let user = User::login(&server).await;
    let path = |rest: &str| format!("/api/devices/ems_001/{rest}");
    let span = format!("from={}&to={}", time(0), time(SAMPLES));
    for (query, least, most) in [("width=1000", 900, 1000), ("step=60", 720, 720), ("step=hour", 12, 12)] {
        let plot = user.get(&server, &path(&format!("history?{span}&{query}"))).await;
        let points = plot["at"].as_array().unwrap().len();
        assert!((least..=most).contains(&points), "{query}: {points}");
        let samples: i64 = plot["samples"].as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).sum();
        assert_eq!(samples, SAMPLES, "{query}");
        for field in ["voltage", "current", "power", "soc", "soc_low", "soc_high", "temperature"] {
            assert_eq!(plot["series"][format!("battery.{field}")]["mean"].as_array().unwrap().len(), points);
        }
    }
    for sample in expected {
        let at = sample.timestamp;
        let found = user.get(&server, &path(&format!("telemetry?from={at}&to={at}"))).await;
        let mut found = found["samples"][0].clone();
        found.as_object_mut().unwrap().remove("received_at").unwrap();
        assert_eq!(found, serde_json::to_value(sample).unwrap());
    }

    let damaged = START + 3 * 3_600_000;
    let damage = "UPDATE blocks SET samples = x'00' WHERE hour = ?";
    assert_eq!(db.execute(damage, [damaged / 3_600_000]).unwrap(), 1);
    for _ in 0..2 {
        let plot = user.get(&server, &path(&format!("history?{span}&width=1000"))).await;
        assert_eq!(plot["damaged"], json!([damaged]));
        let at: Vec<i64> = plot["at"].as_array().unwrap().iter().map(|at| at.as_i64().unwrap()).collect();
        assert!((800..950).contains(&at.len()), "{} points", at.len());
        assert!(at.windows(2).any(|pair| pair[1] - pair[0] >= 3_550_000), "the hour is a gap");
    }
    let whole = user.get(&server, &path(&format!("history?{span}&step=60"))).await;
    assert_eq!((whole["at"].as_array().unwrap().len(), whole.get("damaged")), (720, None));
    let said = server.log();
    assert_eq!(said.matches("an hour of the history is damaged").count(), 1, "{said}");
}
