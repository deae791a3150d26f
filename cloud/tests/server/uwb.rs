//! UWB tags: reported by devices, asked for and followed by users.

use crate::support::client::{Client, User};
use crate::support::{Site, eventually};
use serde_json::{Value, json};

fn location(tag: &str, x: f64, second: u8) -> Value {
    json!({"type": "uwb.location", "payload": {"device_id": tag, "timestamp": format!("2026-02-03T12:00:{second:02}.000Z"),
        "location": {"x": x, "y": 2.5, "z": 0.0}, "accuracy": 0.1}})
}

#[tokio::test]
async fn tags_are_listed_located_and_remembered_in_the_shape_of_the_guide() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    site.add("ems_002");
    let user = User::login(&server).await;
    let mut watcher = user.enter(&server, "/ws/uwb").await;
    watcher.expect("system.connection").await;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    for second in 0..5_u8 {
        device.say(location("4f2a", f64::from(second), second)).await;
        assert_eq!(
            watcher.expect("uwb.location").await,
            location("4f2a", f64::from(second), second)["payload"]
        );
    }
    let list = json!({"devices": [{"id": "51c7", "last_seen": "2026-02-03T12:00:09.000Z", "location": {"x": 9.0, "y": 1.0, "z": 0.5}}]});
    device.say(json!({"type": "uwb.device_list", "payload": list})).await;
    watcher.expect("uwb.location").await;

    watcher.say(json!({"type": "get_active_devices", "payload": {}})).await;
    let found = watcher.expect("uwb.device_list").await;
    assert_eq!(found, user.get(&server, "/api/uwb/devices").await);
    let tags = found["devices"].as_array().unwrap();
    assert_eq!(tags.len(), 2);
    assert_eq!(
        (&tags[0]["id"], &tags[0]["location"]),
        (&json!("4f2a"), &json!({"x": 4.0, "y": 2.5, "z": 0.0}))
    );
    assert!(tags[0]["last_seen"].is_string());

    watcher.say(json!({"type": "get_device_location", "payload": {"device_id": "4f2a"}})).await;
    assert_eq!(watcher.expect("uwb.location").await, location("4f2a", 4.0, 4)["payload"]);
    let query = json!({"device_id": "4f2a", "start_time": "2026-02-03T12:00:01Z", "end_time": "2026-02-03T12:00:03Z", "limit": 2});
    watcher.say(json!({"type": "get_location_history", "payload": query})).await;
    let history = watcher.expect("uwb.location_history").await;
    let expected: Vec<Value> = [2, 3].map(|n| location("4f2a", f64::from(n), n)["payload"].take()).into();
    assert_eq!((&history["locations"], &history["truncated"]), (&json!(expected), &json!(true)));

    // Nonsense from a device is named and changes nothing.
    for broken in [
        json!({"type": "uwb.location", "payload": {"device_id": "4f2a"}}),
        json!({"type": "uwb.location", "payload": location("", 0.0, 0)["payload"]}),
        json!({"type": "uwb.device_list", "payload": {"devices": [{"id": "a"}]}}),
    ] {
        device.say(broken).await;
        assert_eq!(device.expect("error").await["code"], "invalid_message");
    }
    // Who may not see the device may not see its tags.
    site.add_user("bob", "viewer", &["ems_002"]);
    let bob = User::login_as(&server, "bob").await;
    assert_eq!(bob.get(&server, "/api/uwb/devices").await, json!({"devices": []}));
    let mut other = bob.enter(&server, "/ws/uwb").await;
    other.expect("system.connection").await;
    device.say(location("4f2a", 7.0, 7)).await;
    watcher.expect("uwb.location").await;
    other.say(json!({"type": "get_device_location", "payload": {"device_id": "4f2a"}})).await;
    assert_eq!(other.json().await["payload"]["code"], "not_found");
    // All of it survives the server.
    server.kill();
    let server = site.serve();
    let user = User::login(&server).await;
    let after = user.get(&server, "/api/uwb/devices").await;
    assert_eq!(after["devices"][0]["location"]["x"], 7.0);
    let history = user.get(&server, "/api/uwb/devices/4f2a/locations").await;
    assert_eq!(history["locations"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn a_tracked_tag_is_told_at_most_once_an_interval_and_only_when_it_moved() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    device.say(location("4f2a", 0.0, 0)).await;
    eventually("the tag is known", async || {
        user.get(&server, "/api/uwb/devices").await["devices"].as_array().unwrap().len() == 1
    })
    .await;
    let mut socket = user.enter(&server, "/ws").await;
    let start = json!({"device_ids": ["4f2a"], "update_interval": 0.05, "minimum_movement": 1.0});
    socket.say(json!({"type": "start_position_tracking", "payload": start})).await;
    assert_eq!(socket.expect("uwb.tracking").await["device_ids"], json!(["4f2a"]));
    assert_eq!(socket.expect("uwb.location").await["location"]["x"], 0.0);
    // Steps that are too small add up; only what is a metre away is told.
    let mut told = Vec::new();
    for (second, x, is_told) in
        [(1, 0.4, false), (2, 0.8, false), (3, 1.2, true), (4, 1.3, false), (5, 2.5, true)]
    {
        device.say(location("4f2a", x, second)).await;
        if is_told {
            told.push(socket.expect("uwb.location").await["location"]["x"].as_f64().unwrap());
        }
    }
    assert_eq!(told, [1.2, 2.5]);
    socket.say(json!({"type": "stop_position_tracking", "payload": {}})).await;
    assert_eq!(socket.expect("uwb.tracking").await["device_ids"], json!([]));
    device.say(location("4f2a", 9.0, 9)).await;
    eventually("it has moved", async || {
        user.get(&server, "/api/uwb/devices").await["devices"][0]["location"]["x"] == 9.0
    })
    .await;
    assert!(socket.is_silent().await);
}
