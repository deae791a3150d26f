//! In both modes, by a server that sees every frame.

use std::time::{Duration, Instant};

use ems_test_harness::{Edge, Impostor};
use serde_json::{Value, json};

use super::{Desk, published_to};

#[test]
fn commands_are_answered_in_typed_and_in_plain_mode() {
    for typed in [true, false] {
        let server = Impostor::listen();
        let _edge = Edge::start(&published_to(&server));
        let mut desk = Desk::take(server, typed);
        assert_eq!(desk.ask("p1", "PING", &json!({}))["status"], "SUCCEEDED");
        let read = desk.ask("r1", "READ_NOW", &json!({}));
        assert!(read["result"]["battery"]["voltage"].as_f64().unwrap() > 40.0, "{read}");
        let report = desk.ask("d1", "DIAGNOSTICS", &json!({"lines": 5}));
        assert!(report["result"]["doctor"]["checks"].is_array(), "{report}");
        assert_eq!(report["result"]["log"].as_array().unwrap().len(), 5);
        assert!(!report.to_string().contains("Zu7Yt2Wq"), "a token is shown");
        let refused = [
            ("x1", "FORMAT", json!({}), "UNKNOWN_ACTION"),
            ("x2", "REBOOT", json!({}), "NOT_ALLOWED"),
            ("x3", "SET_OUTPUT", json!({"output": "load", "on": true}), "NOT_ALLOWED"),
            ("x4", "IDENTIFY", json!({"seconds": -1}), "INVALID_PAYLOAD"),
        ];
        for (id, action, payload, code) in refused {
            let answer = desk.ask(id, action, &payload);
            assert_eq!(
                (&answer["status"], &answer["reason_code"]),
                (&json!("REJECTED"), &json!(code)),
                "{answer}"
            );
        }
        desk.send(&json!({"command_id": "old", "action": "PING", "ttl_s": 0}));
        assert_eq!(desk.end_of("old")["reason_code"], "EXPIRED");
    }
}

#[test]
fn a_repeated_id_gets_the_recorded_answer_and_after_a_restart_too() {
    let server = Impostor::listen();
    let mut edge = Edge::start(&published_to(&server));
    let mut desk = Desk::take(server, true);
    let ping = desk.ask("again", "PING", &json!({}));
    let set = desk.ask("set", "SET_CONFIG", &json!({"LOG_LEVEL": "debug"}));
    assert_eq!(set["status"], "SUCCEEDED", "{set}");
    assert_eq!(desk.ask("again", "PING", &json!({})), ping);
    edge.kill();
    edge.launch_again();
    desk.take_again();
    assert_eq!(desk.ask("again", "PING", &json!({})), ping);
    // Not set a second time, nor anything else under that id.
    assert_eq!(desk.ask("set", "SET_CONFIG", &json!({"LOG_LEVEL": "info"})), set);
    assert_eq!(desk.ask("set", "PING", &json!({})), set);
}

#[test]
fn a_restart_is_acknowledged_first_and_done_once() {
    let server = Impostor::listen();
    let mut edge = Edge::start(&published_to(&server));
    let mut desk = Desk::take(server, true);
    assert_eq!(desk.ask("r", "RESTART", &json!({}))["status"], "SUCCEEDED");
    // The Pong that proves the delivery leaves with the next read.
    while desk.socket.receive_within(Duration::from_secs(20)).is_some() && edge.process().is_running() {}
    assert!(edge.process().wait().success());
    edge.launch_again();
    desk.take_again();
    assert_eq!(desk.ask("r", "RESTART", &json!({}))["status"], "SUCCEEDED");
    assert_eq!(desk.ask("p", "PING", &json!({}))["status"], "SUCCEEDED");
    assert!(edge.process().is_running());
}

#[test]
fn a_thousand_commands_and_slow_ones_beside_them_delay_no_sample() {
    let server = Impostor::listen();
    let _edge = Edge::start(&published_to(&server));
    let mut desk = Desk::take(server, true);
    desk.send(&json!({"command_id": "slow", "action": "DIAGNOSTICS"}));
    let mut times: Vec<i64> = Vec::new();
    let mut trips = Vec::new();
    for number in 0..1000 {
        let id = format!("p{number}");
        let start = Instant::now();
        desk.send(&json!({"command_id": id, "action": "PING"}));
        loop {
            let frame = desk.socket.json();
            if frame["type"] == "telemetry" {
                times.push(millis(&frame["payload"]));
            } else if frame["type"] == "command.ack" && frame["payload"]["command_id"] == id.as_str() {
                assert_eq!(frame["payload"]["status"], "SUCCEEDED");
                break;
            }
        }
        trips.push(start.elapsed());
    }
    trips.sort_unstable();
    let late = times.windows(2).map(|pair| pair[1] - pair[0] - 100).max().unwrap_or(0);
    println!("PING: median {:?}, 99 % {:?}; a sample was at most {late} ms late", trips[500], trips[990]);
    // A beat that was missed is 100 ms late.
    assert!(late < 100, "a sample was {late} ms late");
}

/// Uptime of a sample is whole seconds: its label is what is finer.
fn millis(sample: &Value) -> i64 {
    let text = sample["timestamp"].as_str().unwrap();
    let (hour, rest) = text[11..].split_once(':').unwrap();
    let (minute, second) = rest.trim_end_matches('Z').split_once(':').unwrap();
    let (second, milli) = second.split_once('.').unwrap();
    let number = |text: &str| text.parse::<i64>().unwrap();
    ((number(hour) * 60 + number(minute)) * 60 + number(second)) * 1000 + number(milli)
}
