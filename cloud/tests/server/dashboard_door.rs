//! Who may watch, and what is seen.

use std::time::Duration;

use crate::support::client::{Client, User, guide, sample};
use crate::support::{Site, eventually};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_plain_dashboard_gets_the_very_frames_and_nothing_else() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    let mut dashboard = user.watch(&server, "ems_001", false).await;
    let mut device = Client::device(&site, &server, "ems_001", &token).await;
    let odd = guide("ems_001").replace(", ", " ,\t").replace("53.2", "53.20");
    device.send(odd.clone()).await;
    assert_eq!(dashboard.text().await, odd);

    let mut typed = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let live = sample("ems_001", "boot-a", 9).to_string();
    typed.send(format!(r#"{{"payload": {live}, "type": "telemetry"}}"#)).await;
    assert_eq!(dashboard.text().await, live);
    // Neither the backlog, nor what is older than the newest, nor the same again, nor an event.
    typed.store(&[sample("ems_001", "boot-a", 1), sample("ems_001", "boot-0", 50)]).await;
    for seq in [8, 9] {
        typed.say(json!({"type": "telemetry", "payload": sample("ems_001", "boot-a", seq)})).await;
    }
    typed
        .say(json!({"type": "device.event", "payload": {"timestamp": "2026-02-03T12:00:00Z", "severity": "info", "code": "A", "message": "b"}}))
        .await;
    let next = sample("ems_001", "boot-a", 10).to_string();
    typed.send(format!(r#"{{"type":"telemetry","payload":{next}}}"#)).await;
    assert_eq!(dashboard.text().await, next);
}

#[tokio::test]
async fn a_late_dashboard_gets_the_latest_sample_at_once_also_after_a_restart() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let mut last = sample("ems_001", "boot-a", 3);
    last["battery"]["cells"] = json!([3.3, 3.31]);
    device.store(&[sample("ems_001", "boot-a", 1)]).await;
    device.say(json!({"type": "telemetry", "payload": last})).await;
    device.expect("telemetry.ack").await;
    for typed in [false, true] {
        let mut dashboard = user.watch(&server, "ems_001", typed).await;
        let seen = if typed { dashboard.expect("telemetry").await } else { dashboard.json().await };
        assert_eq!(seen, last);
    }
    server.kill();
    let server = site.serve();
    let user = User::login(&server).await;
    assert_eq!(user.watch(&server, "ems_001", false).await.json().await, last);
    assert_eq!(user.get(&server, "/api/devices/ems_001").await["latest"], last);
}

#[tokio::test]
async fn a_typed_dashboard_is_told_of_presence_and_of_late_samples() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    let mut dashboard = user.watch(&server, "ems_001", true).await;
    let status = dashboard.expect("device.status").await;
    assert_eq!(
        (&status["device_id"], &status["online"], &status["last_seen"]),
        (&json!("ems_001"), &json!(false), &Value::Null)
    );
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let status = dashboard.expect("device.status").await;
    assert!(
        status["online"] == true && status["last_seen"].is_string() && status["since"].is_string(),
        "{status}"
    );
    let (first, last) = (sample("ems_001", "boot-a", 10), sample("ems_001", "boot-a", 20));
    device.store(&[first.clone(), last.clone()]).await;
    let backfill = dashboard.expect("telemetry.backfill").await;
    assert_eq!(
        backfill,
        json!({"device_id": "ems_001", "from": first["timestamp"], "to": last["timestamp"]})
    );
    drop(device);
    assert_eq!(dashboard.expect("device.status").await["online"], false);
}

#[tokio::test]
async fn a_dashboard_that_does_not_read_skips_to_the_latest_and_costs_no_memory() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    let mut slow = user.watch_slowly(&server, "ems_001", true, Some(4096)).await;
    let mut quick = user.watch(&server, "ems_001", false).await;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let before = server.memory();
    let (count, padding) = (2_000_u64, "x".repeat(16 * 1024));
    let reader = tokio::spawn(async move {
        // It is not held up by the slow one: it sees the last sample.
        loop {
            let sample = quick.json().await;
            if sample["seq"] == count {
                return;
            }
        }
    });
    for seq in 1..=count {
        let mut sample = sample("ems_001", "boot-a", seq);
        sample["padding"] = json!(padding);
        device.say(json!({"type": "telemetry", "payload": sample})).await;
    }
    reader.await.unwrap();
    // 2,000 samples of 16 KiB are 32 MB.
    assert!(server.memory() < before + 25_000, "{before} kB, then {} kB", server.memory());
    let (mut seen, mut skipped, mut last) = (0, 0, 0);
    while last < count {
        let message = slow.json().await;
        if message["type"] == "telemetry" {
            let seq = message["payload"]["seq"].as_u64().unwrap();
            assert!(seq > last);
            seen += 1;
            skipped += message["skipped"].as_u64().unwrap_or(0);
            last = seq;
        }
    }
    assert_eq!(seen + skipped, count);
    assert!(skipped > 0, "the slow one was not slow");
}

