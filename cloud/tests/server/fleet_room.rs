//! A whole fleet over one socket: rows, presence, the last minutes, and what a page has missed.

use crate::support::client::{Client, User};
use crate::support::{Site, eventually};
use ems_protocol::Timestamp;
use serde_json::{Value, json};

/// The wall clock, ms since 1970.
fn now() -> i64 {
    ems_cloud::clock::now().millis()
}

/// A sample that was taken `ago` ms before now.
fn sample(id: &str, seq: u64, at: i64, soc: f64) -> Value {
    json!({
        "device_id": id, "boot_id": "boot-a", "seq": seq, "timestamp": Timestamp::from_millis(at),
        "system_status": {"state": "CHARGING", "mode": "AUTO", "error_flags": ["<script>"]},
        "battery": {"voltage": 53.254_321, "current": 2.0, "power": 106.5, "soc": soc, "soc_low": soc - 1.0, "soc_high": soc + 1.0, "synced": true, "temperature": 21.5},
    })
}

async fn say(device: &mut Client, sample: Value) {
    device.say(json!({"type": "telemetry", "payload": sample})).await;
    device.expect("telemetry.ack").await;
}

/// The rows of a snapshot, and its frames.
async fn snapshot(socket: &mut Client) -> (Vec<Value>, usize) {
    let (mut rows, mut frames) = (Vec::new(), 0);
    loop {
        let part = socket.expect("fleet.snapshot").await;
        rows.extend(part["devices"].as_array().unwrap().clone());
        frames += 1;
        if part["final"] == true {
            return (rows, frames);
        }
    }
}

/// Rows until one of `id` is as `wanted`.
async fn row(socket: &mut Client, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let update = socket.expect("fleet.update").await;
        assert!(update["server_time"].is_string(), "{update}");
        let found =
            update["devices"].as_array().unwrap().iter().find(|row| row["device_id"] == id && wanted(row));
        if let Some(row) = found {
            return row.clone();
        }
    }
}

