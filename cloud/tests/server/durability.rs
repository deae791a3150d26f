//! What was acknowledged is there, whatever happens.

use std::fs;
use std::process::Command;

use crate::support::client::{Client, User, sample};
use crate::support::{PATIENCE, Site, eventually};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_killed_server_has_every_sample_that_it_acknowledged() {
    let site = Site::new();
    let token = site.add("ems_001");
    let mut next = 0_u64;
    let mut acknowledged = ems_protocol::SeqRanges::new();
    for _ in 0..5 {
        let server = site.serve();
        let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
        let target = next + 150;
        loop {
            next += 1;
            device.say(json!({"type": "telemetry", "payload": sample("ems_001", "boot-a", next)})).await;
            if next.is_multiple_of(10) {
                let ack = device.expect("telemetry.ack").await;
                let ranges: ems_protocol::SeqRanges = serde_json::from_value(ack["ranges"].clone()).unwrap();
                ranges.iter().for_each(|(first, last)| acknowledged.insert_range(first, last));
            }
            if next == target {
                break;
            }
        }
        server.kill();
        // What was on the wire when it died.
        while let Some(Ok(frame)) = device.0.next().await {
            let Message::Text(text) = frame else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["type"] == "telemetry.ack" {
                let ranges: ems_protocol::SeqRanges =
                    serde_json::from_value(message["payload"]["ranges"].clone()).unwrap();
                ranges.iter().for_each(|(first, last)| acknowledged.insert_range(first, last));
            }
        }
    }
    let server = site.serve();
    let user = User::login(&server).await;
    let stored: Vec<u64> =
        user.samples(&server, "ems_001").await.iter().map(|s| s["seq"].as_u64().unwrap()).collect();
    assert!(stored.windows(2).all(|pair| pair[0] < pair[1]), "a sample is there twice");
    let expected: Vec<u64> = acknowledged.iter().flat_map(|(first, last)| first..=last).collect();
    assert!(expected.len() > 100, "hardly anything was acknowledged: {}", expected.len());
    assert!(expected.iter().all(|seq| stored.binary_search(seq).is_ok()));
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_says_so_and_recovers_by_itself() {
    let site = Site::new();
    let token = site.add("ems_001");
    // A file system of its own, in a namespace of its own, that the server and this test see.
    let data = site.data();
    let script = "set -e; cp -a \"$0\" \"$0.copy\"; mount -t tmpfs -o size=2m,mode=700 tmpfs \"$0\"; cp -a \"$0.copy\"/. \"$0\"; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(&data);
    command.arg(env!("CARGO_BIN_EXE_ems-cloud")).arg("serve").arg("--data").arg(&data);
    let server = site.serve_with(command);
    let inside = format!("/proc/{}/root{}", server.pid(), data.display());

    let user = User::login(&server).await;
    let mut dashboard = user.watch(&server, "ems_001", false).await;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    device.store(&[sample("ems_001", "boot-a", 1)]).await;
    let filler = format!("{inside}/filler");
    let mut step = 1 << 20;
    let mut content = Vec::new();
    while step >= 512 {
        // Every last block.
        content.resize(content.len() + step, 0_u8);
        if fs::write(&filler, &content).is_err() {
            content.truncate(content.len() - step);
            step /= 2;
        }
    }
    let before = user.samples(&server, "ems_001").await.len();
    let mut seq = 1;
    let refused = loop {
        // The log of the database may have room for a few more commits.
        seq += 1;
        device.say(json!({"type": "telemetry", "payload": sample("ems_001", "boot-a", seq)})).await;
        let answer = device.json().await;
        if answer["type"] == "error" {
            break answer["payload"].clone();
        }
        assert_eq!(answer["payload"]["ranges"], json!([[seq, seq]]));
        assert!(seq < 10_000, "the disk never filled up");
    };
    assert_eq!(refused["code"], "unavailable");
    let ready = user.http.get(server.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    assert!(ready.text().await.unwrap().contains("full"));
    // Who watches still sees the battery, and what is stored can be read.
    while dashboard.json().await["seq"] != seq {}
    assert_eq!(user.samples(&server, "ems_001").await.len() as u64, before as u64 + seq - 2);

    fs::remove_file(&filler).unwrap();
    let ready = async || user.http.get(server.url("/readyz")).send().await.unwrap().status() == 200;
    eventually("ready again, without any traffic", ready).await;
    device.store(&[sample("ems_001", "boot-a", seq)]).await;
    let stored = user.samples(&server, "ems_001").await;
    assert!(stored.iter().zip(1..).all(|(s, n)| s["seq"] == n) && stored.len() as u64 == seq);
    drop(server);
}

#[test]
fn a_disk_that_is_full_at_the_start_is_said_and_left_to_be_tried_again() {
    let site = Site::new();
    let data = site.data();
    let script = "set -e; cp -a \"$0\" \"$0.copy\"; mount -t tmpfs -o size=1m,mode=700 tmpfs \"$0\"; cp -a \"$0.copy\"/. \"$0\"; \
                  ! cat /dev/zero 2>/dev/null > \"$0/filler\"; exec \"$@\"";
    let mut command = Command::new("timeout");
    command.args(["60", "unshare", "--map-root-user", "--mount", "sh", "-c", script]).arg(&data);
    command.arg(env!("CARGO_BIN_EXE_ems-cloud")).arg("serve").arg("--data").arg(&data);
    let output = command.args(["--listen", "127.0.0.1:0"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // 78 would keep systemd from starting it when there is room.
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("disk is full"), "{said}");
}

#[tokio::test]
async fn a_stopped_server_says_goodbye_keeps_everything_and_exits_with_0() {
    let site = Site::new();
    let token = site.add("ems_001");
    let server = site.serve();
    let user = User::login(&server).await;
    let mut dashboard = user.watch(&server, "ems_001", false).await;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    for seq in 1..=20 {
        device.say(json!({"type": "telemetry", "payload": sample("ems_001", "boot-a", seq)})).await;
    }
    let mut acknowledged = ems_protocol::SeqRanges::new();
    while !acknowledged.contains(20) {
        let ranges = device.expect("telemetry.ack").await["ranges"].take();
        let ranges: ems_protocol::SeqRanges = serde_json::from_value(ranges).unwrap();
        ranges.iter().for_each(|(first, last)| acknowledged.insert_range(first, last));
    }
    // A client that never says anything must not hold it up.
    let _silent = tokio::net::TcpStream::connect(server.tls).await.unwrap();
    server.terminate();
    assert_eq!(device.close_code().await, 1012);
    assert_eq!(dashboard.close_code().await, 1012);
    let status =
        tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(|| server.wait())).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
    let server = site.serve();
    assert_eq!(User::login(&server).await.samples(&server, "ems_001").await.len(), 20);
}

#[tokio::test]
async fn a_database_that_another_program_locks_delays_but_loses_nothing() {
    let site = Site::new();
    let token = site.add("ems_001");
    let server = site.serve();
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let mut other = rusqlite::Connection::open(site.data().join("ems.db")).unwrap();
    let lock = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    device.say(json!({"type": "telemetry", "payload": sample("ems_001", "boot-a", 1)})).await;
    assert!(device.is_silent().await);
    let answer = device.json().await;
    assert_eq!((&answer["type"], &answer["payload"]["code"]), (&json!("error"), &json!("unavailable")));
    drop(lock);
    device.store(&[sample("ems_001", "boot-a", 1)]).await;
}
