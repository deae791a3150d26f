//! The daemon and servers that talk nonsense: it says what is wrong, measures on, and comes back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::Write as _;

use ems_test_harness::{Certificates, Device, Edge, Frame, Impostor, Received, Settings, Socket, run, until};
use serde_json::{Value, json};
use tempfile::TempDir;

fn settings(server: &Impostor) -> Settings {
    let device = Device { id: "ems_001".to_owned(), token: "sk_live_of_this_test".to_owned() };
    Settings::of(&device).with("SERVER_URL", &server.url()).with("SAMPLE_INTERVAL", "100ms")
}

/// Frames after which the connection stands, the type of the daemon's answer, and words that it must have.
fn broken_frames() -> Vec<(Frame, &'static str, &'static str)> {
    let typed = |kind: &str, payload: Value| json!({"type": kind, "payload": payload}).to_string();
    let command = |command: Value| typed("command", command);
    [
        (String::new(), "error", "invalid_json"),
        ("pardon?".to_owned(), "error", "invalid_json"),
        ("{".to_owned(), "error", "invalid_json"),
        ("[]".to_owned(), "error", "invalid_json"),
        ("null".to_owned(), "error", "invalid_json"),
        ("1e999".to_owned(), "error", "invalid_json"),
        (r#"{"type":NaN}"#.to_owned(), "error", "invalid_json"),
        ("[".repeat(100_000), "error", "invalid_json"),
        ("{}".to_owned(), "error", "type"),
        (r#"{"type":1}"#.to_owned(), "error", "type"),
        (typed("no.such", json!({})), "error", "no.such"),
        (typed("telemetry", json!({})), "error", "unknown_type"),
        (typed("device.welcome", json!({})), "error", "server_time"),
        (typed("device.welcome", json!("hello")), "error", "object"),
        (typed("telemetry.ack", json!({})), "error", "boot_id"),
        (typed("telemetry.ack", json!({"boot_id": "b", "ranges": 7})), "error", "ranges"),
        (typed("telemetry.ack", json!({"boot_id": "b", "ranges": [[9, 1]]})), "error", "ranges"),
        (typed("telemetry.ack", json!({"boot_id": "b", "ranges": [[-1, 1]]})), "error", "ranges"),
        (typed("telemetry.ack", json!({"boot_id": "b", "ranges": [[1, 2, 3]]})), "error", "ranges"),
        (command(json!({})), "command.ack", "INVALID_PAYLOAD"),
        (command(json!([])), "command.ack", "INVALID_PAYLOAD"),
        (command(json!({"action": "PING"})), "command.ack", "INVALID_PAYLOAD"),
        (command(json!({"command_id": "", "action": "PING"})), "command.ack", "INVALID_PAYLOAD"),
        (command(json!({"command_id": 7, "action": "PING"})), "command.ack", "INVALID_PAYLOAD"),
        (command(json!({"command_id": "a"})), "command.ack", "INVALID_PAYLOAD"),
        (command(json!({"command_id": "b", "action": ["PING"]})), "command.ack", "INVALID_PAYLOAD"),
        (command(json!({"command_id": "c", "action": "rm -rf /"})), "command.ack", "UNKNOWN_ACTION"),
        (command(json!({"command_id": "d", "action": "x".repeat(100_000)})), "command.ack", "UNKNOWN_ACTION"),
    ]
    .into_iter()
    .map(|(text, kind, words)| (Frame::Text(text), kind, words))
    .chain([(Frame::Binary(vec![0; 1000]), "error", "text frames")])
    .collect()
}

/// Frames that end a connection.
fn fatal_frames() -> [(&'static str, Frame); 4] {
    [
        ("10 MB", Frame::Text("x".repeat(10_000_000))),
        ("text that is not UTF-8", Frame::Raw(vec![0x81, 2, 0xff, 0xfe])),
        ("a masked frame, which only clients send", Frame::Raw(vec![0x81, 0x82, 0, 0, 0, 0, b'{', b'}'])),
        ("a frame of no known kind", Frame::Raw(vec![0x83, 0])),
    ]
}

/// Takes the daemon's connection up to its first sample, which is acknowledged.
fn welcome(server: &Impostor) -> Socket {
    let mut socket = server.upgrade(true);
    socket.next_of("device.hello");
    let welcome = json!({
        "server_time": "2026-02-03T12:00:00Z",
        "heartbeat_seconds": 30,
        "max_batch": 100,
        "session_id": "of this test",
    });
    socket.send_typed("device.welcome", &welcome);
    measures_on(&mut socket);
    socket
}

/// The next live sample, acknowledged.
fn measures_on(socket: &mut Socket) {
    let sample = socket.next_of("telemetry");
    let acknowledged = json!({"boot_id": sample["boot_id"], "ranges": [[sample["seq"], sample["seq"]]]});
    socket.send_typed("telemetry.ack", &acknowledged);
}

/// Sends a frame and gives what the daemon says to it: at least so many things, and all that comes before the answer to a
/// command sent after it. A command that is refused may be answered after that one.
fn answers(socket: &mut Socket, frame: Frame, at_least: usize) -> Vec<Value> {
    socket.try_send(frame).unwrap();
    socket.send_typed("command", &json!({"command_id": "barrier", "action": "PING"}));
    let (mut answers, mut passed) = (Vec::new(), false);
    while !passed || answers.len() < at_least {
        let message = socket.json();
        if message["payload"]["command_id"] == "barrier" {
            passed = true;
        } else if message["type"] != "telemetry" && message["type"] != "telemetry.batch" {
            answers.push(message);
        }
    }
    answers
}

#[test]
fn each_broken_frame_of_a_server_is_answered_and_the_daemon_measures_on() {
    let server = Impostor::listen();
    let mut edge = Edge::start(&settings(&server));
    let mut socket = welcome(&server);
    assert!(broken_frames().len() + fatal_frames().len() >= 30);
    let mut wrong = Vec::new();
    for (frame, kind, words) in broken_frames() {
        let shown = format!("{frame:.120?}");
        match answers(&mut socket, frame, 1).as_slice() {
            [one]
                if one["type"] == kind && one.to_string().contains(words) && one.to_string().len() < 2000 => {
            }
            other => wrong.push(format!("{shown}: no single {kind} with the word {words}: {other:?}")),
        }
    }
    measures_on(&mut socket);
    for (name, frame) in fatal_frames() {
        // The daemon may hang up before it has read all of it.
        drop(socket.try_send(frame));
        while let Received::Text(_) = socket.receive() {}
        assert!(edge.process().is_running(), "{name} has ended the daemon");
        socket = welcome(&server);
    }
    assert!(edge.stop().success());
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn neither_memory_nor_log_grows_with_the_nonsense_of_a_server() {
    let server = Impostor::listen();
    let edge = Edge::start(&settings(&server));
    let mut socket = welcome(&server);
    let mut rounds = |count: usize| {
        for _ in 0..count {
            for (frame, ..) in broken_frames() {
                answers(&mut socket, frame, 0);
            }
            measures_on(&mut socket);
        }
    };
    rounds(5);
    let before = edge.resident_kib();
    rounds(50);
    let after = edge.resident_kib();
    assert!(after < before + 1024, "resident memory grew from {before} to {after} KiB in 50 rounds");
    let warnings = edge.log().lines().filter(|line| line.contains("WARN")).count();
    assert!(warnings < 200, "{warnings} warnings in the log");
}

#[test]
fn a_server_cannot_write_lines_of_its_own_or_long_ones_into_the_log() {
    let server = Impostor::listen();
    let edge = Edge::start(&settings(&server));
    let mut socket = welcome(&server);
    for evil in ["x\nERROR forged".to_owned(), "\u{1b}[2Jforged".to_owned(), "forged".repeat(10_000)] {
        for frame in [
            json!({"type": "command", "payload": {"command_id": "a", "action": evil}}),
            json!({"type": "command", "payload": {"command_id": evil, "action": "PING"}}),
            json!({"type": "error", "payload": {"code": "unavailable", "message": evil}}),
            json!({"type": evil}),
        ] {
            answers(&mut socket, Frame::Text(frame.to_string()), 0);
        }
    }
    let log = edge.log();
    assert!(!log.lines().any(|line| line.starts_with("ERROR forged")), "a forged line");
    assert!(!log.contains('\u{1b}'), "a control character");
    let longest = log.lines().map(str::len).max().unwrap();
    assert!(longest < 1000, "a line of {longest} bytes");
}

#[test]
fn a_server_that_tells_the_token_back_does_not_bring_it_into_log_status_or_events() {
    for token in ["sk_live_of_this_test", "a-token-in-no-known-form"] {
        let server = Impostor::listen();
        let mut edge = Edge::start(&settings(&server).with("API_TOKEN", token));
        let mut socket = welcome(&server);
        let complaint = json!({"code": "unavailable", "message": format!("who is {token}?")});
        socket.send_typed("error", &complaint);
        edge.process().says("who is");
        let reason: &'static str = format!("go away, {token}").leak();
        socket.close_with(1011, reason);
        edge.process().says("go away");
        let location = format!("Location: http://portal.example/?{token}\r\n");
        server.answer("302 Found", &location);
        edge.process().says("captive portal");
        let told = ["status", "status --json", "status --events"].map(|words| {
            let finished = run(edge.subcommand(words));
            format!("{}{}", finished.stdout, finished.stderr)
        });
        for text in told.iter().chain([&edge.log()]) {
            assert!(!text.contains(token), "{text}");
        }
    }
}

#[test]
fn a_server_that_confirms_nothing_shows_in_the_status_until_it_does() {
    let server = Impostor::listen();
    let edge = Edge::start(&settings(&server));
    let mut socket = welcome(&server);
    let unconfirmed = || edge.status()["backlog"]["unconfirmed_s"].as_u64();
    until("seconds without a confirmation", || unconfirmed().filter(|seconds| *seconds >= 2));
    let sample = socket.next_of("telemetry");
    socket.send_typed("telemetry.ack", &json!({"boot_id": "another", "ranges": [[0, u64::MAX]]}));
    assert!(unconfirmed() >= Some(2));
    socket.send_typed("telemetry.ack", &json!({"boot_id": sample["boot_id"], "ranges": [[0, u64::MAX]]}));
    until("a confirmation that counts", || unconfirmed().is_none_or(|seconds| seconds < 2).then_some(()));
}

#[test]
fn whatever_answers_the_upgrade_is_named_in_words() {
    let headers = "X-Filler: 0123456789\r\n".repeat(600);
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let cases = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned(), "HTTP 200"),
        ("HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n".to_owned(), "captive portal"),
        ("HTTP/1.1 404 Not Found\r\n\r\n".to_owned(), "SERVER_URL"),
        ("HTTP/1.1 401 Unauthorized\r\n\r\n".to_owned(), "API_TOKEN"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n".to_owned(), "API_TOKEN"),
        ("HTTP/1.1 503 Busy\r\nRetry-After: 5\r\n\r\n".to_owned(), "HTTP 503"),
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), "not HTTP"),
        (format!("HTTP/1.1 200 OK\r\n{headers}\r\n"), "headers"),
        (format!("{upgrade}Sec-WebSocket-Accept: AAAA\r\n\r\n"), "Sec-WebSocket-Accept"),
        (String::new(), "without an answer"),
    ];
    for (answer, words) in cases {
        let server = Impostor::listen();
        let mut edge = Edge::start(&settings(&server));
        let (mut tcp, request) = server.request();
        assert!(request.starts_with("GET /ws/device/ems_001 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nAuthorization: Bearer sk_live_of_this_test\r\n"), "{request}");
        assert!(request.contains("\r\nSec-WebSocket-Protocol: ems.v1\r\n"), "{request}");
        tcp.write_all(answer.as_bytes()).unwrap();
        drop(tcp);
        edge.process().says(words);
        assert!(!edge.log().contains("sk_live"), "{}", edge.log());
        assert!(edge.stop().success());
    }
}

#[test]
fn a_server_that_takes_the_connection_and_says_nothing_is_given_up() {
    let dir = TempDir::new().unwrap();
    let certificates = Certificates::make(dir.path());
    let (plain, tls) = (Impostor::listen(), Impostor::listen());
    let mut upgrading = Edge::start(&settings(&plain));
    let mut shaking_hands = Edge::start(&settings(&tls).to(tls.address(), &certificates.ca));
    let silent = [plain.accept(), tls.accept()];
    upgrading.process().says("no answer within");
    shaking_hands.process().says("no answer within");
    drop(silent);
    // They try again.
    drop([plain.accept(), tls.accept()]);
}