#[tokio::test]
async fn a_page_sees_each_device_of_the_fleet_in_a_row_that_follows_its_three_truths() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    let tokens: Vec<String> = ["ems_001", "ems_002", "ems_003"].iter().map(|id| site.add(id)).collect();
    let members = json!({"device_ids": ["ems_001"]});
    user.http.put(server.url("/api/groups/roof")).json(&members).send().await.unwrap();
    let mut device = Client::greeted_device(&site, &server, "ems_001", &tokens[0], "boot-a").await;
    say(&mut device, sample("ems_001", 1, now(), 50.0)).await;

    let mut socket = user.enter(&server, "/ws/fleet").await;
    let (rows, _) = snapshot(&mut socket).await;
    assert_eq!(rows.len(), 3);
    let (first, second) = (&rows[0], &rows[1]);
    for (field, expected) in [
        ("device_id", json!("ems_001")),
        ("connected", json!(true)),
        ("status", json!("online")),
        ("state", json!("CHARGING")),
        ("mode", json!("AUTO")),
        ("soc", json!(50.0)),
        ("soc_low", json!(49.0)),
        ("soc_high", json!(51.0)),
        ("synced", json!(true)),
        ("voltage", json!(53.254)),
        ("current", json!(2.0)),
        ("power", json!(106.5)),
        ("temperature", json!(21.5)),
        ("error_flags", json!(["<script>"])),
        ("alarms", json!(0)),
        ("unacknowledged", json!(0)),
        ("groups", json!(["roof"])),
        ("conflict", json!(false)),
    ] {
        assert_eq!(first[field], expected, "{field}: {first}");
    }
    for field in ["since", "last_seen", "at"] {
        assert!(first[field].is_string(), "{field}: {first}");
    }
    assert_eq!((&second["status"], &second["connected"]), (&json!("never"), &json!(false)));
    assert!(second["soc"].is_null() && second["last_seen"].is_null(), "{second}");

    // It falls silent: that is neither offline nor online.
    let mut presence = user.enter(&server, "/ws/devices").await;
    let stale = row(&mut socket, "ems_001", |row| row["status"] == "stale").await;
    assert_eq!((&stale["connected"], &stale["soc"]), (&json!(true), &json!(50.0)));
    assert_eq!(stale["since"], stale["last_seen"], "since its last sample");
    while presence.expect("device.status").await["status"] != "stale" {}
    say(&mut device, sample("ems_001", 2, now(), 51.0)).await;
    let back = row(&mut socket, "ems_001", |row| row["status"] == "online").await;
    assert_eq!(back["soc"], 51.0);
    let status = presence.expect("device.status").await;
    assert_eq!((&status["status"], &status["connected"]), (&json!("online"), &json!(true)));
    // What it still owes.
    device.say(json!({"type": "device.hello", "payload": {"boot_id": "boot-a", "firmware_version": "1", "backlog": 3}})).await;
    row(&mut socket, "ems_001", |row| row["backlog"] == 3).await;
    // What is there already is not owed.
    device.store(&[sample("ems_001", 1, now(), 50.0), sample("ems_001", 2, now(), 51.0)]).await;
    device.store(&[sample("ems_001", 5, now() - 7_000, 42.0)]).await;
    let owes = row(&mut socket, "ems_001", |row| row["backlog"] != 3).await;
    assert_eq!(owes["backlog"], 2, "{owes}");
    device
        .store(&[sample("ems_001", 3, now() - 9_000, 40.0), sample("ems_001", 4, now() - 8_000, 41.0)])
        .await;
    row(&mut socket, "ems_001", |row| row["backlog"].is_null()).await;
    // An alarm is raised, and seen by somebody.
    let rule = json!({"name": "low", "kind": "below", "field": "battery.soc", "threshold": 60.0, "severity": "warning"});
    user.post(&server, "/api/alarms/rules", &rule).await;
    row(&mut socket, "ems_001", |row| row["alarms"] == 1 && row["unacknowledged"] == 1).await;
    let alarm = user.get(&server, "/api/alarms").await["alarms"][0]["id"].as_i64().unwrap();
    user.post(&server, &format!("/api/alarms/{alarm}/acknowledge"), &json!({})).await;
    row(&mut socket, "ems_001", |row| row["alarms"] == 1 && row["unacknowledged"] == 0).await;
    user.http.delete(server.url("/api/groups/roof")).send().await.unwrap();
    row(&mut socket, "ems_001", |row| row["groups"] == json!([])).await;
    drop(device);
    let gone = row(&mut socket, "ems_001", |row| row["status"] == "offline").await;
    assert_eq!((&gone["connected"], &gone["soc"]), (&json!(false), &json!(51.0)));
    // A device comes, a device goes.
    site.add("ems_004");
    row(&mut socket, "ems_004", |row| row["status"] == "never").await;
    user.http.delete(server.url("/api/devices/ems_003")).send().await.unwrap();
    while socket.expect("fleet.update").await["removed"] != json!(["ems_003"]) {}
    // After a restart it is as it was.
    drop(server);
    let server = site.serve();
    let user = User::login(&server).await;
    let mut socket = user.enter(&server, "/ws").await;
    socket.say(json!({"type": "subscribe", "payload": {"room": "fleet"}})).await;
    let (rows, _) = snapshot(&mut socket).await;
    assert_eq!(rows.len(), 3);
    assert_eq!((&rows[0]["status"], &rows[0]["soc"]), (&json!("offline"), &json!(51.0)));
}

#[tokio::test]
async fn a_row_has_the_curve_of_the_last_minutes_also_after_a_restart() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let minute = |back: i64| (now() / 60_000 - back) * 60_000 + 30_000;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let late = [(1, 14, 10.0), (2, 3, 20.0), (3, 3, 30.0), (4, 2, 40.0)];
    let late: Vec<Value> =
        late.iter().map(|(seq, back, soc)| sample("ems_001", *seq, minute(*back), *soc)).collect();
    device.store(&late).await;
    let look = async |server: &crate::support::Server| {
        let user = User::login(server).await;
        let mut socket = user.enter(server, "/ws/fleet").await;
        let rows = snapshot(&mut socket).await.0;
        rows[0]["spark"].clone()
    };
    let spark = look(&server).await;
    let values = |name: &str| -> Vec<Value> {
        spark[name].as_array().unwrap().iter().filter(|value| !value.is_null()).cloned().collect()
    };
    assert_eq!((&spark["step_s"], spark["soc"].as_array().unwrap().len()), (&json!(60), 15), "{spark}");
    // The oldest may have left the curve meanwhile.
    let soc = values("soc");
    assert!(soc == [json!(10.0), json!(25.0), json!(40.0)] || soc == [json!(25.0), json!(40.0)], "{spark}");
    assert!(values("power").iter().all(|power| *power == json!(106.5)), "{spark}");
    drop(server);
    let server = site.serve();
    eventually("the curve is read from the history", async || {
        let again = look(&server).await;
        again["soc"].as_array().is_some_and(|soc| soc.contains(&json!(25.0)) && soc.contains(&json!(40.0)))
    })
    .await;
}

