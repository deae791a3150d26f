//! What no server in its right mind sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use ems_test_harness::{Edge, Frame, Impostor, Witness, until};
use serde_json::json;

use super::{Desk, published_to};

/// Payloads and ids that try a shell, a path, a number or the memory.
fn nasty() -> Vec<String> {
    let texts = [
        "; reboot",
        "$(reboot)",
        "`id`",
        "../../../etc/passwd",
        "/dev/sda",
        "\u{0}",
        "\u{1b}[2J",
        "' OR 1=1 --",
        "%s%n",
        "\u{202e}txt",
        "-1",
        "1e400",
        "",
        " ",
    ];
    let mut frames: Vec<String> = Vec::new();
    let actions = [
        "PING",
        "READ_NOW",
        "IDENTIFY",
        "SET_CONFIG",
        "ROTATE_TOKEN",
        "DIAGNOSTICS",
        "SET_OUTPUT",
        "SET_MODE",
        "X",
    ];
    for (number, action) in actions.iter().enumerate() {
        for (at, text) in texts.iter().enumerate() {
            let key = ["seconds", "LOG_LEVEL", "token", "lines", "output"][at % 5];
            frames.push(json!({"command_id": format!("n{number}-{at}"), "action": action, "payload": {key: text, *text: text}}).to_string());
            frames.push(json!({"command_id": text, "action": action, "ttl_s": -5}).to_string());
            frames.push(
                json!({"command_id": format!("t{number}-{at}"), "action": text, "payload": {}}).to_string(),
            );
        }
    }
    let long = "x".repeat(200_000);
    frames.push(json!({"command_id": long, "action": "PING"}).to_string());
    frames.push(json!({"command_id": "long", "action": long}).to_string());
    frames.push(
        json!({"command_id": "long2", "action": "SET_CONFIG", "payload": {"LOG_LEVEL": long}}).to_string(),
    );
    frames.push(format!(r#"{{"command_id":"deep","action":"PING","payload":{{"a":{}"#, "[".repeat(50_000)));
    frames.push(format!(
        r#"{{"command_id":"deep2","action":"PING","payload":{}1{}}}"#,
        "{\"a\":".repeat(5000),
        "}".repeat(5000)
    ));
    let odd = [
        r#"{"action":"PING"}"#,
        r#"{"command_id":1,"action":"PING"}"#,
        r#"{"command_id":"a","action":"PING","payload":[]}"#,
        r#"{"command_id":"b","action":"PING","ttl_s":"soon"}"#,
        r#"{"command_id":"c","action":"PING","ttl_s":1e308}"#,
        r#"{"command_id":"d","action":"PING","issued_at":"yesterday"}"#,
        r#"{"command_id":"e","action":"PING","command_id":"f"}"#,
        r#"{"command_id":"g","action":null}"#,
        "[]",
        "null",
        "\"action\"",
        "{",
        "",
    ];
    frames.extend(odd.iter().map(|&text| text.to_owned()));
    let whole = frames.clone();
    // Cut at every sort of place.
    for (number, frame) in whole.iter().enumerate().take(130) {
        let cut =
            frame.char_indices().map(|(at, _)| at).nth(number % frame.chars().count().max(1)).unwrap_or(0);
        frames.push(frame[..cut].to_owned());
    }
    frames
}

#[test]
fn five_hundred_hostile_commands_are_refused_and_leave_no_trace() {
    for typed in [true, false] {
        let server = Impostor::listen();
        let mut edge = Edge::start(&published_to(&server).with("COMMANDS_ALLOW", "all"));
        let mut desk = Desk::take(server, typed);
        assert_eq!(desk.ask("first", "PING", &json!({}))["status"], "SUCCEEDED");
        let before = edge.resident_kib();
        let witness = Witness::of(edge.process().id(), "execve,execveat,openat,open,creat,unlink,rename");
        let frames = nasty();
        assert!(frames.len() >= 500, "{}", frames.len());
        for (number, frame) in frames.iter().enumerate() {
            if typed && serde_json::from_str::<serde_json::Value>(frame).is_ok() {
                desk.socket.send(&format!(r#"{{"type":"command","payload":{frame}}}"#));
            } else {
                desk.socket.send(frame);
            }
            if number % 20 == 0 {
                // Its answers are read, so that nothing piles up on the way.
                let id = format!("between{number}");
                assert_eq!(desk.ask(&id, "PING", &json!({}))["status"], "SUCCEEDED");
            }
        }
        assert_eq!(desk.ask("last", "PING", &json!({}))["status"], "SUCCEEDED");
        assert!(edge.process().is_running());
        let grown = edge.resident_kib().saturating_sub(before);
        assert!(grown < 8 * 1024, "{grown} KiB more");
        let run = edge.runtime_dir();
        assert!(!run.parent().unwrap().join("reboot").exists(), "a reboot is asked for");
        let own = run.ancestors().nth(2).unwrap().to_str().unwrap().to_owned();
        let calls = witness.calls();
        assert!(calls.iter().any(|call| call.contains("openat")), "the witness sees nothing");
        for call in calls {
            assert!(is_harmless(&call, &own), "{call}");
        }
    }
}

/// Whether a system call starts no shell, nothing that came with a command, and writes to the daemon's own folders only.
fn is_harmless(call: &str, own: &str) -> bool {
    if call.contains("resumed>") {
        // The rest of a call that stands above.
        return true;
    }
    if call.contains("execve") {
        // The doctor's questions to the system.
        return ["systemctl\"", "timedatectl\""].iter().any(|program| call.contains(program))
            && !["sh\"", "reboot", "passwd", "$(", "OR 1=1"].iter().any(|text| call.contains(text));
    }
    let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "unlink", "rename", "creat"];
    let changes = writes.iter().any(|word| call.contains(word));
    let fine = [own, "/dev/null", "/dev/i2c-", "exited with", "---"];
    !changes || fine.iter().any(|word| call.contains(word))
}

#[test]
fn a_burst_of_copies_of_one_command_refuses_none_of_them_for_it_would_be_sent_anew_and_done_twice() {
    const COPIES: usize = 400;
    let server = Impostor::listen();
    let _edge = Edge::start(&published_to(&server).with("COMMANDS_ALLOW", "all"));
    let mut desk = Desk::take(server, true);
    let copy = json!({"command_id": "copied", "action": "PING", "payload": {}});
    (0..COPIES).for_each(|_| desk.send(&copy));
    let statuses: Vec<_> = (0..COPIES).map(|_| desk.answer()["status"].clone()).collect();
    assert!(statuses.iter().all(|status| status != "REJECTED"), "{statuses:?}");
    assert!(statuses.iter().any(|status| status == "SUCCEEDED"), "{statuses:?}");
}

#[test]
fn a_server_that_asks_and_never_listens_fills_its_own_buffers_and_not_the_devices_memory() {
    let server = Impostor::listen();
    let mut edge = Edge::start(&published_to(&server).with("COMMANDS_ALLOW", "all"));
    let mut desk = Desk::take(server, true);
    assert_eq!(desk.ask("first", "PING", &json!({}))["status"], "SUCCEEDED");
    let before = edge.resident_kib();
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    // Ends when the daemon gives the silent connection up.
    thread::spawn(move || {
        let filling = "x".repeat(2000);
        for number in 0..1_000_000 {
            let action = if number % 2 == 0 { "PING" } else { "SET_OUTPUT" };
            let command =
                json!({"command_id": format!("f{number}"), "action": action, "payload": {"output": filling}});
            let frame = json!({"type": "command", "payload": command}).to_string();
            if desk.socket.try_send(Frame::Text(frame)).is_err() {
                return;
            }
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut last = 0;
    until("a sender that is held up", || {
        sleep(Duration::from_secs(2));
        let now = sent.load(Ordering::Relaxed);
        (std::mem::replace(&mut last, now) == now && now > 0).then_some(())
    });
    let grown = edge.resident_kib().saturating_sub(before);
    println!("held up after {last} commands; {grown} KiB more");
    assert!(grown < 16 * 1024, "{grown} KiB more after {last} commands");
    assert!(edge.process().is_running() && last < 1_000_000);
}
