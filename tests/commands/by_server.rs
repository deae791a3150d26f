//! In both modes, by a server that sees every frame.

use std::fs;

use std::thread::sleep;
use std::time::{Duration, Instant};

use ems_test_harness::{Edge, Impostor, Wrapper};
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
fn a_repeated_id_gets_the_recorded_answer_and_after_a_restart_and_a_reboot_too() {
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
    // After a reboot: the kernel has another name for the boot, and what was in RAM is gone.
    edge.kill();
    std::fs::remove_dir_all(edge.runtime_dir().parent().unwrap()).unwrap();
    edge.start_again_under(&Wrapper::in_boot("0ddba11d-0000-4000-8000-000000000001"));
    desk.take_again();
    // Not set a second time, nor anything else under that id.
    assert_eq!(desk.ask("set", "SET_CONFIG", &json!({"LOG_LEVEL": "info"})), set);
    assert_eq!(desk.ask("set", "PING", &json!({})), set);
}

#[test]
fn after_damage_to_the_journal_nothing_old_is_done_again() {
    let damage =
        |edge: &Edge, file: &str, bytes: &[u8]| fs::write(edge.state_dir().join(file), bytes).unwrap();
    for what in ["overwritten", "empty", "gone"] {
        let server = Impostor::listen();
        let mut edge = Edge::start(&published_to(&server));
        let mut desk = Desk::take(server, true);
        let set = |id: &str, level: &str| {
            // What the server says the time is (`connect`), and a day before.
            let issued_at = if id == "old" { "2026-11-21T00:00:00.000Z" } else { "2099-01-01T00:00:00.000Z" };
            json!({"command_id": id, "action": "SET_CONFIG", "payload": {"LOG_LEVEL": level}, "issued_at": issued_at})
        };
        desk.send(&set("old", "debug"));
        assert_eq!(desk.end_of("old")["status"], "SUCCEEDED");
        edge.kill();
        match what {
            "overwritten" => {
                ["commands.db", "commands.db-wal"].iter().for_each(|file| damage(&edge, file, &[0x5a; 8192]))
            }
            "empty" => damage(&edge, "commands.db", &[]),
            _ => fs::remove_file(edge.state_dir().join("commands.db")).unwrap(),
        }
        edge.start_again();
        desk.take_again();
        desk.send(&set("old", "info"));
        assert_eq!(desk.end_of("old")["reason_code"], "EXPIRED", "{what}");
        desk.send(&set("new", "info"));
        assert_eq!(desk.end_of("new")["status"], "SUCCEEDED", "{what}");
    }
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
fn thousands_of_commands_and_slow_ones_beside_them_delay_no_sample() {
    let count: u64 = std::env::var("EMS_TEST_COMMANDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1000);
    let server = Impostor::listen();
    let _edge = Edge::start(&published_to(&server));
    let mut desk = Desk::take(server, true);
    // The first ones come while programs start.
    let samples = (0..120).map(|_| taken(&desk.socket.next_of("telemetry"))).skip(20);
    let mut times: Vec<i64> = samples.collect();
    let quiet = lateness(&times);
    times.clear();
    let mut trips = Vec::new();
    for number in 0..count {
        // Beside the others: slow ones, and ones with an effect.
        match number % 500 {
            100 => desk.send(&json!({"command_id": format!("d{number}"), "action": "DIAGNOSTICS"})),
            200 => desk.send(&json!({"command_id": format!("r{number}"), "action": "READ_NOW"})),
            300 => desk.send(
                &json!({"command_id": format!("s{number}"), "action": "SET_CONFIG", "payload": {"LOG_LEVEL": "debug"}}),
            ),
            400 => desk.send(&json!({"command_id": format!("i{number}"), "action": "IDENTIFY"})),
            _ => {}
        }
        let id = format!("p{number}");
        let start = Instant::now();
        desk.send(&json!({"command_id": id, "action": "PING"}));
        loop {
            let frame = desk.socket.json();
            if frame["type"] == "telemetry" {
                times.push(taken(&frame["payload"]));
            } else if frame["type"] == "command.ack" && frame["payload"]["command_id"] == id.as_str() {
                assert_eq!(frame["payload"]["status"], "SUCCEEDED", "{frame}");
                break;
            }
        }
        trips.push(start.elapsed());
        // The device takes 500 a second for good.
        sleep(Duration::from_millis(2).saturating_sub(start.elapsed()));
    }
    trips.sort_unstable();
    let at = |percent: usize| trips[trips.len() * percent / 100];
    let busy = lateness(&times);
    println!("{count} PINGs: median {:?}, 99 % {:?}", at(50), at(99));
    // No bound is asserted: on a busy machine samples are late without any command.
    println!(
        "samples late by (ms: latest, and how many beyond 50): {busy:?} of {}, without commands {quiet:?} of 100",
        times.len()
    );
    assert_eq!(trips.len() as u64, count);
}

/// By how many ms the beat of 100 ms was late at most, and how often by more than 50 ms.
fn lateness(times: &[i64]) -> (i64, usize) {
    let late = || times.windows(2).map(|pair| pair[1] - pair[0] - 100);
    (late().max().unwrap_or(0), late().filter(|late| *late > 50).count())
}

/// When a sample was taken, by its label: the uptime is in whole seconds.
fn taken(sample: &Value) -> i64 {
    super::millis(sample["timestamp"].as_str().unwrap())
}