#[tokio::test]
async fn a_user_of_some_devices_has_the_rows_of_these() {
    let site = Site::new();
    let server = site.serve();
    let tokens: Vec<String> = ["ems_001", "ems_002"].iter().map(|id| site.add(id)).collect();
    site.add_user("vera", "viewer", &["ems_002"]);
    let vera = User::login_as(&server, "vera").await;
    let mut socket = vera.enter(&server, "/ws/fleet").await;
    let (rows, _) = snapshot(&mut socket).await;
    assert_eq!(rows.iter().map(|row| &row["device_id"]).collect::<Vec<_>>(), ["ems_002"]);
    let mut other = Client::greeted_device(&site, &server, "ems_001", &tokens[0], "boot-a").await;
    say(&mut other, sample("ems_001", 1, now(), 10.0)).await;
    let mut own = Client::greeted_device(&site, &server, "ems_002", &tokens[1], "boot-a").await;
    say(&mut own, sample("ems_002", 1, now(), 20.0)).await;
    loop {
        let update = socket.expect("fleet.update").await;
        assert!(!update.to_string().contains("ems_001"), "{update}");
        if update["devices"][0]["soc"] == 20.0 {
            break;
        }
    }
}

/// All of `telemetry.recent` about a device: its samples' numbers, and the last message.
async fn recent(socket: &mut Client, id: &str) -> (Vec<u64>, Value) {
    let mut all = Vec::new();
    loop {
        let part = socket.expect("telemetry.recent").await;
        assert_eq!(part["device_id"], id);
        all.extend(part["samples"].as_array().unwrap().iter().map(|sample| sample["seq"].as_u64().unwrap()));
        if part["more"] == false {
            return (all, part);
        }
    }
}

#[tokio::test]
async fn a_page_that_opens_gets_the_last_minutes_and_one_that_was_away_what_it_missed() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    let token = site.add("ems_001");
    site.add("ems_002");
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let start = now() - 800_000;
    let at = |seq: u64| start + seq.cast_signed() * 1000;
    let all: Vec<Value> = (1..=600).map(|seq| sample("ems_001", seq, at(seq), 50.0)).collect();
    for batch in all.chunks(200) {
        device.store(batch).await;
    }
    say(&mut device, sample("ems_001", 700, now(), 50.0)).await;
    let mut socket = user.enter(&server, "/ws").await;
    let subscribe = json!({"rooms": ["device/ems_001", "device/ems_002"], "recent_s": 900});
    socket.say(json!({"type": "subscribe", "payload": subscribe})).await;
    // The order: joined, presence and the latest sample, then the last minutes.
    let mut kinds: Vec<String> = Vec::new();
    let part = loop {
        let message = socket.json().await;
        kinds.push(message["type"].as_str().unwrap().to_owned());
        if message["type"] == "telemetry.recent" {
            break message["payload"].clone();
        }
    };
    assert!(
        kinds.contains(&"telemetry".to_owned()) && kinds.contains(&"device.status".to_owned()),
        "{kinds:?}"
    );
    assert!(part["more"] == true && part.to_string().len() < 80_000, "parts of bounded size");
    let first = part["samples"].as_array().unwrap().len();
    let (rest, last) = recent(&mut socket, "ems_001").await;
    assert_eq!((first + rest.len(), rest.last()), (601, Some(&700)));
    assert_eq!((&last["complete"], &part["samples"][0]["seq"]), (&json!(true), &json!(1)));
    let (none, empty) = recent(&mut socket, "ems_002").await;
    assert!(none.is_empty() && empty["complete"] == true && empty["from"].is_string(), "{empty}");

    // A page goes; samples come live and late; it is back.
    drop(socket);
    let away = now();
    say(&mut device, sample("ems_001", 701, now(), 50.0)).await;
    device.store(&[sample("ems_001", 650, at(650), 50.0)]).await;
    let old = sample("ems_001", 651, away - 7_200_000, 50.0);
    device.store(&[old]).await;
    let mut socket = user.enter(&server, "/ws").await;
    let subscribe = json!({"room": "device/ems_001", "since": Timestamp::from_millis(away)});
    socket.say(json!({"type": "subscribe", "payload": subscribe})).await;
    // Of what is older than a page shows it is told that it came.
    let backfill = socket.expect("telemetry.backfill").await;
    assert_eq!(backfill["from"], json!(Timestamp::from_millis(away - 7_200_000)));
    let (missed, last) = recent(&mut socket, "ems_001").await;
    assert_eq!((missed, &last["complete"]), (vec![650, 701], &json!(true)));
    // Live samples of a clock that was set back have their place before the page went.
    let away = now();
    say(&mut device, sample("ems_001", 702, away - 300_000, 50.0)).await;
    let subscribe = json!({"room": "device/ems_001", "since": Timestamp::from_millis(away)});
    socket.say(json!({"type": "subscribe", "payload": subscribe})).await;
    assert_eq!(recent(&mut socket, "ems_001").await.0, [702]);
    // Whoever was away for longer is told that there is more.
    let subscribe = json!({"room": "device/ems_001", "since": Timestamp::from_millis(start), "recent_s": 60});
    socket.say(json!({"type": "subscribe", "payload": subscribe})).await;
    assert_eq!(recent(&mut socket, "ems_001").await.1["complete"], false);
    for (payload, field) in [
        (json!({"room": "device/ems_001", "recent_s": 901}), "recent_s"),
        (json!({"room": "device/ems_001", "recent_s": "1"}), "recent_s"),
        (json!({"room": "device/ems_001", "since": "yesterday"}), "since"),
    ] {
        socket.say(json!({"type": "subscribe", "payload": payload})).await;
        assert_eq!(socket.expect("error").await["details"]["field"], field);
    }
}

