//! Every role against every route, message and room, from the tables that the server itself uses.

use crate::support::client::{Client, User};
use crate::support::{Server, Site};
use axum::http::Method;
use ems_cloud::auth::role::Role;
use ems_cloud::door::events::messages::MESSAGES;
use ems_cloud::http::route::{Access, Route};
use ems_cloud::http::routes;
use ems_cloud::rooms::ROOMS;
use serde_json::{Value, json};

/// The path with names of things that exist where it matters; never the name of somebody who is needed.
fn path_of(route: &Route) -> String {
    route
        .path
        .replace("{id}", "ems_001")
        .replace("{name}", "nobody")
        .replace("{room}", "uwb")
        .replace(['{', '}'], "")
}

async fn status(server: &Server, http: &reqwest::Client, route: &Route) -> u16 {
    let method = reqwest::Method::from_bytes(route.method.as_str().as_bytes()).unwrap();
    let request = http.request(method, server.url(&path_of(route))).body("{}");
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn every_route_answers_each_role_as_the_table_says() {
    let site = Site::new();
    let server = site.serve();
    site.add("ems_001");
    let users = [("vera", Role::Viewer), ("otto", Role::Operator), ("admin", Role::Admin)];
    for (name, role) in &users[..2] {
        site.add_user(name, role.as_str(), &[]);
    }
    let mut checked = 0;
    // The device goes last.
    let (removing, others): (Vec<_>, Vec<_>) =
        routes().into_iter().partition(|route| route.method == Method::DELETE && route.path.contains("{id}"));
    let sessions_end = |route: &&Route| !matches!(route.path, "/api/logout");
    for route in others.iter().chain(&removing).filter(sessions_end) {
        let Access::Role(needs) = route.access else { continue };
        let anonymous = reqwest::Client::builder().no_proxy().build().unwrap();
        assert_eq!(status(&server, &anonymous, route).await, 401, "{} {}", route.method, route.path);
        for (name, role) in users {
            let user = login(&server, name).await;
            let status = status(&server, &user.http, route).await;
            let words = format!("{name}: {} {}: {status}", route.method, route.path);
            assert_eq!(status == 403, role < needs, "{words}");
            assert!(status != 401 && status < 500, "{words}");
            checked += 1;
        }
    }
    assert!(checked >= 3 * 20, "{checked}");
    // Each refusal was written down.
    let admin = login(&server, "admin").await;
    let audit = admin.get(&server, "/api/audit?limit=1000").await;
    let refused = audit["audit"].as_array().unwrap().iter().filter(|entry| entry["action"] == "refused");
    let expected: usize = others
        .iter()
        .chain(&removing)
        .map(|route| match route.access {
            Access::Role(needs) => Role::ALL.into_iter().filter(|role| *role < needs).count(),
            _ => 0,
        })
        .sum();
    assert_eq!(refused.count(), expected);
}

#[tokio::test]
async fn every_message_and_room_answers_each_role_as_the_table_says() {
    let site = Site::new();
    let server = site.serve();
    site.add("ems_001");
    for (name, role) in [("vera", Role::Viewer), ("otto", Role::Operator), ("admin", Role::Admin)] {
        if role != Role::Admin {
            site.add_user(name, role.as_str(), &[]);
        }
        let user = login(&server, name).await;
        let mut socket = user.enter(&server, "/ws").await;
        assert_eq!(socket.expect("system.connection").await["role"], role.as_str());
        for message in MESSAGES {
            socket.say(json!({"type": message.kind, "payload": {}})).await;
            let answer = socket.json().await;
            let refused = answer["type"] == "error" && answer["payload"]["code"] == "forbidden";
            assert_eq!(refused, role < message.needs, "{name}: {}: {answer}", message.kind);
        }
        for (room, needs) in ROOMS {
            let room = room.replace("{id}", "ems_001");
            let mut socket = user.enter(&server, "/ws").await;
            socket.expect("system.connection").await;
            socket.say(json!({"type": "subscribe", "payload": {"room": room}})).await;
            let answer = socket.json().await;
            if role < *needs {
                assert_eq!(answer["payload"]["code"], "forbidden", "{name}: {room}: {answer}");
            } else {
                assert_eq!(answer, json!({"type": "subscribed", "payload": {"room": room}}), "{name}");
            }
            if !room.contains('/') {
                let opened = open(&server, &user, &format!("/ws/{room}")).await;
                assert_eq!(opened, if role < *needs { 403 } else { 101 }, "{name}: {room}");
            }
        }
    }
}

#[tokio::test]
async fn a_user_of_some_devices_sees_and_moves_no_others_at_any_door() {
    let site = Site::new();
    let server = site.serve();
    for id in ["ems_001", "ems_002"] {
        site.add(id);
    }
    site.add_user("otto", "operator", &["ems_001"]);
    site.add_user("root", "admin", &["ems_001"]);
    let user = login(&server, "otto").await;
    let listed = user.get(&server, "/api/devices").await;
    assert_eq!(listed["devices"].as_array().unwrap().len(), 1);
    assert_eq!(user.get(&server, "/api/me").await["devices"], json!(["ems_001"]));
    let admin = login(&server, "root").await;
    for route in routes().iter().filter(|route| route.path.contains("{id}")) {
        let Access::Role(_) = route.access else { continue };
        for other in ["ems_002", "ems_009", "%ff"] {
            let method = reqwest::Method::from_bytes(route.method.as_str().as_bytes()).unwrap();
            let path = route.path.replace("{id}", other).replace("{command_id}", "c");
            let answer = admin.http.request(method, server.url(&path)).body("{}").send().await.unwrap();
            assert_eq!(answer.status(), 403, "{} {path}", route.method);
        }
    }
    // Whoever could add users, or change these rights, would be an admin of all devices.
    let mut refusals = 0;
    for route in routes().iter().filter(|route| !route.path.contains("{id}")) {
        let Access::Role(needs) = route.access else { continue };
        let answer = status(&server, &admin.http, route).await;
        assert_eq!(answer == 403, needs == Role::Admin, "{} {}: {answer}", route.method, route.path);
        refusals += usize::from(answer == 403);
    }
    assert!(refusals >= 10, "{refusals}");
    for (room, needs) in ROOMS.iter().filter(|(room, _)| !room.contains('/')) {
        let mut socket = admin.enter(&server, "/ws").await;
        socket.expect("system.connection").await;
        socket.say(json!({"type": "subscribe", "payload": {"room": room}})).await;
        let refused = *needs == Role::Admin;
        assert_eq!(socket.json().await["type"] == "error", refused, "{room}");
        let opened = open(&server, &admin, &format!("/ws/{room}")).await;
        assert_eq!(opened, if refused { 403 } else { 101 }, "{room}");
    }
    let all = login(&server, "admin").await;
    let audit = all.get(&server, "/api/audit?who=root&action=refused&limit=1000").await;
    let words = "only an admin of all devices may ";
    let noted =
        audit["audit"].as_array().unwrap().iter().filter(|entry| {
            entry["details"]["reason"].as_str().is_some_and(|reason| reason.starts_with(words))
        });
    let noted = noted.count();
    assert_eq!(noted, refusals + 2, "{audit}");
    for door in ["/ws/device/", "/ws/dashboard/"] {
        assert_eq!(open(&server, &user, &format!("{door}ems_001")).await, 101);
        assert_eq!(open(&server, &user, &format!("{door}ems_002")).await, 403);
        assert_eq!(open(&server, &user, &format!("{door}ems_009")).await, 403);
    }
    let bulk = json!({"device_ids": ["ems_001", "ems_002"], "action": "PING"});
    let bulk: Value = user.post(&server, "/api/commands", &bulk).await.json().await.unwrap();
    assert!(bulk["commands"][0]["command"].is_object() && bulk["commands"][1]["error"].is_string(), "{bulk}");
    let mut socket = user.enter(&server, "/ws/devices").await;
    assert_eq!(socket.expect("device.status").await["device_id"], "ems_001");
    for id in ["ems_002", "ems_009"] {
        socket.say(json!({"type": "subscribe", "payload": {"room": format!("device/{id}")}})).await;
        assert_eq!(socket.expect("error").await["code"], "forbidden");
        let command = json!({"device_id": id, "action": "PING"});
        socket.say(json!({"type": "send_command", "payload": command})).await;
        assert_eq!(socket.expect("error").await["code"], "forbidden");
    }
    // Neither presence of the other device nor a reload of it comes to that socket.
    site.rotate("ems_002");
    assert!(socket.is_silent().await);
}

#[tokio::test]
async fn only_an_admin_replaces_the_token_of_a_device_at_any_door() {
    let site = Site::new();
    let server = site.serve();
    site.add("ems_001");
    site.add_user("otto", "operator", &[]);
    let (otto, admin) = (login(&server, "otto").await, login(&server, "admin").await);
    let own = json!({"action": "ROTATE_TOKEN", "payload": {"token": format!("sk_{}", "x".repeat(40))}});
    let bulk =
        |payload: Value| json!({"device_ids": ["ems_001"], "action": "ROTATE_TOKEN", "payload": payload});
    let path = "/api/devices/ems_001/commands";
    assert_eq!(otto.post(&server, path, &own).await.status(), 403);
    assert_eq!(otto.post(&server, path, &json!({"action": "ROTATE_TOKEN"})).await.status(), 403);
    assert_eq!(otto.post(&server, "/api/commands", &bulk(json!({}))).await.status(), 403);
    let mut socket = otto.enter(&server, "/ws").await;
    socket.expect("system.connection").await;
    let mut message = own.clone();
    message["device_id"] = json!("ems_001");
    socket.say(json!({"type": "send_command", "payload": message})).await;
    assert_eq!(socket.expect("error").await["code"], "forbidden");
    let audit = admin.get(&server, "/api/audit?who=otto&action=refused").await;
    assert_eq!(audit["audit"].as_array().unwrap().len(), 4, "{audit}");
    // One token for several devices would let each speak for the others.
    let answer = admin.post(&server, "/api/commands", &bulk(own["payload"].clone())).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(admin.post(&server, path, &json!({"action": "ROTATE_TOKEN"})).await.status(), 201);
    let bulk: Value = admin.post(&server, "/api/commands", &bulk(json!({}))).await.json().await.unwrap();
    assert!(bulk["commands"][0]["command"].is_object(), "{bulk}");
    assert_eq!(otto.post(&server, path, &json!({"action": "PING"})).await.status(), 201);
}

async fn open(server: &Server, user: &User, path: &str) -> u16 {
    let origin = format!("http://{}", server.http);
    let headers = [("cookie", user.cookie.as_str()), ("origin", origin.as_str())];
    Client::open_plain(server, path, &headers, None).await.map_or_else(|refusal| refusal.status, |_| 101)
}

/// Logs in once for each user and server: logins are limited.
async fn login(server: &Server, name: &str) -> std::sync::Arc<User> {
    static KNOWN: tokio::sync::Mutex<Vec<(String, std::sync::Arc<User>)>> =
        tokio::sync::Mutex::const_new(Vec::new());
    let mut known = KNOWN.lock().await;
    let key = format!("{name}@{}", server.http);
    if let Some((_, user)) = known.iter().find(|(known, _)| *known == key) {
        return user.clone();
    }
    let user = std::sync::Arc::new(User::login_as(server, name).await);
    known.push((key, user.clone()));
    user
}
