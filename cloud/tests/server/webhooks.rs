//! What happens is told to other servers.

mod bad_receivers;
mod command_line;
mod reach;
mod receiver;

use std::sync::Mutex;

use crate::support::client::{Client, User, sample};
use crate::support::{Server, Site, contents, eventually};
use receiver::{Answer, Receiver};
use serde_json::{Value, json};

const ALLOW: &[&str] = &["--webhook-allow", "127.0.0.0/8"];

/// A webhook of the admin's; its id and its secret.
async fn add(user: &User, server: &Server, url: &str, events: &[&str], more: Value) -> (i64, String) {
    let mut new = json!({"name": "ops", "url": url, "events": events});
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = user.post(server, "/api/webhooks", &new).await;
    assert_eq!(answer.status(), 201);
    let made: Value = answer.json().await.unwrap();
    (made["id"].as_i64().unwrap(), made["secret"].as_str().unwrap().to_owned())
}

async fn deliveries(user: &User, server: &Server, id: i64) -> Vec<Value> {
    let mut found = user.get(server, &format!("/api/webhooks/{id}/deliveries")).await;
    found["deliveries"].take().as_array().unwrap().clone()
}

async fn test(user: &User, server: &Server, id: i64) {
    assert_eq!(user.post(server, &format!("/api/webhooks/{id}/test"), &json!({})).await.status(), 202);
}

/// The newest delivery, once it is as wanted.
async fn delivery(user: &User, server: &Server, id: i64, wanted: impl Fn(&Value) -> bool) -> Value {
    let found = Mutex::new(Value::Null);
    eventually("the delivery is as wanted", async || {
        let Some(newest) = deliveries(user, server, id).await.into_iter().next() else { return false };
        *found.lock().unwrap() = newest.clone();
        wanted(&newest)
    })
    .await;
    found.into_inner().unwrap()
}