#[tokio::test]
async fn only_a_page_of_ours_or_a_bearer_may_use_a_session() {
    let site = Site::new();
    let server = site.serve();
    site.add("ems_001");
    let user = User::login(&server).await;
    let origin = format!("http://{}", server.http);
    let jwt = user.cookie.trim_start_matches("ems_session=").to_owned();
    let bearer = format!("Bearer {jwt}");
    let forged = format!("{}; ems_session=x.y.z", "a=b");
    let open = async |path: &str, headers: &[(&'static str, &str)]| {
        Client::open_plain(&server, path, headers, None).await.map_or_else(|refusal| refusal.status, |_| 101)
    };
    for path in ["/ws/device/ems_001", "/ws/dashboard/ems_001"] {
        assert_eq!(open(path, &[("cookie", &user.cookie), ("origin", &origin)]).await, 101);
        assert_eq!(open(path, &[("authorization", &bearer)]).await, 101);
        assert_eq!(open(path, &[("cookie", &user.cookie)]).await, 403);
        assert_eq!(open(path, &[("cookie", &user.cookie), ("origin", "https://evil.example")]).await, 403);
        assert_eq!(open(path, &[("cookie", &forged), ("origin", &origin)]).await, 403);
        assert_eq!(open(path, &[("authorization", "Bearer x.y.z")]).await, 403);
        assert_eq!(open(path, &[]).await, 403);
        assert_eq!(open(&format!("{path}?token={jwt}"), &[]).await, 403);
        assert_eq!(open(&path.replace('1', "9"), &[("authorization", &bearer)]).await, 404);
    }
    assert!(!server.log().contains(&jwt));
    // A device's token is for its own door.
    let token = site.rotate("ems_001");
    assert_eq!(open("/ws/dashboard/ems_001", &[("authorization", &format!("Bearer {token}"))]).await, 403);
}

#[tokio::test]
async fn a_socket_lives_as_long_as_its_session() {
    let site = Site::new();
    let server = site.serve();
    site.add("ems_001");
    let (leaving, staying) = (User::login(&server).await, User::login(&server).await);
    let mut closed = leaving.watch(&server, "ems_001", false).await;
    let mut open = staying.watch(&server, "ems_001", true).await;
    assert_eq!(leaving.post(&server, "/api/logout", &json!({})).await.status(), 204);
    assert_eq!(closed.close_code().await, 4010);
    open.expect("device.status").await;
    assert!(open.is_silent().await);
    // Revoked or expired in the database, by whoever: noticed without a message.
    let db = rusqlite::Connection::open(site.data().join("ems.db")).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(db.execute("UPDATE sessions SET expires_at = 1 WHERE revoked_at IS NULL", []).unwrap(), 1);
    assert_eq!(open.close_code().await, 4010);
}

#[tokio::test]
async fn a_dashboard_that_talks_is_answered_and_stays() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    for typed in [false, true] {
        let mut dashboard = user.watch(&server, "ems_001", typed).await;
        let deep = "[".repeat(100_000);
        let frames: Vec<&str> = vec![
            "",
            "x",
            "{",
            "}",
            "[]",
            "null",
            "true",
            "1",
            "\"\"",
            "{}",
            "{\"type\":1}",
            "{\"type\":null}",
            "{\"type\":\"x\"}",
            "{\"type\":\"command\",\"payload\":{}}",
            "{\"type\":\"telemetry\"}",
            "{\"payload\":{}}",
            "NaN",
            "{\"type\":NaN}",
            "{\"type\":\"\\ud800\"}",
            "{\"a\":1}{}",
            "{'type':'x'}",
            "\u{0}",
            "{\"type\":\"ping\"}",
            "[{\"type\":\"x\"}]",
            "{\"type\":\"x\",\"type\":\"y\"}",
            "{\"type\":{}}",
            "{\"type\":[]}",
            "{\"type\":true}",
            "\u{feff}{}",
            &deep,
        ];
        assert!(frames.len() >= 30);
        for frame in frames {
            dashboard.send(frame).await;
            assert!(dashboard.expect("error").await["message"].is_string(), "{frame:.40}");
        }
        dashboard.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
        dashboard.expect("error").await;
        let _ = dashboard.0.send(Message::text("x".repeat(10 * 1024 * 1024))).await;
        assert_eq!(dashboard.expect("error").await["code"], "too_large");
        assert_eq!(dashboard.close_code().await, 1009);
    }
    let mut device = Client::device(&site, &server, "ems_001", &token).await;
    device.send(guide("ems_001")).await;
    eventually("served", async || user.samples(&server, "ems_001").await.len() == 1).await;
}