#[tokio::test]
async fn nothing_of_a_device_comes_after_its_room_was_left() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    let token = site.add("ems_001");
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let start = now() - 800_000;
    let all: Vec<Value> =
        (1..=700).map(|seq| sample("ems_001", seq, start + seq.cast_signed() * 1000, 50.0)).collect();
    for batch in all.chunks(200) {
        device.store(batch).await;
    }
    let mut socket = user.enter(&server, "/ws").await;
    for n in 0..10 {
        let room = json!({"room": "device/ems_001", "recent_s": 900});
        socket.say(json!({"type": "subscribe", "payload": room})).await;
        socket.say(json!({"type": "unsubscribe", "payload": room})).await;
        socket.expect("unsubscribed").await;
        tokio::time::sleep(std::time::Duration::from_millis(n * 10)).await;
        socket.say(json!({"type": "ping", "payload": {}})).await;
        let next = socket.json().await;
        assert_eq!(next["type"], "pong", "{}", next["type"]);
    }
}

#[tokio::test]
async fn five_hundred_rooms_are_joined_with_one_message_and_the_last_minutes_of_each_come() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    let ids: Vec<String> = (0..500).map(|n| format!("ems_{n:03}")).collect();
    for id in &ids {
        let added = user.post(&server, "/api/devices", &json!({"device_id": id})).await;
        assert_eq!(added.status(), 201);
    }
    let mut socket = user.enter(&server, "/ws").await;
    let rooms: Vec<String> = ids.iter().map(|id| format!("device/{id}")).collect();
    socket.say(json!({"type": "subscribe", "payload": {"rooms": rooms, "recent_s": 900}})).await;
    let (mut subscribed, mut told, mut recent) = (0, 0, 0);
    while (subscribed, told, recent) != (500, 500, 500) {
        match socket.json().await["type"].as_str().unwrap() {
            "subscribed" => subscribed += 1,
            "device.status" => told += 1,
            "telemetry.recent" => recent += 1,
            "system.connection" | "system.heartbeat" => {}
            other => panic!("{other}"),
        }
    }
    socket.say(json!({"type": "subscribe", "payload": {"room": "fleet"}})).await;
    let (rows, frames) = snapshot(&mut socket).await;
    assert!(rows.len() == 500 && frames > 1, "{} rows in {frames} frames", rows.len());
}
