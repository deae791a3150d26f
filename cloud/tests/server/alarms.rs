//! Alarms, groups, and what the audit can be asked.

use crate::support::client::{Client, User, sample};
use crate::support::{Site, eventually};
use serde_json::{Value, json};

#[tokio::test]
async fn an_alarm_is_raised_seen_and_over_also_across_a_restart() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    site.add("ems_002");
    site.add_user("otto", "operator", &[]);
    site.add_user("bob", "viewer", &["ems_002"]);
    let admin = User::login(&server).await;
    let rule = json!({"name": "low", "kind": "below", "field": "battery.soc", "threshold": 20, "hysteresis": 5, "severity": "warning"});
    let added: Value = admin.post(&server, "/api/alarms/rules", &rule).await.json().await.unwrap();
    for (field, value) in [
        ("kind", json!("odd")),
        ("field", Value::Null),
        ("field", json!("a..b")),
        ("threshold", Value::Null),
        ("for_s", json!(-1)),
        ("name", json!("")),
    ] {
        let mut wrong = rule.clone();
        wrong[field] = value;
        let answer = admin.post(&server, "/api/alarms/rules", &wrong).await;
        assert_eq!(answer.status(), 400, "{wrong}");
    }
    let mut room = admin.enter(&server, "/ws/alarms").await;
    room.expect("system.connection").await;
    let bob = User::login_as(&server, "bob").await;
    let mut other = bob.enter(&server, "/ws/alarms").await;
    other.expect("system.connection").await;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let mut seq = 0;
    let mut says = async |soc: f64| {
        seq += 1;
        let mut sample = sample("ems_001", "boot-a", seq);
        sample["battery"]["soc"] = json!(soc);
        device.say(json!({"type": "telemetry", "payload": sample})).await;
    };
    says(19.0).await;
    let raised = room.expect("alarm").await;
    assert_eq!(
        (&raised["device_id"], &raised["severity"], &raised["value"], &raised["cleared_at"]),
        (&json!("ems_001"), &json!("warning"), &json!(19.0), &Value::Null)
    );
    assert!(raised["message"].as_str().unwrap().contains("battery.soc is 19"), "{raised}");
    assert_eq!(raised["device_name"], Value::Null);
    assert_eq!(bob.get(&server, "/api/alarms").await, json!({"alarms": []}));
    assert!(other.is_silent().await);
    let named = admin
        .http
        .patch(server.url("/api/devices/ems_001"))
        .json(&json!({"name": "Barn"}))
        .send()
        .await
        .unwrap();
    assert_eq!(named.status(), 200);
    let otto = User::login_as(&server, "otto").await;
    let path = format!("/api/alarms/{}/acknowledge", raised["id"]);
    let seen: Value = otto.post(&server, &path, &json!({})).await.json().await.unwrap();
    assert_eq!(seen["acknowledged_by"], "otto");
    assert_eq!(seen["device_name"], "Barn");
    assert_eq!(room.expect("alarm").await["acknowledged_by"], "otto");
    // Who was first stays.
    let again: Value = admin.post(&server, &path, &json!({})).await.json().await.unwrap();
    assert_eq!(again["acknowledged_by"], "otto");
    assert_eq!(admin.post(&server, "/api/alarms/999/acknowledge", &json!({})).await.status(), 404);

    // It goes on after a restart, once, and is over beyond the hysteresis.
    server.kill();
    let server = site.serve();
    let admin = User::login(&server).await;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let mut good = sample("ems_001", "boot-a", 100);
    for (soc, expected) in [(22.0, 1), (30.0, 0)] {
        good["seq"] = json!(good["seq"].as_u64().unwrap() + 1);
        good["battery"]["soc"] = json!(soc);
        device.say(json!({"type": "telemetry", "payload": good})).await;
        device.expect("telemetry.ack").await;
        if expected == 1 {
            // Two looks at it.
            tokio::time::sleep(std::time::Duration::from_millis(2_200)).await;
        }
        eventually("the alarms are as they should be", async || {
            admin.get(&server, "/api/alarms").await["alarms"].as_array().unwrap().len() == expected
        })
        .await;
    }
    let all = admin.get(&server, "/api/alarms?state=all").await;
    assert_eq!(all["alarms"].as_array().unwrap().len(), 1, "{all}");
    assert!(all["alarms"][0]["cleared_at"].is_string());
    let path = format!("/api/alarms/rules/{}", added["id"]);
    assert_eq!(admin.http.delete(server.url(&path)).send().await.unwrap().status(), 204);
    assert_eq!(admin.http.delete(server.url(&path)).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn faults_and_a_device_that_went_away_raise_alarms() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    // Never seen, so not missed by the rule on data.
    site.add("ems_002");
    let admin = User::login(&server).await;
    for rule in [
        json!({"name": "fault", "kind": "fault", "severity": "error", "device_id": "ems_001"}),
        json!({"name": "gone", "kind": "offline", "severity": "error", "for_s": 1, "device_id": "ems_001"}),
        json!({"name": "silent", "kind": "no_data", "severity": "info", "for_s": 1}),
    ] {
        assert_eq!(admin.post(&server, "/api/alarms/rules", &rule).await.status(), 201);
    }
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let mut faulty = sample("ems_001", "boot-a", 1);
    faulty["battery"]["faults"] = json!(["OVER_VOLTAGE"]);
    device.say(json!({"type": "telemetry", "payload": faulty})).await;
    device.expect("telemetry.ack").await;
    drop(device);
    eventually("all three are raised", async || {
        let alarms = admin.get(&server, "/api/alarms?state=all").await;
        let names: std::collections::BTreeSet<_> = alarms["alarms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alarm| alarm["name"].as_str().unwrap().to_owned())
            .collect();
        assert!(!alarms.to_string().contains("ems_002"), "{alarms}");
        names.len() == 3
    })
    .await;
    // It comes back well.
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    for seq in 2..32 {
        device.say(json!({"type": "telemetry", "payload": sample("ems_001", "boot-a", seq)})).await;
        if admin.get(&server, "/api/alarms").await["alarms"] == json!([]) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    panic!("the alarms are not over: {}", admin.get(&server, "/api/alarms").await);
}

#[tokio::test]
async fn an_alarm_is_over_with_its_device_or_rule_and_each_user_is_told_of_the_own_devices_only() {
    let site = Site::new();
    let server = site.serve();
    let tokens = [("ems_002", site.add("ems_002")), ("ems_001", site.add("ems_001"))];
    site.add_user("bob", "viewer", &["ems_002"]);
    let (admin, bob) = (User::login(&server).await, User::login_as(&server, "bob").await);
    let low = json!({"name": "low", "kind": "below", "field": "battery.soc", "threshold": 20, "severity": "warning"});
    let fault = json!({"name": "fault", "kind": "fault", "severity": "error", "device_id": "ems_001"});
    let low: Value = admin.post(&server, "/api/alarms/rules", &low).await.json().await.unwrap();
    assert_eq!(admin.post(&server, "/api/alarms/rules", &fault).await.status(), 201);
    let mut room = admin.enter(&server, "/ws/alarms").await;
    room.expect("system.connection").await;
    let mut devices = Vec::new();
    for (id, token) in &tokens {
        let mut device = Client::greeted_device(&site, &server, id, token, "boot-a").await;
        let mut sample = sample(id, "boot-a", 1);
        sample["battery"]["soc"] = json!(10.0);
        device.say(json!({"type": "telemetry", "payload": sample})).await;
        assert_eq!(room.expect("alarm").await["device_id"], *id);
        devices.push(device);
    }
    // The newest is one that bob may not see.
    let alarms = bob.get(&server, "/api/alarms?limit=1").await;
    assert_eq!(alarms["alarms"][0]["device_id"], "ems_002", "{alarms}");
    let rules = bob.get(&server, "/api/alarms/rules").await;
    assert_eq!((rules["rules"].as_array().unwrap().len(), &rules["rules"][0]["name"]), (1, &json!("low")));
    // What is removed raises nothing, and what it had raised is over.
    let removed = admin.http.delete(server.url("/api/devices/ems_001")).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    let over = room.expect("alarm").await;
    assert!(over["device_id"] == "ems_001" && over["cleared_at"].is_string(), "{over}");
    let removed = admin.http.delete(server.url(&format!("/api/alarms/rules/{}", low["id"]))).send().await;
    assert_eq!(removed.unwrap().status(), 204);
    let over = room.expect("alarm").await;
    assert!(over["device_id"] == "ems_002" && over["cleared_at"].is_string(), "{over}");
}

#[tokio::test]
async fn groups_and_the_audit_are_kept_and_asked_for() {
    let site = Site::new();
    let server = site.serve();
    for id in ["ems_001", "ems_002"] {
        site.add(id);
    }
    site.add_user("bob", "viewer", &["ems_002"]);
    let admin = User::login(&server).await;
    let put = async |name: &str, body: Value| {
        admin.http.put(server.url(&format!("/api/groups/{name}"))).json(&body).send().await.unwrap().status()
    };
    assert_eq!(put("north", json!({"device_ids": ["ems_001", "ems_002"]})).await, 200);
    assert_eq!(put("north", json!({"device_ids": ["No Good"]})).await, 400);
    assert_eq!(put("%20", json!({"device_ids": []})).await, 400);
    let groups = json!({"groups": [{"name": "north", "device_ids": ["ems_001", "ems_002"]}]});
    assert_eq!(admin.get(&server, "/api/groups").await, groups);
    let bob = User::login_as(&server, "bob").await;
    assert_eq!(bob.get(&server, "/api/groups").await["groups"][0]["device_ids"], json!(["ems_002"]));
    // The name of a group of others says that there are others.
    assert_eq!(put("south", json!({"device_ids": ["ems_001"]})).await, 200);
    assert_eq!(bob.get(&server, "/api/groups").await["groups"].as_array().unwrap().len(), 1);
    assert_eq!(bob.http.get(server.url("/api/audit")).send().await.unwrap().status(), 403);

    let audit = async |query: &str| {
        let mut found = admin.get(&server, &format!("/api/audit?{query}")).await;
        found["audit"].take().as_array().unwrap().clone()
    };
    let refused = audit("who=bob&action=refused").await;
    assert_eq!((refused.len(), &refused[0]["subject"]), (1, &json!("/api/audit")));
    assert_eq!(audit("action=group%20changed&subject=north").await.len(), 1);
    let at = refused[0]["at"].as_str().unwrap();
    assert_eq!(audit(&format!("who=bob&from={at}&to={at}&action=refused")).await.len(), 1);
    assert!(audit("to=2000-01-01T00:00:00Z").await.is_empty());
    let wrong = admin.http.get(server.url("/api/audit?from=yesterday")).send().await.unwrap();
    assert_eq!(wrong.status(), 400);
    let gone = admin.http.delete(server.url("/api/groups/north")).send().await.unwrap();
    assert_eq!(gone.status(), 204);
}