#[tokio::test]
async fn alarms_and_events_are_told_signed_and_the_secret_is_shown_once() {
    let site = Site::new();
    let server = site.serve_as(ALLOW);
    let user = User::login(&server).await;
    let tokens = [site.add("ems_001"), site.add("ems_002")];
    let receiver = Receiver::new(&[Answer::Status(204)]).await;
    let all = ["alarm.raised", "alarm.cleared", "alarm.acknowledged", "device.event"];
    let (id, secret) =
        add(&user, &server, &receiver.url("/hook?k=v"), &all, json!({"device_ids": ["ems_001"]})).await;
    let roof = Receiver::new(&[Answer::Status(200)]).await;
    user.http
        .put(server.url("/api/groups/roof"))
        .json(&json!({"device_ids": ["ems_002"]}))
        .send()
        .await
        .unwrap();
    add(&user, &server, &roof.url("/"), &["device.event"], json!({"groups": ["roof"]})).await;

    let rule = json!({"name": "low", "kind": "below", "field": "battery.soc", "threshold": 20, "severity": "warning"});
    user.post(&server, "/api/alarms/rules", &rule).await;
    let mut devices = Vec::new();
    for (name, token) in ["ems_001", "ems_002"].iter().zip(&tokens) {
        let mut device = Client::greeted_device(&site, &server, name, token, "boot-a").await;
        let event = json!({"timestamp": "2026-02-03T12:00:00Z", "severity": "info", "code": "HELLO", "message": format!("of {name}"), "details": {"n": 1}});
        device.say(json!({"type": "device.event", "payload": event})).await;
        devices.push(device);
    }
    let event = receiver.wait_for(1).await.remove(0);
    assert_eq!(event.head.lines().next().unwrap(), "POST /hook?k=v HTTP/1.1");
    assert_eq!(event.header("content-type"), "application/json");
    let body = event.json();
    assert_eq!(
        (&body["type"], &body["data"]["device_id"], &body["data"]["details"]["n"]),
        (&json!("device.event"), &json!("ems_001"), &json!(1))
    );
    assert!(body["timestamp"].is_string(), "{body}");
    let mut low = sample("ems_001", "boot-a", 1);
    low["battery"]["soc"] = json!(10);
    devices[0].say(json!({"type": "telemetry", "payload": low})).await;
    let raised = receiver.wait_for(2).await.remove(1);
    assert_eq!(
        (&raised.json()["type"], &raised.json()["data"]["name"]),
        (&json!("alarm.raised"), &json!("low"))
    );
    let alarm = raised.json()["data"]["id"].as_i64().unwrap();
    for _ in 0..2 {
        // The second one changes nothing, so nothing is told of it.
        user.post(&server, &format!("/api/alarms/{alarm}/acknowledge"), &json!({})).await;
    }
    devices[0].say(json!({"type": "telemetry", "payload": sample("ems_001", "boot-a", 2)})).await;
    let got = receiver.wait_for(4).await;
    let kinds: Vec<Value> = got.iter().map(|got| got.json()["type"].take()).collect();
    assert_eq!(kinds, ["device.event", "alarm.raised", "alarm.acknowledged", "alarm.cleared"]);
    assert_eq!(got[2].json()["data"]["acknowledged_by"], "admin");
    for got in &got {
        assert!(got.is_signed_with(&secret), "{}", got.head);
        assert!(got.header("webhook-id").starts_with("msg_"), "{}", got.head);
    }
    let ids: std::collections::BTreeSet<_> =
        got.iter().map(|got| got.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 4, "each its own");
    let other = roof.wait_for(1).await;
    assert_eq!((other.len(), &other[0].json()["data"]["device_id"]), (1, &json!("ems_002")));
    let done = delivery(&user, &server, id, |newest| newest["state"] == "delivered").await;
    assert_eq!(
        (&done["attempts"], &done["response_status"], &done["error"]),
        (&json!(1), &json!(204), &Value::Null)
    );

    // The secret: once, and neither in a list nor in the log nor in the audit.
    let listed = user.get(&server, "/api/webhooks").await;
    let audit = user.get(&server, "/api/audit").await;
    assert_eq!(listed["webhooks"].as_array().unwrap().len(), 2);
    for text in [listed.to_string(), audit.to_string(), server.log()] {
        assert!(!text.contains(&secret[6..]), "{text}");
    }
    assert!(audit.to_string().contains("webhook added"));
    assert!(!server.log().contains("/hook"), "an address may hold a secret");
    assert!(!contents(&site.data()).windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    // It is disabled, changed and removed.
    let path = format!("/api/webhooks/{id}");
    let patch = async |change: Value| user.http.patch(server.url(&path)).json(&change).send().await.unwrap();
    let changed: Value = patch(json!({"enabled": false, "device_ids": null})).await.json().await.unwrap();
    assert_eq!(
        (&changed["enabled"], &changed["device_ids"], &changed["name"]),
        (&json!(false), &Value::Null, &json!("ops"))
    );
    assert_eq!(user.post(&server, &format!("{path}/test"), &json!({})).await.status(), 409);
    assert_eq!(patch(json!({"events": ["odd"]})).await.status(), 400);
    assert_eq!(user.http.delete(server.url(&path)).send().await.unwrap().status(), 204);
    assert_eq!(user.http.delete(server.url(&path)).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_also_by_the_server_after_a_restart() {
    let site = Site::new();
    let server = site.serve_as(ALLOW);
    let user = User::login(&server).await;
    let receiver = Receiver::new(&[Answer::Status(500), Answer::Status(302), Answer::Status(200)]).await;
    let (id, secret) = add(&user, &server, &receiver.url("/"), &["device.event"], json!({})).await;
    test(&user, &server, id).await;
    let failed =
        delivery(&user, &server, id, |newest| newest["attempts"] == 1 && newest["error"].is_string()).await;
    assert_eq!(
        (&failed["state"], &failed["response_status"], &failed["event"]),
        (&json!("pending"), &json!(500), &json!("webhook.test"))
    );
    assert!(
        failed["next_attempt_at"].is_string() && failed["error"].as_str().unwrap().contains("500"),
        "{failed}"
    );
    server.kill();
    let server = site.serve_as(ALLOW);
    let user = User::login(&server).await;
    let moved =
        delivery(&user, &server, id, |newest| newest["attempts"] == 2 && newest["error"].is_string()).await;
    assert!(moved["error"].as_str().unwrap().contains("redirects are not followed"), "{moved}");
    // The third attempt comes after a quarter of a minute.
    let done = delivery(&user, &server, id, |newest| newest["state"] == "delivered").await;
    assert_eq!((&done["attempts"], &done["next_attempt_at"]), (&json!(3), &Value::Null));
    let got = receiver.got();
    assert!(got.len() == 3 && got.iter().all(|got| got.body == got_body(&receiver)), "the same each time");
    assert!(got.iter().all(|one| one.header("webhook-id") == got[0].header("webhook-id")));
    assert!(got.iter().all(|got| got.is_signed_with(&secret)));
}

fn got_body(receiver: &Receiver) -> String {
    receiver.got()[0].body.clone()
}
