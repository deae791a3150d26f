//! One device, one live connection.

use crate::support::client::{Client, User, guide, sample};
use crate::support::{Site, eventually};
use serde_json::json;

async fn is_online(user: &User, server: &crate::support::Server) -> bool {
    user.get(server, "/api/devices/ems_001").await["online"] == true
}

#[tokio::test]
async fn a_later_connection_of_the_same_boot_takes_over() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let mut first = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let mut second = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    assert_eq!(first.close_code().await, 4001);
    second.store(&[sample("ems_001", "boot-a", 1)]).await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_disturbs_nobody() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let mut test = Client::typed_device(&site, &server, "ems_001", &token).await;
    test.send("a broken frame").await;
    assert_eq!(test.json().await["type"], "error");
    device.store(&[sample("ems_001", "boot-a", 1)]).await;
    assert!(device.is_silent().await);
}

#[tokio::test]
async fn the_end_of_a_superseded_connection_does_not_touch_its_successor() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    let mut dashboard = user.watch(&server, "ems_001", true).await;
    assert_eq!(dashboard.expect("device.status").await["online"], false);
    let mut device = Client::device(&site, &server, "ems_001", &token).await;
    device.send(guide("ems_001")).await;
    for _ in 0..5 {
        let mut next = Client::device(&site, &server, "ems_001", &token).await;
        next.send(guide("ems_001")).await;
        assert_eq!(device.close_code().await, 4001);
        // The old one ends later than the new one began; its end is complete when its socket is closed.
        drop(device);
        device = next;
        assert!(is_online(&user, &server).await);
    }
    device.send(guide("ems_001")).await;
    drop(device);
    eventually("offline", async || !is_online(&user, &server).await).await;
    // Presence never said offline before the last one had gone.
    let mut states = Vec::new();
    while states.last() != Some(&false) {
        states.push(dashboard.expect("device.status").await["online"] == true);
    }
    assert!(states[..states.len() - 1].iter().all(|online| *online), "{states:?}");
}

#[tokio::test]
async fn two_boots_that_evict_each_other_are_a_conflict() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    let mut original = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    // A reboot looks like this too: the newer one wins.
    let mut copy = Client::greeted_device(&site, &server, "ems_001", &token, "boot-b").await;
    assert_eq!(original.close_code().await, 4001);
    for _ in 0..2 {
        // The first one is back: a device that was rebooted never comes back as its old self.
        let mut back = Client::typed_device(&site, &server, "ems_001", &token).await;
        back.hello("boot-a").await;
        assert_eq!(back.close_code().await, 4009);
    }
    copy.store(&[sample("ems_001", "boot-b", 1)]).await;
    let device = user.get(&server, "/api/devices/ems_001").await;
    assert!(device["conflict"].is_string() && device["online"] == true, "{device}");
}

#[tokio::test]
async fn a_new_token_closes_the_connection_of_the_old_one_within_seconds() {
    let site = Site::new();
    let server = site.serve();
    let old = site.add("ems_001");
    let mut live = Client::greeted_device(&site, &server, "ems_001", &old, "boot-a").await;
    let mut silent = Client::typed_device(&site, &server, "ems_001", &old).await;
    let new = site.rotate("ems_001");
    assert_eq!(live.close_code().await, 4003);
    assert_eq!(silent.close_code().await, 4003);
    let headers = [("authorization", &*format!("Bearer {old}"))];
    assert_eq!(Client::open(&site, &server, "/ws/device/ems_001", &headers).await.err().unwrap().status, 403);
    let mut device = Client::greeted_device(&site, &server, "ems_001", &new, "boot-a").await;

    assert!(site.run(&["device", "disable", "ems_001"]).status.success());
    assert_eq!(device.close_code().await, 4003);
    assert!(site.run(&["device", "enable", "ems_001"]).status.success());
    Client::greeted_device(&site, &server, "ems_001", &new, "boot-a").await;
}

#[tokio::test]
async fn a_device_connects_in_the_moment_after_it_was_registered() {
    let site = Site::new();
    let server = site.serve();
    for n in 0..5 {
        let id = format!("ems_{n}");
        let token = site.add(&id);
        Client::greeted_device(&site, &server, &id, &token, "boot-a").await;
        let token = site.rotate(&id);
        Client::greeted_device(&site, &server, &id, &token, "boot-a").await;
    }
}

#[tokio::test]
async fn events_and_answers_to_commands_are_kept_and_events_are_forwarded() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    let mut dashboard = user.watch(&server, "ems_001", true).await;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    // From then on it is told everything.
    dashboard.expect("device.status").await;
    let event = json!({"timestamp": "2026-02-03T12:00:00.000Z", "severity": "error", "code": "SENSOR_LOST",
        "message": "the sensor does not answer", "details": {"errno": 121}});
    device.say(json!({"type": "device.event", "payload": event})).await;
    let mut seen = dashboard.expect("device.event").await;
    // One socket may carry events of many devices.
    assert_eq!(seen.as_object_mut().unwrap().remove("device_id"), Some(json!("ems_001")));
    assert!(seen["id"].is_i64() && seen["received_at"].is_string(), "{seen}");
    for (field, value) in event.as_object().unwrap() {
        assert_eq!(seen[field], *value, "{field}");
    }
    // What is told is in the history, under the same number.
    assert_eq!(user.get(&server, "/api/devices/ems_001/events").await["events"], json!([seen]));
    let ack = json!({"command_id": "c1", "device_id": "ems_001", "timestamp": "2026-02-03T12:00:00Z", "status": "SUCCEEDED"});
    device.say(json!({"type": "command.ack", "payload": ack})).await;
    assert!(device.is_silent().await, "an answer to a command was refused");
}
