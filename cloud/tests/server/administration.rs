//! What an admin does with devices: provision, describe, disable; what a device says of itself; bulk commands.

use crate::support::client::{Client, User};
use crate::support::{Site, eventually};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_device_is_provisioned_with_lines_to_copy_and_then_described_disabled_and_enabled() {
    let site = Site::new();
    let server = site.serve();
    let admin = User::login(&server).await;
    let new = json!({"device_id": "ems_001", "name": "Roof"});
    let secret: Value = admin.post(&server, "/api/devices", &new).await.json().await.unwrap();
    let token = secret["token"].as_str().unwrap();
    let url = format!("ws://{}", server.http);
    let lines = format!("DEVICE_ID=ems_001\nAPI_TOKEN={token}\nSERVER_URL={url}\n");
    assert_eq!(secret["config_env"], lines);
    let command = secret["setup_command"].as_str().unwrap();
    assert_eq!(command, format!("sudo ems-edge setup --set DEVICE_ID=ems_001 --set SERVER_URL={url}"));
    assert!(!command.contains(token), "a command line is seen by all and kept in a history");
    let odd = admin
        .http
        .post(server.url("/api/devices/ems_001/token"))
        .header("host", "a b;rm")
        .send()
        .await
        .unwrap();
    assert!(
        odd.json::<Value>().await.unwrap()["setup_command"]
            .as_str()
            .unwrap()
            .ends_with("SERVER_URL=wss://HOST")
    );
    let secret: Value =
        admin.post(&server, "/api/devices/ems_001/token", &json!({})).await.json().await.unwrap();
    let token = secret["token"].as_str().unwrap().to_owned();

    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let patch = async |change: Value| {
        let answer = admin.http.patch(server.url("/api/devices/ems_001")).json(&change).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, changed) = patch(json!({"notes": "behind the door", "enabled": false})).await;
    assert_eq!(
        (status, &changed["name"], &changed["notes"], &changed["enabled"]),
        (200, &json!("Roof"), &json!("behind the door"), &json!(false))
    );
    assert_eq!(device.close_code().await, 4003);
    let bearer = format!("Bearer {token}");
    let refused = Client::open(&site, &server, "/ws/device/ems_001", &[("authorization", &bearer)]).await;
    assert_eq!(refused.err().unwrap().status, 403);
    let (_, changed) = patch(json!({"name": null, "enabled": true})).await;
    assert_eq!((&changed["name"], &changed["notes"]), (&Value::Null, &json!("behind the door")));
    // It is what it was: the token, the history.
    Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    for (change, field) in [
        (json!({"name": "x".repeat(201)}), "name"),
        (json!({"notes": 5}), "notes"),
        (json!({"enabled": "no"}), "enabled"),
    ] {
        let (status, problem) = patch(change).await;
        assert_eq!((status, &problem["field"]), (400, &json!(field)), "{problem}");
    }
    let audit = admin.get(&server, "/api/audit?subject=ems_001").await.to_string();
    for action in ["device registered", "device disabled", "device enabled", "token replaced"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
}

#[tokio::test]
async fn a_page_learns_which_actions_a_device_takes_with_the_form_of_each_also_while_it_is_away() {
    let site = Site::new();
    let server = site.serve();
    let admin = User::login(&server).await;
    let token = site.add("ems_001");
    let path = "/api/devices/ems_001/actions";
    let unknown = admin.get(&server, path).await;
    assert_eq!((&unknown["known"], unknown["actions"].as_array().unwrap().len()), (&json!(false), 11));
    let mut device = Client::typed_device(&site, &server, "ems_001", &token).await;
    let actions = ["PING", "SET_MODE", "ROTATE_TOKEN", "MAKE_TEA", "<script>"];
    let hello = json!({"boot_id": "b", "firmware_version": "1.2.3", "hardware_model": "Pi", "sensor": "INA226", "actions": actions});
    device.say(json!({"type": "device.hello", "payload": hello})).await;
    assert_eq!(device.json().await["type"], "device.welcome");
    // The welcome does not wait for it to be stored.
    eventually("it is known", async || admin.get(&server, path).await["known"] == true).await;
    let said = admin.get(&server, path).await;
    let found: Vec<_> = said["actions"].as_array().unwrap().iter().map(|action| &action["action"]).collect();
    assert_eq!(found, ["PING", "SET_MODE", "ROTATE_TOKEN", "MAKE_TEA"]);
    let mode = &said["actions"][1];
    assert_eq!((&mode["role"], &mode["effect"]), (&json!("operator"), &json!("hardware")));
    assert_eq!(mode["payload"]["properties"]["target_mode"]["enum"][1], "MANUAL_CHARGE");
    assert_eq!(said["actions"][2]["role"], "admin");
    assert_eq!(said["actions"][3]["payload"], json!({"type": "object"}));
    drop(device);
    drop(server);
    let server = site.serve();
    let admin = User::login(&server).await;
    let again = admin.get(&server, path).await;
    assert_eq!((&again["actions"], &again["said_at"]), (&said["actions"], &said["said_at"]));
    let shown = admin.get(&server, "/api/devices/ems_001").await;
    assert_eq!((&shown["firmware_version"], &shown["sensor"]), (&json!("1.2.3"), &json!("INA226")));
}

#[tokio::test]
async fn a_command_for_a_thousand_devices_is_one_commit_and_each_has_its_outcome() {
    let site = Site::new();
    let server = site.serve();
    let admin = User::login(&server).await;
    let ids: Vec<String> = (0..999).map(|n| format!("d{n:03}")).collect();
    for id in &ids {
        admin.post(&server, "/api/devices", &json!({"device_id": id})).await;
    }
    let commits = async || -> u64 {
        let text = admin.http.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("ems_commit_seconds_count"))
            .unwrap_or_else(|| panic!("{text}"));
        line.split(' ').nth(1).unwrap().parse().unwrap()
    };
    let before = commits().await;
    let mut all = ids.clone();
    all.push("nobody".to_owned());
    let bulk = json!({"device_ids": all, "action": "ROTATE_TOKEN"});
    let answer: Value = admin.post(&server, "/api/commands", &bulk).await.json().await.unwrap();
    let parts = answer["commands"].as_array().unwrap();
    assert_eq!(parts.len(), 1000);
    for part in parts {
        if part["device_id"] == "nobody" {
            assert_eq!(part["error"], "there is no such device");
        } else {
            assert_eq!(
                (&part["command"]["status"], &part["command"]["device_id"]),
                (&json!("CREATED"), &part["device_id"])
            );
        }
    }
    let used = commits().await - before;
    assert!(used < 50, "{used} commits");
    let audit = admin.get(&server, "/api/audit?action=command&limit=1000").await;
    assert_eq!(audit["audit"].as_array().unwrap().len(), 999);
}

