//! By the real cloud: the whole life of a command, who may ask, and what is left of it.

use std::process::Command;

use ems_test_harness::{Cloud, Handshake, Socket, program, run, until};
use serde_json::json;

use super::{ask, ended, published, start, wait_online};

#[test]
fn the_whole_life_of_a_command_is_kept_with_who_asked() {
    let cloud = Cloud::start();
    let _edge = start(&cloud, &published(&cloud));
    let id = ask(&cloud, &json!({"action": "SET_CONFIG", "payload": {"LOG_LEVEL": "debug"}}));
    let command = ended(&cloud, &id);
    assert_eq!(command["status"], "SUCCEEDED", "{command}");
    let stamps = ["issued_at", "sent_at", "accepted_at", "started_at", "finished_at"];
    let times: Vec<_> = stamps.iter().map(|stamp| command[*stamp].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted(), "{command}");
    assert_eq!(command["asked_by"], "admin");
    let listed = cloud.api().get("/api/devices/ems_001/commands").body;
    assert_eq!(listed["commands"][0]["command_id"], id.as_str());
    let audit = cloud.api().get("/api/audit").body;
    assert_eq!(audit["audit"][0]["who"], "admin");
    assert_eq!(audit["audit"][0]["details"]["command_id"], id.as_str());
}

#[test]
fn a_command_waits_for_a_device_that_is_away_and_times_out_in_the_end() {
    let cloud = Cloud::start();
    let mut edge = start(&cloud, &published(&cloud));
    edge.stop();
    let (lost, kept) = (
        ask(&cloud, &json!({"action": "PING", "ttl_s": 1})),
        ask(&cloud, &json!({"action": "PING", "ttl_s": 300})),
    );
    assert_eq!(ended(&cloud, &lost)["status"], "TIMED_OUT");
    assert_eq!(super::show(&cloud, &kept)["status"], "CREATED");
    edge.start_again();
    assert_eq!(ended(&cloud, &kept)["status"], "SUCCEEDED");
    wait_online(&cloud);
    assert_eq!(super::show(&cloud, &lost)["deliveries"], 0);
}

#[test]
fn the_command_line_sends_a_command_and_waits_for_its_answer() {
    let cloud = Cloud::start();
    let _edge = start(&cloud, &published(&cloud));
    let mut command = Command::new(program("ems-cloud"));
    command.env_clear().args(["command", "send", "ems_001", "PING", "--data"]).arg(cloud.data_dir());
    let said = run(command).expect_success("ems-cloud command send");
    assert!(said.contains("SUCCEEDED"), "{said}");
}

#[test]
fn one_request_asks_several_devices_and_names_those_that_are_not_there() {
    let cloud = Cloud::start();
    cloud.add_device("ems_002");
    let _edge = start(&cloud, &published(&cloud));
    let ids = json!(["ems_001", "ems_002", "nobody"]);
    let answer = cloud.api().post("/api/commands", &json!({"device_ids": ids, "action": "PING"}));
    assert_eq!(answer.status, 207, "{}", answer.body);
    let parts = answer.body["commands"].as_array().unwrap().clone();
    assert_eq!(parts.iter().filter(|part| part["command"].is_object()).count(), 2);
    let id = parts[0]["command"]["command_id"].as_str().unwrap();
    assert_eq!(ended(&cloud, id)["status"], "SUCCEEDED");
    for bad in [json!({"action": "ping"}), json!({"action": "PING", "ttl_s": 0}), json!({})] {
        assert_eq!(cloud.api().post("/api/devices/ems_001/commands", &bad).status, 400, "{bad}");
    }
}

/// A device that answers when it likes.
fn connect_device(cloud: &Cloud) -> Socket {
    let mut socket = Handshake::device(cloud, cloud.device()).typed().connect();
    socket.send_typed("device.hello", &json!({"boot_id": "b", "firmware_version": "0", "actions": ["PING"]}));
    socket.next_of("device.welcome");
    socket
}

#[test]
fn an_answer_after_the_time_to_live_is_kept_beside_the_end() {
    let cloud = Cloud::start();
    let mut device = connect_device(&cloud);
    let id = ask(&cloud, &json!({"action": "PING", "ttl_s": 1}));
    assert_eq!(device.next_of("command")["command_id"], id.as_str());
    assert_eq!(ended(&cloud, &id)["status"], "TIMED_OUT");
    let ack = json!({"command_id": id, "device_id": "ems_001", "timestamp": "2026-11-22T00:00:00.000Z",
        "status": "SUCCEEDED", "result": {"firmware_version": "9"}});
    device.send_typed("command.ack", &ack);
    let command = until("the late answer", || {
        Some(super::show(&cloud, &id)).filter(|command| command["late_result"].is_object())
    });
    assert_eq!(command["status"], "TIMED_OUT");
    assert_eq!(command["late_result"]["status"], "SUCCEEDED", "{command}");
    assert_eq!(command["late_result"]["result"]["firmware_version"], "9");
}

#[test]
fn dashboards_are_told_where_a_command_stands() {
    let cloud = Cloud::start();
    let mut dashboard = Handshake::dashboard(&cloud, "ems_001").typed().connect();
    let mut device = connect_device(&cloud);
    let id = ask(&cloud, &json!({"action": "PING"}));
    device.next_of("command");
    for status in ["ACCEPTED", "IN_PROGRESS", "SUCCEEDED"] {
        let ack = json!({"command_id": id, "device_id": "ems_001", "timestamp": "2026-11-22T00:00:00.000Z", "status": status});
        device.send_typed("command.ack", &ack);
    }
    let mut seen = Vec::new();
    while seen.last().is_none_or(|status| status != "SUCCEEDED") {
        let told = dashboard.next_of("command.status");
        assert_eq!((&told["command_id"], &told["asked_by"]), (&json!(id), &json!("admin")));
        seen.push(told["status"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, ["CREATED", "SENT", "ACCEPTED", "IN_PROGRESS", "SUCCEEDED"]);
}

#[test]
fn a_viewer_sees_commands_and_may_send_none() {
    let cloud = Cloud::start();
    let id = ask(&cloud, &json!({"action": "PING"}));
    let db = rusqlite::Connection::open(cloud.data_dir().join("ems.db")).unwrap();
    db.busy_timeout(ems_test_harness::PATIENCE).unwrap();
    for (role, sends) in [("viewer", 403), ("operator", 201)] {
        db.execute("UPDATE users SET role = ?", [role]).unwrap();
        let api = cloud.api();
        assert_eq!(
            api.post("/api/devices/ems_001/commands", &json!({"action": "PING"})).status,
            sends,
            "{role}"
        );
        let bulk = api.post("/api/commands", &json!({"device_ids": ["ems_001"], "action": "PING"})).status;
        assert_eq!(bulk, if sends == 403 { 403 } else { 207 }, "{role}");
        assert_eq!(api.get(&format!("/api/devices/ems_001/commands/{id}")).status, 200, "{role}");
        assert_eq!(api.get("/api/audit").status, 403, "{role}");
    }
    db.execute("UPDATE users SET role = 'admin'", ()).unwrap();
    let audit = cloud.api().get("/api/audit").body.to_string();
    assert!(audit.contains("403") || audit.contains("refused") || audit.contains("forbidden"), "{audit}");
}
