//! Rooms and typed messages.

use crate::support::client::{Client, User, sample};
use crate::support::{Server, Site};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

async fn open(server: &Server, path: &str, headers: &[(&'static str, &str)]) -> u16 {
    Client::open_plain(server, path, headers, None).await.map_or_else(|refusal| refusal.status, |_| 101)
}

#[tokio::test]
async fn nothing_is_answered_before_authentication_and_strangers_are_sent_away() {
    let site = Site::new();
    let server = site.serve();
    let device = site.add("ems_001");
    let user = User::login(&server).await;
    let mut silent = Client::open_plain(&server, "/ws/uwb", &[], None).await.unwrap();
    let mut stranger = Client::open_plain(&server, "/ws/uwb", &[], None).await.unwrap();
    for frame in ["", "{", "[]", r#"{"type":"ping"}"#, r#"{"type":"get_active_devices","payload":{}}"#] {
        stranger.send(frame).await;
    }
    stranger.0.send(Message::binary(vec![1])).await.unwrap();
    assert!(stranger.is_silent().await);
    stranger.say(json!({"type": "auth", "payload": {"token": user.token()}})).await;
    let welcome = stranger.json().await;
    assert_eq!(
        (&welcome["type"], &welcome["payload"]["rooms"]),
        (&json!("system.connection"), &json!(["uwb"]))
    );
    assert_eq!(welcome["payload"]["retry_window_s"], 0, "few come back at once");
    stranger.say(json!({"type": "get_active_devices", "payload": {}})).await;
    assert_eq!(stranger.expect("uwb.device_list").await, json!({"devices": []}));

    for token in ["", "nonsense", &device] {
        let mut liar = Client::open_plain(&server, "/ws", &[], None).await.unwrap();
        liar.say(json!({"type": "auth", "payload": {"token": token}})).await;
        assert_eq!(liar.close_code().await, 1008, "{token}");
    }
    let mut endless = Client::open_plain(&server, "/ws", &[], None).await.unwrap();
    for _ in 0..32 {
        endless.send(r#"{"type":"ping"}"#).await;
    }
    assert_eq!(endless.close_code().await, 1008);
    assert_eq!(silent.close_code().await, 4011);

    let bearer = format!("Bearer {}", user.token());
    let forged = format!("Bearer {}x", user.token());
    let own = format!("http://{}", server.http);
    let cookie = user.cookie.as_str();
    assert_eq!(open(&server, "/ws/uwb", &[("authorization", &bearer)]).await, 101);
    assert_eq!(open(&server, "/ws/uwb", &[("cookie", cookie), ("origin", &own)]).await, 101);
    assert_eq!(open(&server, "/ws/uwb", &[("cookie", cookie)]).await, 403);
    assert_eq!(
        open(&server, "/ws/uwb", &[("cookie", cookie), ("origin", "https://evil.example")]).await,
        403
    );
    assert_eq!(open(&server, "/ws/uwb", &[("authorization", &forged)]).await, 403);
    assert_eq!(open(&server, "/ws/uwb", &[("authorization", &format!("Bearer {device}"))]).await, 403);
    assert_eq!(open(&server, "/ws/nothing", &[("authorization", &bearer)]).await, 404);
    assert!(!server.log().contains(user.token()) && !server.log().contains(&device));
}

#[tokio::test]
async fn a_fleet_comes_over_one_socket_with_presence_and_the_last_value_of_each() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    let tokens: Vec<(String, String)> =
        (1..=5).map(|n| format!("ems_{n:03}")).map(|id| (id.clone(), site.add(&id))).collect();
    let mut devices = Vec::new();
    for (id, token) in &tokens[..3] {
        let mut device = Client::greeted_device(&site, &server, id, token, "boot-a").await;
        device.say(json!({"type": "telemetry", "payload": sample(id, "boot-a", 1)})).await;
        device.expect("telemetry.ack").await;
        devices.push(device);
    }
    let mut socket = user.enter(&server, "/ws/devices").await;
    socket.expect("system.connection").await;
    let mut online = 0;
    for _ in 0..5 {
        online += usize::from(socket.expect("device.status").await["online"] == true);
    }
    assert_eq!(online, 3);
    let rooms: Vec<String> = tokens.iter().map(|(id, _)| format!("device/{id}")).collect();
    socket.say(json!({"type": "subscribe", "payload": {"rooms": rooms}})).await;
    for (id, _) in &tokens {
        let joined = socket.expect("subscribed").await;
        assert_eq!(joined["room"], format!("device/{id}"));
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(socket.expect("telemetry").await["device_id"].as_str().unwrap().to_owned());
    }
    seen.sort();
    assert_eq!(seen, ["ems_001", "ems_002", "ems_003"]);
    devices[1].say(json!({"type": "telemetry", "payload": sample("ems_002", "boot-a", 2)})).await;
    let live = socket.expect("telemetry").await;
    assert_eq!((&live["device_id"], &live["seq"]), (&json!("ems_002"), &json!(2)));
    devices[2].store(&[sample("ems_003", "boot-0", 7)]).await;
    assert_eq!(socket.expect("telemetry.backfill").await["device_id"], "ems_003");
    let event = json!({"timestamp": "2026-02-03T12:00:00Z", "severity": "info", "code": "A", "message": "b"});
    devices[0].say(json!({"type": "device.event", "payload": event})).await;
    assert_eq!(socket.expect("device.event").await["device_id"], "ems_001");

    socket.say(json!({"type": "unsubscribe", "payload": {"room": "device/ems_002"}})).await;
    socket.expect("unsubscribed").await;
    devices[1].say(json!({"type": "telemetry", "payload": sample("ems_002", "boot-a", 3)})).await;
    devices[1].expect("telemetry.ack").await;
    assert!(socket.is_silent().await);
    // Presence comes without being in the device's room, also of devices that come and go.
    drop(devices.remove(1));
    let status = socket.expect("device.status").await;
    assert_eq!((&status["device_id"], &status["online"]), (&json!("ems_002"), &json!(false)));
    site.add("ems_006");
    while socket.expect("device.status").await["device_id"] != "ems_006" {}
    user.http.delete(server.url("/api/devices/ems_006")).send().await.unwrap();
    assert_eq!(socket.expect("device.removed").await, json!({"device_id": "ems_006"}));
}

#[tokio::test]
async fn a_page_is_told_that_a_device_was_removed_and_follows_the_next_one_of_its_name() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    site.add("ems_001");
    let mut socket = user.enter(&server, "/ws").await;
    let join = json!({"type": "subscribe", "payload": {"room": "device/ems_001"}});
    socket.say(join.clone()).await;
    socket.expect("device.status").await;
    user.http.delete(server.url("/api/devices/ems_001")).send().await.unwrap();
    assert_eq!(socket.expect("device.removed").await, json!({"device_id": "ems_001"}));
    socket.say(join.clone()).await;
    assert_eq!(socket.expect("error").await["code"], "not_found");
    let token = site.add("ems_001");
    socket.say(join).await;
    assert_eq!(socket.expect("device.status").await["status"], "never");
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    device.say(json!({"type": "telemetry", "payload": sample("ems_001", "boot-a", 1)})).await;
    assert_eq!(socket.expect("telemetry").await["seq"], 1);
}

#[tokio::test]
async fn mistakes_are_answered_and_leave_the_socket_open_until_they_are_too_many() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    let mut socket = user.enter(&server, "/ws").await;
    socket.expect("system.connection").await;
    socket.say(json!({"type": "ping", "payload": {"n": 7}})).await;
    let pong = socket.expect("pong").await;
    assert!(pong["n"] == 7 && pong["server_time"].is_string(), "{pong}");
    let cases: &[(&str, &str, &str)] = &[
        ("nonsense", "invalid_json", "'{'"),
        ("[]", "invalid_json", "'{'"),
        ("{}", "invalid_message", "type"),
        (r#"{"type":5}"#, "invalid_message", "type"),
        (r#"{"type":"nothing"}"#, "unknown_type", "nothing"),
        (r#"{"type":"subscribe"}"#, "invalid_message", "room"),
        (r#"{"type":"subscribe","payload":{"room":5}}"#, "invalid_message", "room"),
        (r#"{"type":"subscribe","payload":{"room":"cellar"}}"#, "not_found", "cellar"),
        (r#"{"type":"subscribe","payload":{"room":"device/ems_009"}}"#, "not_found", "ems_009"),
        (r#"{"type":"get_device_location","payload":{"device_id":"x"}}"#, "not_found", "x"),
        (
            r#"{"type":"get_location_history","payload":{"device_id":"x","limit":0}}"#,
            "invalid_message",
            "limit",
        ),
        (
            r#"{"type":"get_location_history","payload":{"device_id":"x","start_time":"now"}}"#,
            "invalid_message",
            "start_time",
        ),
        (
            r#"{"type":"start_position_tracking","payload":{"device_ids":[]}}"#,
            "invalid_message",
            "device_ids",
        ),
        (
            r#"{"type":"start_position_tracking","payload":{"device_ids":["x"],"update_interval":0}}"#,
            "invalid_message",
            "update_interval",
        ),
        (
            r#"{"type":"send_command","payload":{"device_id":"ems_009","action":"PING"}}"#,
            "not_found",
            "ems_009",
        ),
    ];
    for (frame, code, words) in cases {
        socket.send(*frame).await;
        let error = socket.expect("error").await;
        assert_eq!(error["code"], *code, "{frame}: {error}");
        assert!(error["message"].as_str().unwrap().contains(words), "{frame}: {error}");
    }
    socket.0.send(Message::binary(vec![1])).await.unwrap();
    assert_eq!(socket.expect("error").await["code"], "invalid_json");
    // A flood is named and ended.
    let mut limited = false;
    for _ in 0..2_000 {
        if socket.0.send(Message::text(r#"{"type":"error"}"#)).await.is_err() {
            break;
        }
    }
    loop {
        match socket.message().await {
            Message::Text(text) => limited |= text.contains("too_many") && text.contains("50 messages"),
            Message::Close(frame) => {
                let frame = frame.unwrap();
                assert!(u16::from(frame.code) == 4029 && frame.reason.contains("50 messages"), "{frame:?}");
                break;
            }
            _ => {}
        }
    }
    assert!(limited);
    assert!(user.enter(&server, "/ws").await.json().await["type"] == "system.connection");
}

#[tokio::test]
async fn a_command_is_sent_over_the_event_door_and_its_progress_comes_back() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let mut socket = user.enter(&server, "/ws").await;
    socket.say(json!({"type": "subscribe", "payload": {"room": "device/ems_001"}})).await;
    socket.expect("subscribed").await;
    let command = json!({"device_id": "ems_001", "action": "PING", "command_id": "c1"});
    socket.say(json!({"type": "send_command", "payload": command})).await;
    assert_eq!(socket.expect("command.status").await["status"], "CREATED");
    assert_eq!(device.expect("command").await["command_id"], "c1");
    let ack = json!({"command_id": "c1", "device_id": "ems_001", "timestamp": "2026-02-03T12:00:00Z", "status": "SUCCEEDED"});
    device.say(json!({"type": "command.ack", "payload": ack})).await;
    while socket.expect("command.status").await["status"] != "SUCCEEDED" {}
}

#[tokio::test]
async fn limits_on_connections_say_which_one_was_hit() {
    let site = Site::new();
    let server = site.serve_as(&["--max-per-user", "3", "--max-per-address", "5"]);
    site.add("ems_001");
    for name in ["ada", "bob"] {
        site.add_user(name, "viewer", &[]);
    }
    let reason = async |mut socket: Client| loop {
        if let Message::Close(frame) = socket.message().await {
            let frame = frame.unwrap();
            return (u16::from(frame.code), frame.reason.to_string());
        }
    };
    let (ada, bob) = (User::login_as(&server, "ada").await, User::login_as(&server, "bob").await);
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut socket = ada.enter(&server, "/ws").await;
        socket.expect("system.connection").await;
        open.push(socket);
    }
    let user = (4029, "limit reached: connections per user".to_owned());
    assert_eq!(reason(ada.enter(&server, "/ws").await).await, user);
    assert_eq!(reason(ada.watch(&server, "ems_001", true).await).await, user);
    for _ in 0..2 {
        let mut socket = bob.enter(&server, "/ws").await;
        socket.expect("system.connection").await;
        open.push(socket);
    }
    let address = (4029, "limit reached: connections per address".to_owned());
    assert_eq!(reason(bob.enter(&server, "/ws").await).await, address);
    drop(open);
    crate::support::eventually("there is room again", async || {
        bob.enter(&server, "/ws").await.json().await["type"] == "system.connection"
    })
    .await;
    let metrics: String = ada.http.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"ems_dropped_total{reason="connections_per_user"} 2"#), "{metrics}");
}

#[tokio::test]
async fn the_audit_is_watched_by_admins_as_it_grows() {
    let site = Site::new();
    let server = site.serve();
    let admin = User::login(&server).await;
    let mut socket = admin.enter(&server, "/ws/audit").await;
    socket.expect("system.connection").await;
    site.add_user("vera", "viewer", &[]);
    let vera = User::login_as(&server, "vera").await;
    let login: Value = socket.expect("audit").await;
    assert_eq!((&login["who"], &login["action"]), (&json!("vera"), &json!("login")));
    let refused = vera.http.get(server.url("/api/users")).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    let refused = socket.expect("audit").await;
    assert_eq!((&refused["action"], &refused["subject"]), (&json!("refused"), &json!("/api/users")));
}
