//! A server that is killed at any moment, with devices that publish and repeat what was not acknowledged.

use std::time::Duration;

use ems_protocol::SeqRanges;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::support::client::{Client, User, sample};
use crate::support::{Server, Site};

const DEVICES: usize = 6;
/// A kill comes within this of the moment at which the devices are connected.
const LIFE_MS: u64 = 400;
/// What a device has on the way at most.
const WINDOW: u64 = 40;

/// A device: what it has sent, and what was acknowledged of it.
struct Publisher {
    id: String,
    token: String,
    next: u64,
    acknowledged: SeqRanges,
}

#[tokio::test]
async fn whenever_the_server_is_killed_what_it_acknowledged_is_stored_once() {
    let kills: u64 = std::env::var("EMS_TEST_SERVER_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let site = Site::new();
    let mut publishers: Vec<_> = (0..DEVICES)
        .map(|n| {
            let id = format!("ems_{n:03}");
            let token = site.add(&id);
            Publisher { id, token, next: 0, acknowledged: SeqRanges::new() }
        })
        .collect();
    for _ in 0..kills {
        let server = site.serve();
        let mut devices = JoinSet::new();
        for mut publisher in publishers.drain(..) {
            let socket = publisher.connect(&server).await;
            devices.spawn(async move {
                publisher.publish(socket).await;
                publisher
            });
        }
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..LIFE_MS))).await;
        server.kill();
        publishers = devices.join_all().await;
    }

    let server = site.serve();
    let user = User::login(&server).await;
    let mut all = 0;
    for publisher in &publishers {
        let stored = stored(&user, &server, &publisher.id).await;
        assert!(
            stored.windows(2).all(|pair| pair[0] < pair[1]),
            "a sample of {} is there twice",
            publisher.id
        );
        let acknowledged = publisher.acknowledged.iter().flat_map(|(first, last)| first..=last);
        for seq in acknowledged {
            assert!(
                stored.binary_search(&seq).is_ok(),
                "{} {seq} was acknowledged and is gone",
                publisher.id
            );
            all += 1;
        }
    }
    println!("{kills} kills, {all} samples acknowledged");
    assert!(all > kills * 20, "hardly anything was acknowledged: {all} samples");
}

impl Publisher {
    async fn connect(&self, server: &Server) -> Client {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("sec-websocket-protocol", "ems.v1")];
        let mut socket =
            Client::open_plain(server, &format!("/ws/device/{}", self.id), &headers, None).await.unwrap();
        socket.hello("boot-a").await;
        assert_eq!(socket.json().await["type"], "device.welcome");
        socket
    }

    /// Sends the backlog, then live samples, until the connection ends.
    async fn publish(&mut self, socket: Client) {
        let (mut out, mut frames) = socket.0.split();
        let missing: Vec<u64> = (0..self.next).filter(|&seq| !self.acknowledged.contains(seq)).collect();
        if !missing.is_empty() {
            let samples: Vec<Value> = missing.iter().map(|&seq| sample(&self.id, "boot-a", seq)).collect();
            // The connection may be over already: it is seen below.
            let _ =
                out.send(text(&json!({"type": "telemetry.batch", "payload": {"samples": samples}}))).await;
        }
        let mut on_the_way = 0;
        loop {
            while on_the_way < WINDOW {
                let live = sample(&self.id, "boot-a", self.next);
                self.next += 1;
                on_the_way += 1;
                let _ = out.send(text(&json!({"type": "telemetry", "payload": live}))).await;
            }
            let Some(Ok(frame)) = frames.next().await else { return };
            let Message::Text(frame) = frame else { continue };
            let message: Value = serde_json::from_str(&frame).unwrap();
            if message["type"] == "telemetry.ack" {
                let ranges: SeqRanges = serde_json::from_value(message["payload"]["ranges"].clone()).unwrap();
                for (first, last) in ranges.iter() {
                    self.acknowledged.insert_range(first, last);
                }
                on_the_way =
                    (0..self.next).rev().take(1000).filter(|&seq| !self.acknowledged.contains(seq)).count()
                        as u64;
            }
        }
    }
}

fn text(message: &Value) -> Message {
    Message::Text(message.to_string().into())
}

/// The numbers of all samples, page by page.
async fn stored(user: &User, server: &Server, id: &str) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut from = "1970-01-01T00:00:00.000Z".to_owned();
    loop {
        let path = format!("/api/devices/{id}/telemetry?from={from}&to=2100-01-01T00:00:00Z&limit=20000");
        let page = user.get(server, &path).await;
        // It begins with the last sample of the page before.
        numbers.pop();
        for sample in page["samples"].as_array().unwrap() {
            let seq = sample["seq"].as_u64().unwrap();
            numbers.push(seq);
            sample["timestamp"].as_str().unwrap().clone_into(&mut from);
        }
        if page["truncated"] == false {
            return numbers;
        }
    }
}