#[tokio::test]
async fn who_asks_again_for_a_new_token_gets_the_one_that_is_on_its_way() {
    let site = Site::new();
    let server = site.serve();
    let admin = User::login(&server).await;
    let token = site.add("ems_001");
    let ask = json!({"action": "ROTATE_TOKEN", "command_id": "once"});
    for _ in 0..3 {
        let answer = admin.post(&server, "/api/devices/ems_001/commands", &ask).await;
        assert_eq!(answer.status(), 201);
    }
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let command = device.expect("command").await;
    let next = command["payload"]["token"].as_str().unwrap();
    Client::greeted_device(&site, &server, "ems_001", next, "boot-a").await;
}

#[tokio::test]
async fn a_field_that_is_not_known_is_refused_by_name_and_nothing_is_changed() {
    let site = Site::new();
    let server = site.serve();
    site.add("ems_001");
    let admin = User::login(&server).await;
    // Each is one letter or one convention away from a field that matters.
    let vera =
        json!({"username": "vera", "password": "long enough", "role": "viewer", "device_ids": ["ems_001"]});
    let rule = json!({"name": "gone", "kind": "offline", "severity": "error", "for": 600});
    let hook = json!({"name": "h", "url": "https://example.org/", "events": ["device.event"], "devices": ["ems_001"]});
    for (method, path, body, field) in [
        (Method::POST, "/api/users", vera, "device_ids"),
        (Method::PATCH, "/api/users/admin", json!({"device_ids": []}), "device_ids"),
        (Method::POST, "/api/devices", json!({"device_id": "ems_002", "nmae": "Barn"}), "nmae"),
        (Method::PATCH, "/api/devices/ems_001", json!({"enable": false}), "enable"),
        (Method::POST, "/api/alarms/rules", rule, "for"),
        (Method::POST, "/api/webhooks", hook, "devices"),
        (Method::PUT, "/api/groups/north", json!({"device_ids": [], "devices": ["ems_001"]}), "devices"),
    ] {
        let answer = admin.http.request(method, server.url(path)).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 400, "{path} {body}: {text}");
        assert!(text.contains(&format!("unknown field `{field}`, expected")), "{path}: {text}");
    }
    for (method, path) in [(Method::POST, "/api/devices"), (Method::PATCH, "/api/devices/ems_001")] {
        let mut body = json!({"name": "Barn\u{1b}[31m\nems_002"});
        if method == Method::POST {
            body["device_id"] = json!("ems_002");
        }
        let answer = admin.http.request(method, server.url(path)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "a name plays with a terminal");
        assert!(answer.text().await.unwrap().contains("control characters"));
    }
    for (path, list) in
        [("/api/alarms/rules", "rules"), ("/api/webhooks", "webhooks"), ("/api/groups", "groups")]
    {
        assert_eq!(admin.get(&server, path).await[list], json!([]), "{path}");
    }
    assert_eq!(admin.get(&server, "/api/users").await["users"].as_array().unwrap().len(), 1);
    assert_eq!(admin.get(&server, "/api/devices").await["devices"].as_array().unwrap().len(), 1);
}
