//! By the real cloud: the whole life of a command, who may ask, and what is left of it.

use std::process::Command;

use ems_test_harness::{Cloud, program, run};
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
