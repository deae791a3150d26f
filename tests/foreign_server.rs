//! `ems-edge` against a server that was written from the EMS guide: `FastAPI` under uvicorn, plain mode, TLS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;

use ems_test_harness::{
    Certificates, Cut, Device, Edge, FAULTS, PATIENCE, Process, Proxy, PythonScript, Sample, Settings, poll,
    until,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const TOKEN: &str = "sk_live_83928_of_this_test";

/// The guide's server, with a record of what it saw.
struct Server {
    process: Process,
    address: SocketAddr,
    certificates: Certificates,
    command: Option<Value>,
    dir: TempDir,
}

impl Server {
    fn start(command: Option<Value>) -> Self {
        let dir = TempDir::new().unwrap();
        let certificates = Certificates::make(dir.path());
        let mut process = launch(&dir, &certificates, 0, command.as_ref());
        let address = process.line_after("listening ").parse().unwrap();
        Self { process, address, certificates, command, dir }
    }

    fn start_again(&mut self) {
        self.process = launch(&self.dir, &self.certificates, self.address.port(), self.command.as_ref());
        self.process.line_after("listening ");
    }

    fn device() -> Device {
        Device { id: "ems_001".to_owned(), token: TOKEN.to_owned() }
    }

    fn settings(&self) -> Settings {
        Settings::of(&Self::device()).to(self.address, &self.certificates.ca).with("SAMPLE_INTERVAL", "200ms")
    }

    fn facts(&self) -> Vec<Value> {
        let text = fs::read_to_string(record(&self.dir)).unwrap_or_default();
        // A last line without its end is still being written.
        let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn connections(&self) -> Vec<Value> {
        self.facts().into_iter().filter(|fact| fact["connected"].is_string()).collect()
    }

    /// The frames, telemetry or not.
    fn frames(&self) -> Vec<Value> {
        let frame = |fact: &Value| Some(serde_json::from_str(fact["frame"].as_str()?).unwrap());
        self.facts().iter().filter_map(frame).collect()
    }

    fn samples(&self) -> Vec<Sample> {
        self.frames().into_iter().filter(|frame| frame.get("type").is_none()).map(Sample).collect()
    }

    fn numbers(&self) -> BTreeSet<u64> {
        self.samples().iter().map(Sample::seq).collect()
    }

    fn wait_for_samples(&self, count: usize) {
        until(&format!("{count} samples at the server"), || (self.numbers().len() >= count).then_some(()));
    }
}

/// Reads what the server has recorded of one device, each line once: many devices write much.
struct Follower {
    record: File,
    line: String,
    device: String,
    samples: Vec<Sample>,
}

impl Follower {
    fn of(server: &Server, device: &Device) -> Self {
        let record = File::open(record(&server.dir)).unwrap();
        Self { record, line: String::new(), device: device.id.clone(), samples: Vec::new() }
    }

    fn read(&mut self) -> &[Sample] {
        self.record.read_to_string(&mut self.line).unwrap();
        let whole = self.line.rfind('\n').map_or(0, |end| end + 1);
        let mine = |frame: &Value| frame.get("type").is_none() && frame["device_id"] == self.device;
        self.samples.extend(self.line[..whole].lines().filter_map(frame).filter(mine).map(Sample));
        self.line.drain(..whole);
        &self.samples
    }
}

/// The frame in a line of the record, if it is about one.
fn frame(line: &str) -> Option<Value> {
    let fact: Value = serde_json::from_str(line).unwrap();
    Some(serde_json::from_str(fact["frame"].as_str()?).unwrap())
}

fn record(dir: &TempDir) -> PathBuf {
    dir.path().join("record")
}

fn launch(dir: &TempDir, certificates: &Certificates, port: u16, command: Option<&Value>) -> Process {
    let mut python = PythonScript("guide_server.py").command();
    python.args(["--port", &port.to_string()]);
    python.arg("--record").arg(record(dir));
    python.arg("--certificate").arg(&certificates.certificate).arg("--key").arg(&certificates.key);
    python.env("DEVICE_IDS", device_ids()).env("TOKEN_SHA256", sha256_of_token());
    if let Some(command) = command {
        python.env("COMMAND", command.to_string());
    }
    Process::start("the guide's server", python, &dir.path().join("log"))
}

/// `ems_001`, and one for each trouble of the network.
fn device_ids() -> String {
    (0..FAULTS.len()).fold("ems_001".to_owned(), |ids, n| format!("{ids} {}", device_of_fault(n)))
}

fn device_of_fault(n: usize) -> String {
    format!("ems_1{n:02}")
}

/// `printf sk_live_83928_of_this_test | sha256sum`
fn sha256_of_token() -> &'static str {
    "3d58fa8e1f0f926233cf84193d0f809597ee5772fcda35e64a8db69032441bb6"
}

#[test]
fn a_server_written_from_the_guide_gets_bare_telemetry_over_tls_with_the_token_in_the_header() {
    let server = Server::start(None);
    let mut edge = Edge::start(&server.settings());
    server.wait_for_samples(5);
    edge.stop();

    let connections = server.connections();
    assert_eq!(connections.len(), 1, "{connections:?}");
    assert_eq!(connections[0]["authorized"], true);
    assert_eq!(connections[0]["scheme"], "Bearer");
    assert_eq!(connections[0]["tls"], true);
    assert_eq!(connections[0]["query"], "", "nothing belongs into the URL");
    for sample in server.samples() {
        assert_eq!(sample.0["device_id"], "ems_001");
        assert!(sample.voltage().unwrap() > 40.0 && sample.0["battery"]["soc"].is_number(), "{sample:?}");
        sample.millis();
    }
    assert!(!server.process.log().contains(TOKEN) && !edge.log().contains(TOKEN));
}

#[test]
fn nothing_is_missing_after_the_server_was_killed_with_samples_on_their_way() {
    let mut server = Server::start(None);
    let proxy = Proxy::start(server.address);
    let mut edge = Edge::start(&server.settings().to(proxy.address(), &server.certificates.ca));
    server.wait_for_samples(5);
    for _ in 0..2 {
        proxy.hold();
        wait_for_waiting(&edge, 3);
        server.process.kill();
        proxy.cut(Cut::Reset);
        proxy.pass();
        server.start_again();
        wait_for_none_waiting(&edge);
    }
    assert_complete(&server, &mut edge);
}

#[test]
fn nothing_is_missing_after_the_server_was_stopped_in_order_and_started_again() {
    let mut server = Server::start(None);
    let mut edge = Edge::start(&server.settings());
    server.wait_for_samples(5);
    server.process.stop();
    server.start_again();
    server.wait_for_samples(15);
    assert_complete(&server, &mut edge);
}

#[test]
fn every_trouble_of_the_network_leaves_every_sample_there_at_least_once() {
    let server = Server::start(None);
    thread::scope(|scope| {
        for (n, fault) in FAULTS.iter().enumerate() {
            let server = &server;
            scope.spawn(move || {
                let device = Device { id: device_of_fault(n), token: TOKEN.to_owned() };
                let proxy = Proxy::start(server.address);
                let settings = Settings::of(&device).to(proxy.address(), &server.certificates.ca);
                let settings = settings.with("SAMPLE_INTERVAL", "100ms").with("FLUSH_INTERVAL", "5s");
                let edge = Edge::start(&settings);
                let mut stored = Follower::of(server, &device);
                until("the first samples", || (stored.read().len() >= 10).then_some(()));
                (fault.act)(&proxy);
                proxy.pass();
                let last = edge.status()["reading"]["seq"].as_u64().unwrap() + 10;
                let missing = |samples: &[Sample]| {
                    let there: BTreeSet<u64> = samples.iter().map(Sample::seq).collect();
                    let first = there.first().copied().unwrap_or(0);
                    (first..=last).filter(|number| !there.contains(number)).collect::<Vec<_>>()
                };
                let arrived = |missing: &[u64]| missing.len() <= gaps(&edge.log());
                let all = poll(PATIENCE, || arrived(&missing(stored.read())).then_some(()));
                assert!(all.is_some(), "{}: missing {:?}", fault.name, missing(stored.read()));
                let mut samples = stored.samples;
                samples.retain(|sample| sample.seq() <= last);
                println!("{}: {} samples", fault.name, samples.len());
            });
        }
    });
}

/// Samples without values, of which plain mode has no words: a starved machine can let a reading come too late.
fn gaps(log: &str) -> usize {
    let told = log.lines().filter_map(|line| line.strip_suffix(" without values")?.rsplit(", ").next());
    told.map(|count| count.split(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

fn assert_complete(server: &Server, edge: &mut Edge) {
    assert!(edge.stop().success());
    // What the stop has delivered may still be on its way through the server.
    let log = edge.log();
    assert!(!log.contains("could not be delivered"), "{log}");
    let mut seen = 0;
    until("every number to be there", || {
        let numbers = server.numbers();
        let (first, last) = (numbers.first()?, numbers.last()?);
        let missing = usize::try_from(last - first + 1).unwrap() - numbers.len();
        let complete = missing <= gaps(&log);
        // A stop delivers the last samples: a number that comes later would move `last`.
        let settled = std::mem::replace(&mut seen, numbers.len()) == numbers.len();
        (complete && settled).then_some(())
    });
    let boots: BTreeSet<_> = server.samples().iter().map(|sample| sample.boot_id().to_owned()).collect();
    assert_eq!(boots.len(), 1);
    assert!(server.connections().len() > 1);
}

#[test]
fn a_bare_command_of_the_guides_server_is_answered() {
    let server = Server::start(Some(json!({"command_id": "c-1", "action": "PING"})));
    let _edge = Edge::start(&server.settings());
    let answer = until("an answer to the command", || {
        server.frames().into_iter().find(|frame| frame["type"] == "command.ack")
    });
    assert_eq!(answer["payload"]["command_id"], "c-1");
    assert_eq!(answer["payload"]["device_id"], "ems_001");
    assert_eq!(answer["payload"]["status"], "SUCCEEDED");
    server.wait_for_samples(5);
}

#[test]
fn a_refused_token_is_said_in_words_and_the_server_is_not_hammered() {
    let server = Server::start(None);
    let mut edge = Edge::start(&server.settings().with("API_TOKEN", "sk_live_another_one"));
    edge.process().says("HTTP 403");
    let log = edge.log();
    assert!(log.contains("API_TOKEN") && !log.contains("sk_live"), "{log}");
    // Long enough for several attempts at the pace of a lost network.
    wait_for_waiting(&edge, 30);
    let connections = server.connections();
    assert_eq!(connections.len(), 1, "{connections:?}");
    assert_eq!(connections[0]["authorized"], false);
}

/// Waits until the daemon says, from now on, that so many samples have no confirmation.
fn wait_for_waiting(edge: &Edge, count: u32) {
    edge.notify().clear();
    edge.notify().wait_for(&format!("{count} samples to wait"), |message| {
        let words = message.split_once(" samples waiting").and_then(|(rest, _)| rest.rsplit(' ').next());
        words.and_then(|word| word.parse().ok()).is_some_and(|waiting: u32| waiting >= count)
    });
}

/// Waits until the daemon says, from now on, that it is connected and nothing waits.
fn wait_for_none_waiting(edge: &Edge) {
    edge.notify().clear();
    edge.notify().wait_for("no sample to wait", |message| message.ends_with("; connected"));
}
