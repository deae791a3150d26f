//! `SET_CONFIG`: whole or not at all, and never the end of the connection.

use std::net::TcpListener;

use ems_test_harness::{Cloud, Edge, Impostor, run, until};
use serde_json::{Value, json};

use super::{Desk, ask, ended, published, published_to, start};

fn shown(edge: &Edge, key: &str) -> Value {
    let said = run(edge.subcommand("config show --json"));
    serde_json::from_str::<Value>(&said.stdout).unwrap()[key].clone()
}

#[test]
fn bad_settings_are_refused_with_reasons_and_nothing_is_changed() {
    let server = Impostor::listen();
    let edge = Edge::start(&published_to(&server));
    let mut desk = Desk::take(server, true);
    let before = run(edge.subcommand("config show")).stdout;
    let mut bad = vec![json!({}), json!({"LOG_LEVEL": ["info"]}), json!({"LOG_LEVEL": true})];
    for key in [
        "DEVICE_ID",
        "API_TOKEN",
        "CA_FILE",
        "SENSOR",
        "I2C_BUS",
        "SHUNT",
        "STATE_DIR",
        "RUNTIME_DIR",
        "COMMANDS_ALLOW",
        "NOPE",
        "log_level",
        "",
        "../x",
        "PATH",
    ] {
        bad.push(json!({key: "info"}));
        bad.push(json!({key: "info", "LOG_LEVEL": "debug"}));
    }
    for value in ["", "loud", "INFO; reboot", "\u{0}", "info\nSENSOR=ina219"] {
        bad.push(json!({"LOG_LEVEL": value, "BACKLOG_RATE": 100}));
    }
    for value in [json!(0), json!(-1), json!(1e9), json!("soon"), json!("100")] {
        bad.push(json!({"SAMPLE_INTERVAL": value}));
    }
    assert!(bad.len() >= 40, "{}", bad.len());
    for (number, payload) in bad.iter().enumerate() {
        let answer = desk.ask(&format!("bad{number}"), "SET_CONFIG", payload);
        let code = (&answer["status"], &answer["reason_code"]);
        assert_eq!(code, (&json!("REJECTED"), &json!("INVALID_PAYLOAD")), "{payload}: {answer}");
        assert!(answer["reason"].as_str().is_some_and(|words| words.len() > 10), "{answer}");
    }
    assert_eq!(run(edge.subcommand("config show")).stdout, before);
}

#[test]
fn a_setting_of_the_cloud_holds_until_the_technician_edits_its_line() {
    let cloud = Cloud::start();
    let mut edge = start(&cloud, &published(&cloud).with("LOG_LEVEL", "info"));
    let id = ask(
        &cloud,
        &json!({"action": "SET_CONFIG", "payload": {"LOG_LEVEL": "debug", "SAMPLE_INTERVAL": "0.2"}}),
    );
    let command = ended(&cloud, &id);
    assert_eq!(command["status"], "SUCCEEDED", "{command}");
    for _ in 0..2 {
        assert_eq!(shown(&edge, "LOG_LEVEL")["value"], "debug");
        assert!(shown(&edge, "LOG_LEVEL")["origin"].as_str().unwrap().contains("cloud"));
        edge.kill_and_restart();
    }
    let file = edge.state_dir().parent().unwrap().parent().unwrap().join("config.env");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("LOG_LEVEL='info'", "LOG_LEVEL='warn'")).unwrap();
    assert_eq!(shown(&edge, "LOG_LEVEL")["value"], "warn");
    assert_eq!(shown(&edge, "SAMPLE_INTERVAL")["value"], "0.2");
}

#[test]
fn settings_that_cut_the_device_off_are_taken_back() {
    let cloud = Cloud::start();
    let edge = start(&cloud, &published(&cloud));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let id = ask(&cloud, &json!({"action": "SET_CONFIG", "payload": {"SERVER_URL": url}, "ttl_s": 600}));
    // Two minutes without a connection, and some time to make one.
    let command =
        ems_test_harness::until_within(std::time::Duration::from_secs(300), "the end of the trial", || {
            Some(super::show(&cloud, &id)).filter(|command| super::is_final(&command["status"]))
        });
    assert_eq!(command["status"], "FAILED", "{command}");
    assert!(command["reason"].as_str().unwrap().contains("taken back"), "{command}");
    assert_eq!(shown(&edge, "SERVER_URL")["value"], edge.settings().get("SERVER_URL"));
    until("samples", || (!cloud.api().samples("ems_001").is_empty()).then_some(()));
}
