//! Commands: the real daemon, the real cloud, and servers that do what they like.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod by_cloud;
mod by_server;
mod each_action;
mod exactly_once;
mod hostile;
mod outputs;
mod settings;
mod token;

use ems_test_harness::{Cloud, Device, Edge, Impostor, Settings, Socket, until};
use serde_json::{Value, json};

/// A server that speaks to one daemon.
struct Desk {
    server: Impostor,
    socket: Socket,
    typed: bool,
}

impl Desk {
    /// Takes the daemon's next connection.
    fn take(server: Impostor, typed: bool) -> Self {
        let socket = connect(&server, typed);
        Self { server, socket, typed }
    }

    /// The daemon's next connection, after a restart.
    fn take_again(&mut self) {
        self.socket = connect(&self.server, self.typed);
    }

    fn send(&mut self, command: &Value) {
        if self.typed {
            self.socket.send_typed("command", command);
        } else {
            self.socket.send(&command.to_string());
        }
    }

    /// The next answer; samples and events are passed over.
    fn answer(&mut self) -> Value {
        self.socket.next_of("command.ack")
    }

    /// The final answer to `id`.
    fn end_of(&mut self, id: &str) -> Value {
        loop {
            let answer = self.answer();
            if answer["command_id"] == id && is_final(&answer["status"]) {
                return answer;
            }
        }
    }

    /// Sends a command, and waits for its end.
    fn ask(&mut self, id: &str, action: &str, payload: &Value) -> Value {
        self.send(&json!({"command_id": id, "action": action, "payload": payload}));
        self.end_of(id)
    }
}

fn connect(server: &Impostor, typed: bool) -> Socket {
    let mut socket = server.upgrade(typed);
    if typed {
        socket.next_of("device.hello");
        let now = "2026-11-22T00:00:00.000Z";
        let welcome =
            json!({"server_time": now, "heartbeat_seconds": 30, "max_batch": 100, "session_id": "s"});
        socket.send_typed("device.welcome", &welcome);
    }
    socket
}

/// Milliseconds within a day of a time stamp.
fn millis(text: &str) -> i64 {
    let (hour, rest) = text[11..].split_once(':').unwrap();
    let (minute, second) = rest.trim_end_matches('Z').split_once(':').unwrap();
    let (second, milli) = second.split_once('.').unwrap();
    let number = |text: &str| text.parse::<i64>().unwrap();
    ((number(hour) * 60 + number(minute)) * 60 + number(second)) * 1000 + number(milli)
}

fn is_final(status: &Value) -> bool {
    ["SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT"].iter().any(|end| status == end)
}

/// The simulated pack, ten samples a second, published to `server`.
fn published_to(server: &Impostor) -> Settings {
    let device = Device { id: "ems_001".to_owned(), token: "sk_live_Zu7Yt2Wq_of_this_test".to_owned() };
    Settings::of(&device).with("SERVER_URL", &server.url()).with("SAMPLE_INTERVAL", "100ms")
}

fn published(cloud: &Cloud) -> Settings {
    Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file()).with("SAMPLE_INTERVAL", "100ms")
}

/// Asks through the API; the command's id.
fn ask(cloud: &Cloud, command: &Value) -> String {
    let answer = cloud.api().post("/api/devices/ems_001/commands", command);
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["command_id"].as_str().unwrap().to_owned()
}

fn show(cloud: &Cloud, id: &str) -> Value {
    cloud.api().get(&format!("/api/devices/ems_001/commands/{id}")).body
}

/// The command once it has ended.
fn ended(cloud: &Cloud, id: &str) -> Value {
    until("the end of a command", || Some(show(cloud, id)).filter(|command| is_final(&command["status"])))
}

fn wait_online(cloud: &Cloud) {
    until("the device online", || {
        (cloud.api().get("/api/devices/ems_001").body["online"] == true).then_some(())
    });
}

fn start(cloud: &Cloud, settings: &Settings) -> Edge {
    let edge = Edge::start(settings);
    wait_online(cloud);
    edge
}
