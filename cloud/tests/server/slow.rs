//! Readers that stop reading, and crowds that go on.

use std::time::{Duration, Instant};

use crate::support::client::{Client, User, sample};
use crate::support::{PATIENCE, Site, eventually};
use futures_util::StreamExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

/// How long somebody stops reading; `EMS_TEST_SLOW_SECONDS` makes it longer.
fn pause() -> Duration {
    let seconds = std::env::var("EMS_TEST_SLOW_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(8))
}

#[tokio::test]
async fn one_who_stops_reading_costs_no_memory_and_the_others_go_on() {
    const READERS: usize = 200;
    let site = Site::new();
    let server = site.serve_as(&["--max-per-user", "2000"]);
    let user = User::login(&server).await;
    let ids: Vec<String> = (1..=20).map(|n| format!("ems_{n:03}")).collect();
    let mut devices = Vec::new();
    for id in &ids {
        let token = site.add(id);
        devices.push(Client::greeted_device(&site, &server, id, &token, "boot-a").await);
    }
    let rooms: Vec<String> = ids.iter().map(|id| format!("device/{id}")).collect();
    let origin = format!("http://{}", server.http);
    let headers = [("cookie", user.cookie.as_str()), ("origin", origin.as_str())];
    // In all rooms, with a kernel that takes little, and then reads nothing.
    let mut stuck = Vec::new();
    for _ in 0..5 {
        let mut socket = Client::open_plain(&server, "/ws", &headers, Some(4096)).await.unwrap();
        socket.say(json!({"type": "subscribe", "payload": {"rooms": rooms}})).await;
        stuck.push(socket);
    }
    let mut readers = Vec::new();
    for n in 0..READERS {
        let mut socket = user.enter(&server, "/ws").await;
        let room = &rooms[n % rooms.len()];
        socket.say(json!({"type": "subscribe", "payload": {"room": room}})).await;
        socket.expect("subscribed").await;
        readers.push(tokio::spawn(async move {
            let (mut seen, mut skipped) = (0_u64, 0);
            while let Some(Ok(message)) = socket.0.next().await {
                let Message::Text(text) = message else { continue };
                if !text.starts_with(r#"{"type":"telemetry""#) {
                    continue;
                }
                let message: serde_json::Value = serde_json::from_str(&text).unwrap();
                seen += 1;
                skipped += message["skipped"].as_u64().unwrap_or(0);
                if message["payload"]["last"] == true {
                    break;
                }
            }
            (seen, skipped)
        }));
    }
    let padding = "x".repeat(4096);
    let (start, mut seq, mut early) = (Instant::now(), 0, 0);
    while start.elapsed() < pause() {
        seq += 1;
        for (device, id) in devices.iter_mut().zip(&ids) {
            let mut sample = sample(id, "boot-a", seq);
            sample["padding"] = json!(padding);
            device.say(json!({"type": "telemetry", "payload": sample})).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        if early == 0 && start.elapsed() > pause() / 4 {
            early = server.memory();
        }
    }
    let late = server.memory();
    for (device, id) in devices.iter_mut().zip(&ids) {
        let mut sample = sample(id, "boot-a", seq + 1);
        sample["last"] = json!(true);
        device.say(json!({"type": "telemetry", "payload": sample})).await;
    }
    for reader in readers {
        let (seen, skipped) = tokio::time::timeout(PATIENCE, reader).await.unwrap().unwrap();
        assert_eq!(seen + skipped, seq + 1, "a reader missed samples and was not told");
    }
    println!("resident: {early} kB after a quarter, {late} kB at the end; {seq} samples of each device");
    assert!(late < early + 8_000, "{early} kB, then {late} kB");
    drop(stuck);
}

#[tokio::test]
async fn events_that_are_not_read_end_the_connection_instead_of_being_lost() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    let origin = format!("http://{}", server.http);
    let headers = [("cookie", user.cookie.as_str()), ("origin", origin.as_str())];
    let mut slow = Client::open_plain(&server, "/ws/events", &headers, Some(4096)).await.unwrap();
    slow.expect("system.connection").await;
    let filler = "x".repeat(15_000);
    // More than the kernels and the mailbox hold together, of several devices: each has a budget of events. They speak
    // one after the other, so that all is in order.
    for number in 0..10 {
        let id = format!("ems_{number:03}");
        let token = site.add(&id);
        let mut device = Client::greeted_device(&site, &server, &id, &token, "boot-a").await;
        for n in number * 120..(number + 1) * 120 {
            let details = json!({"n": n, "filler": filler});
            let event = json!({"timestamp": "2026-02-03T12:00:00Z", "severity": "info", "code": "A", "message": "b", "details": details});
            device.say(json!({"type": "device.event", "payload": event})).await;
        }
        let path = format!("/api/devices/{id}/events?limit=1");
        let last = json!((number + 1) * 120 - 1);
        eventually("the last one is stored", async || {
            user.get(&server, &path).await["events"][0]["details"]["n"] == last
        })
        .await;
        if server.log().contains("faster than they were read") {
            break;
        }
    }
    // What it is told is in order and without a gap, and then it is closed.
    let mut next = 0;
    let code = loop {
        match slow.message().await {
            Message::Text(text) if text.contains("device.event") => {
                let event: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(event["payload"]["details"]["n"], next);
                next += 1;
            }
            Message::Close(frame) => break u16::from(frame.unwrap().code),
            _ => {}
        }
    };
    assert_eq!(code, 4008);
}

#[tokio::test]
async fn an_address_holds_a_bounded_number_of_connections_on_which_nothing_is_asked() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let site = Site::new();
    let server = site.serve_as(&["--max-silent", "20"]);
    let token = site.add("ems_001");
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        let mut stream = tokio::net::TcpStream::connect(server.http).await.unwrap();
        stream.write_all(b"GET ").await.unwrap();
        silent.push(stream);
    }
    // One more is closed without a word; the device, which has asked, is not counted.
    let mut more = tokio::net::TcpStream::connect(server.http).await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, more.read(&mut [0; 64])).await.unwrap();
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");
    device.store(&[sample("ems_001", "boot-a", 1)]).await;
    drop(silent);
    // Their places are free again.
    let deadline = Instant::now() + PATIENCE;
    while reqwest::get(format!("http://{}/healthz", server.http)).await.is_err() {
        assert!(Instant::now() < deadline, "the places are not given back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn hundreds_who_send_a_byte_now_and_then_hold_up_nobody() {
    use tokio::io::AsyncWriteExt;
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let before = server.memory();
    let mut slow = Vec::new();
    for n in 0..400 {
        let mut stream = tokio::net::TcpStream::connect(server.http).await.unwrap();
        let beginning = if n % 2 == 0 { "GET /api/me HTTP/1.1\r\nhost: a\r\nx-slow: " } else { "G" };
        stream.write_all(beginning.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    device.store(&[sample("ems_001", "boot-a", 1)]).await;
    let held = server.memory() - before;
    assert!(held < 400 * 32, "{held} kB for 400 connections");
    // Each is cut off in time, however often it sends a byte.
    for stream in &mut slow {
        let deadline = Instant::now() + PATIENCE;
        while stream.write_all(b"x").await.is_ok() {
            assert!(Instant::now() < deadline, "a slow connection is not cut off");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
