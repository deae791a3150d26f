//! A server that is lost says beforehand, or as it goes, over which time its devices shall come back.

use ems_test_harness::{Device, Edge, Impostor, Settings, Socket, until};
use serde_json::json;

/// One daemon may draw a moment at the very beginning of a window; six of them do so a few times in a million runs.
const DAEMONS: usize = 6;
/// Seconds.
const WINDOW: u64 = 240;
/// The part of the window, in seconds, that counts for a connection that was lost without a word.
const LOST_WINDOW: u64 = 30;
/// Seconds. The backoff's own second wait is half of it on average.
const USUAL: u64 = 2;

fn welcome(server: &Impostor) -> Socket {
    let mut socket = server.upgrade(true);
    socket.next_of("device.hello");
    let welcome = json!({
        "server_time": "2026-02-03T12:00:00Z",
        "heartbeat_seconds": 30,
        "max_batch": 100,
        "session_id": "of this test",
        "retry_window_s": WINDOW,
    });
    socket.send_typed("device.welcome", &welcome);
    socket.next_of("telemetry");
    socket
}

/// In how many seconds the daemon will dial, once it has noticed that its server is gone.
fn next_attempt(edge: &Edge) -> u64 {
    until("the end of the connection", || edge.status()["link"]["next_attempt_s"].as_u64())
}

#[test]
fn devices_come_back_at_random_moments_of_the_window_that_their_server_has_asked_for() {
    let device = Device { id: "ems_001".to_owned(), token: "sk_live_of_this_test".to_owned() };
    let daemons: Vec<(Impostor, Edge)> = (0..DAEMONS)
        .map(|_| {
            let server = Impostor::listen();
            let settings =
                Settings::of(&device).with("SERVER_URL", &server.url()).with("SAMPLE_INTERVAL", "100ms");
            let edge = Edge::start(&settings);
            (server, edge)
        })
        .collect();
    // What a close says of now counts more than what the welcome said of the time then.
    for (server, edge) in &daemons {
        welcome(server).close_with(1012, "the server restarts; retry_window=0");
        assert!(next_attempt(edge) <= 1, "a small fleet is wanted back at once");
    }
    // And without a word the welcome counts, up to its bound.
    let waits: Vec<u64> = daemons
        .iter()
        .map(|(server, edge)| {
            welcome(server).vanish();
            next_attempt(edge)
        })
        .collect();
    assert!(waits.iter().all(|&wait| wait <= LOST_WINDOW + USUAL), "{waits:?}");
    assert!(waits.iter().any(|&wait| wait > USUAL + 2), "nobody spreads: {waits:?}");
}
