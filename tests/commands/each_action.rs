//! Each action from one end to the other: asked for at our cloud in typed mode, and in plain mode at a server that was
//! written from the EMS guide and shares no code with ours.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use ems_test_harness::{
    Certificates, Cloud, Device, Edge, Pins, Process, PythonScript, Settings, run, until,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ask, ended, is_final, published, wait_online};

const OLD: &str = "sk_live_of_this_test_before";
const NEW: &str = "sk_live_of_this_test_and_after";

fn with_all_actions(settings: Settings) -> Settings {
    settings
        .with("COMMANDS_ALLOW", "all")
        .with("OUTPUTS", "charge:17,load:27:low,pump:22,identify:23")
        .with("OUTPUT_MIN_ON", "0s")
        .with("OUTPUT_MIN_OFF", "0s")
}

/// Asks for each action; `ask` gives the final answer.
fn ask_each(edge: &mut Edge, pins: &Pins, mut ask: impl FnMut(&str, Value) -> Value) {
    let mut succeeds = |action: &str, payload: Value| {
        let answer = ask(action, payload);
        assert_eq!(answer["status"], "SUCCEEDED", "{action}: {answer}");
        answer["result"].clone()
    };
    assert!(succeeds("PING", json!({}))["firmware_version"].is_string());
    assert!(succeeds("READ_NOW", json!({}))["battery"]["voltage"].as_f64().unwrap() > 40.0);
    assert!(succeeds("DIAGNOSTICS", json!({"lines": 3}))["doctor"]["checks"].is_array());
    succeeds("IDENTIFY", json!({"seconds": 1}));
    assert!(pins.rises(23) >= 2);
    succeeds("SET_MODE", json!({"target_mode": "MANUAL_IDLE"}));
    assert!(!pins.is_high(17) && pins.is_high(27));
    succeeds("SET_OUTPUT", json!({"output": "pump", "on": true, "for_s": 30}));
    assert!(pins.is_high(22));
    assert!(succeeds("RESET_ERROR", json!({}))["state"].is_string());
    succeeds("SET_CONFIG", json!({"LOG_LEVEL": "debug"}));
    let shown = run(edge.subcommand("config show --json")).stdout;
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["LOG_LEVEL"]["value"], "debug");
    succeeds("ROTATE_TOKEN", json!({"token": NEW}));
    let wish = edge.runtime_dir().parent().unwrap().join("reboot");
    succeeds("REBOOT", json!({}));
    until("the wish to reboot", || fs::remove_file(&wish).ok());
    succeeds("RESTART", json!({}));
    assert!(edge.process().wait().success());
    // The registers of the test follow in their own time.
    until("the pump to be off after the end", || (!pins.is_high(22)).then_some(()));
    edge.start_again();
    succeeds("PING", json!({}));
    assert!(!wish.exists());
}

#[test]
fn each_action_is_done_and_answered_in_typed_mode_by_our_cloud() {
    let (cloud, pins) = (Cloud::start(), Pins::new());
    let mut edge = Edge::start_under(&pins.wrapper(), &with_all_actions(published(&cloud)));
    wait_online(&cloud);
    ask_each(&mut edge, &pins, |action, payload| {
        ended(&cloud, &ask(&cloud, &json!({"action": action, "payload": payload})))
    });
}

/// The guide's server.
struct Guide {
    _process: Process,
    dir: TempDir,
    settings: Settings,
}

impl Guide {
    fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let certificates = Certificates::make(dir.path());
        File::create(dir.path().join("commands")).unwrap();
        let mut python = PythonScript("guide_server.py").command();
        python.args(["--port", "0", "--record"]).arg(dir.path().join("record"));
        python.arg("--certificate").arg(&certificates.certificate).arg("--key").arg(&certificates.key);
        python.env("DEVICE_IDS", "ems_001").env("TOKEN_SHA256", format!("{} {}", sha256(OLD), sha256(NEW)));
        python.env("COMMANDS", dir.path().join("commands"));
        let mut process = Process::start("the guide's server", python, &dir.path().join("log"));
        let address = process.line_after("listening ").parse().unwrap();
        let device = Device { id: "ems_001".to_owned(), token: OLD.to_owned() };
        let settings = Settings::of(&device).to(address, &certificates.ca).with("SAMPLE_INTERVAL", "100ms");
        Self { _process: process, dir, settings }
    }

    fn record(&self) -> PathBuf {
        self.dir.path().join("record")
    }

    /// Has a bare command sent; its final answer.
    fn ask(&self, id: &str, action: &str, payload: &Value) -> Value {
        let command = json!({"command_id": id, "action": action, "payload": payload});
        let mut file = File::options().append(true).open(self.dir.path().join("commands")).unwrap();
        writeln!(file, "{command}").unwrap();
        until(&format!("an answer to {action}"), || {
            let text = fs::read_to_string(self.record()).unwrap_or_default();
            text.lines().filter(|line| line.contains("command.ack")).find_map(|line| {
                let fact: Value = serde_json::from_str(line).ok()?;
                let mut frame: Value = serde_json::from_str(fact["frame"].as_str()?).ok()?;
                let answer = frame["payload"].take();
                (answer["command_id"] == id && is_final(&answer["status"])).then_some(answer)
            })
        })
    }
}

#[test]
fn each_action_is_done_and_answered_in_plain_mode_by_the_guides_server() {
    let (guide, pins) = (Guide::start(), Pins::new());
    let mut edge = Edge::start_under(&pins.wrapper(), &with_all_actions(guide.settings.clone()));
    let mut count = 0;
    ask_each(&mut edge, &pins, |action, payload| {
        count += 1;
        guide.ask(&format!("c{count}"), action, &payload)
    });
}

fn sha256(text: &str) -> String {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "printf %s \"$1\" | sha256sum | cut -d ' ' -f 1", "sh", text]);
    run(command).expect_success("sha256sum").trim().to_owned()
}
