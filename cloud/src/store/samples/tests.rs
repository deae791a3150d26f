use ems_protocol::{DeviceId, Timestamp};
use rusqlite::Connection;
use serde_json::json;

use super::*;
use crate::store::schema;

#[test]
fn every_field_of_the_contract_and_every_unknown_one_is_read_back() {
    let full = json!({
        "v": 1, "device_id": "ems_001", "timestamp": "2026-02-03T12:00:00.123Z", "boot_id": "b", "seq": u64::MAX,
        "clock": "restored", "site": {"a": [1, null]},
        "system_status": {"state": "DISCHARGING", "mode": "MANUAL", "error_flags": ["A"], "wifi_strength": -50.5,
            "uptime_seconds": 17, "firmware_version": "1.2.3", "cpu_temperature": 44.5, "undervoltage": false, "x": 1},
        "battery": {"voltage": 53.2, "soc": 85.5, "current": -1.5, "power": -79.8, "soc_low": 80.0, "soc_high": 90.0,
            "soc_uncertainty": 2.5, "synced": true, "temperature": 21.5, "soh": 99.5, "capacity": 5.12,
            "energy_in": 1.5, "energy_out": 2.5, "cycle_count": 3.5, "time_to_empty_s": 4.5, "time_to_full_s": 5.5,
            "hours_since_sync": 6.5, "ah_since_sync": 7.5, "charge_allowed": true, "load_allowed": false,
            "faults": ["F"], "warnings": ["W", "X"], "cells": [3.3]},
        "grid": {"voltage": 230.1, "current": 1.5, "power": 2.5, "frequency": 50.01, "power_factor": -0.5,
            "energy_import": 3.5, "energy_export": 4.5, "status": "ok", "phase": "L1"},
        "solar": {"power": 6.5, "y": true}, "load": {"power": 7.5},
    });
    let id: DeviceId = "ems_001".parse().unwrap();
    let sample = Telemetry::parse(&full.to_string(), &id).unwrap();
    let db = schema::open(std::path::Path::new(":memory:")).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    let mut seen = Seen::default();
    let received_at = sample.timestamp.millis() + 99;
    assert!(insert(&db, &mut seen, 1, received_at, &sample).unwrap());
    assert!(!insert(&db, &mut seen, 1, received_at + 1, &sample).unwrap());
    seen.flush(&db).unwrap();
    let stored = latest(&db, 1, &id).unwrap().unwrap();
    assert_eq!(serde_json::to_value(&stored.telemetry).unwrap(), full);
    assert_eq!((stored.at, stored.received_at), (sample.timestamp.millis(), received_at));
}

fn numbered(seq: u64, timestamp: &str, padding: usize) -> Telemetry {
    let sample = json!({"device_id": "ems_001", "timestamp": timestamp, "boot_id": "b", "seq": seq,
        "battery": {"voltage": 53.2, "soc": 85}, "padding": "x".repeat(padding)});
    Telemetry::parse(&sample.to_string(), &"ems_001".parse().unwrap()).unwrap()
}

fn database() -> Connection {
    let db = schema::open(std::path::Path::new(":memory:")).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    db
}

#[test]
fn a_clock_that_is_far_ahead_does_not_hold_the_last_place_for_ever() {
    let (db, mut seen) = (database(), Seen::default());
    let id: DeviceId = "ems_001".parse().unwrap();
    let now = "2026-02-03T12:00:00Z".parse::<Timestamp>().unwrap().millis();
    let ahead = numbered(1, "9999-12-31T23:59:59.999Z", 0);
    insert(&db, &mut seen, 1, now, &ahead).unwrap();
    insert(&db, &mut seen, 1, now + 1000, &numbered(2, "2026-02-03T12:00:02Z", 0)).unwrap();
    assert_eq!(latest(&db, 1, &id).unwrap().unwrap().telemetry.seq, Some(2));
    // It is kept as the device said it, in the place where it arrived.
    let first = range(&db, 1, &id, now, now, 9).unwrap().samples.remove(0);
    assert_eq!((first.at, first.telemetry), (now, ahead));
}

#[test]
fn a_page_of_large_samples_ends_early_and_says_so() {
    let (db, mut seen) = (database(), Seen::default());
    let id: DeviceId = "ems_001".parse().unwrap();
    for seq in 0..100 {
        let time = format!("2026-02-03T12:00:{:02}.{}00Z", seq / 10, seq % 10);
        insert(&db, &mut seen, 1, i64::MAX / 2, &numbered(seq, &time, 200_000)).unwrap();
    }
    let (mut found, mut from) = (std::collections::BTreeSet::new(), 0);
    loop {
        let page = range(&db, 1, &id, from, i64::MAX, 1000).unwrap();
        assert!(page.samples.len() <= 30, "{} samples of 200 kB", page.samples.len());
        found.extend(page.samples.iter().map(|s| s.telemetry.seq.unwrap()));
        if !page.truncated {
            break;
        }
        from = page.samples.last().unwrap().at;
    }
    assert_eq!(found.len(), 100);
}

#[test]
fn samples_without_a_number_are_all_stored_where_they_arrived() {
    let id: DeviceId = "ems_001".parse().unwrap();
    let guide =
        r#"{"device_id":"ems_001","timestamp":"2026-02-03T12:00:00Z","battery":{"voltage":53.2,"soc":85}}"#;
    let sample = Telemetry::parse(guide, &id).unwrap();
    let db = schema::open(std::path::Path::new(":memory:")).unwrap();
    for received_at in [1000, 2000, 3000] {
        assert!(insert(&db, &mut Seen::default(), 1, received_at, &sample).unwrap());
    }
    let history = range(&db, 1, &id, 1500, 9000, 1).unwrap();
    assert!(history.truncated);
    assert_eq!((history.samples[0].at, history.samples[0].telemetry.clone()), (2000, sample));
}
