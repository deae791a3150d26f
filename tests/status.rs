//! `ems-edge status` of the real daemon: the screen, JSON, the event record, exit statuses, who may ask, and clients
//! that do not behave.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{scope, sleep};
use std::time::Duration;

use ems_test_harness::{
    Bus, Cloud, Device, Edge, Finished, PATIENCE, Process, Settings, program, run, until,
};
use serde_json::Value;
use tempfile::TempDir;

const TOKEN: &str = "sk_live_Hk2Vt8Qm5Zr0_of_this_test";
/// `EX_UNAVAILABLE` of sysexits.h.
const EX_UNAVAILABLE: i32 = 69;
/// Nobody of this machine: a user and a group without a name.
const NOBODY: u32 = 64_123;

/// A port at which nobody listens.
fn nobody_listens() -> SocketAddr {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    taken.local_addr().unwrap()
}

fn alone() -> Settings {
    let device = Device { id: "ems_001".to_owned(), token: TOKEN.to_owned() };
    let server = format!("ws://{}", nobody_listens());
    Settings::of(&device).with("SERVER_URL", &server).with("SAMPLE_INTERVAL", "100ms")
}

fn with_cloud(cloud: &Cloud) -> Settings {
    Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file()).with("SAMPLE_INTERVAL", "100ms")
}

fn status(edge: &Edge) -> Finished {
    run(edge.subcommand("status"))
}

#[track_caller]
fn snapshot(edge: &Edge) -> Value {
    let finished = run(edge.subcommand("status --json"));
    serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("no JSON: {finished:?}"))
}

/// Waits for a screen that fits.
#[track_caller]
fn screen(edge: &Edge, what: &str, fits: impl Fn(&Finished) -> bool) -> Finished {
    until(what, || Some(status(edge)).filter(&fits))
}

fn socket(settings: &Settings) -> PathBuf {
    Path::new(settings.get("RUNTIME_DIR")).join("ems_001/status.sock")
}

fn seq(edge: &Edge) -> u64 {
    snapshot(edge)["reading"]["seq"].as_u64().unwrap_or(0)
}

#[track_caller]
fn samples_go_on(edge: &Edge) {
    let before = seq(edge);
    until("newer samples", || (seq(edge) >= before + 5).then_some(()));
}

#[test]
fn the_screen_of_a_daemon_that_is_well_says_so_in_80_columns_without_colour() {
    let cloud = Cloud::start();
    let edge = Edge::start(&with_cloud(&cloud));
    let complete = |text: &str| text.contains("connected to 127.0.0.1:") && text.contains(" V, ");
    let seen = screen(&edge, "a connection and a reading", |seen| complete(&seen.stdout));
    let text = &seen.stdout;
    assert_eq!(seen.status, 0, "{seen:?}");
    assert!(text.starts_with("All is well: "), "{text}");
    for words in ["ems_001", " V, ", " W", " % (between ", ": answers, 0 of ", "acknowledged", "room for"] {
        assert!(text.contains(words), "{words:?} is missing:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn the_json_tells_the_same_to_programs_and_its_sample_advances() {
    let cloud = Cloud::start();
    let edge = Edge::start(&with_cloud(&cloud));
    let seen = until("a connection and a reading", || {
        let seen = snapshot(&edge);
        (seen["link"]["phase"] == "connected" && seen["reading"].is_object()).then_some(seen)
    });
    assert_eq!(seen["device_id"], "ems_001");
    assert_eq!(seen["link"]["mode"], "typed");
    assert_eq!(seen["problems"], Value::Array(vec![]));
    assert_eq!(seen["sensor"]["answers"], true);
    assert!((40.0..60.0).contains(&seen["reading"]["voltage"].as_f64().unwrap()), "{seen}");
    assert!(seen["backlog"]["room_hours"].as_f64().unwrap() > 0.0, "{seen}");
    samples_go_on(&edge);
}

#[test]
fn events_are_on_record_in_local_time_and_reach_the_cloud() {
    let cloud = Cloud::start();
    let edge = Edge::start(&with_cloud(&cloud));
    let listed = until("a connection on record", || {
        let mut ask = edge.subcommand("status --events");
        ask.env("TZ", "IST-5:30");
        let seen = run(ask);
        assert_eq!(seen.status, 0, "{seen:?}");
        seen.stdout.contains("LINK_CONNECTED").then_some(seen.stdout)
    });
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].contains("DAEMON_STARTED"), "oldest first: {listed}");
    assert!(lines.iter().all(|line| line.contains(" +05:30")), "{listed}");
    let one = run(edge.subcommand("status --json --events 1")).expect_success("ems-edge status --events 1");
    let one: Vec<Value> = serde_json::from_str(&one).unwrap();
    assert_eq!(one.len(), 1);

    until("the events at the cloud", || {
        let events = cloud.api().get("/api/devices/ems_001/events").body;
        let has = |code: &str| events["events"].as_array().unwrap().iter().any(|event| event["code"] == code);
        (has("DAEMON_STARTED") && has("LINK_CONNECTED")).then_some(())
    });
}

#[test]
fn events_of_an_outage_reach_the_cloud_when_it_is_back() {
    let mut cloud = Cloud::start();
    let edge = Edge::start(&with_cloud(&cloud));
    screen(&edge, "a connection", |seen| seen.stdout.contains("connected to 127.0.0.1:"));
    cloud.kill();
    until("the loss on record", || {
        run(edge.subcommand("status --events")).stdout.contains("LINK_DISCONNECTED").then_some(())
    });
    cloud.start_again();
    until("the loss at the cloud", || {
        let events = cloud.api().get("/api/devices/ems_001/events").body;
        let lost = |event: &Value| event["code"] == "LINK_DISCONNECTED";
        events["events"].as_array().unwrap().iter().any(lost).then_some(())
    });
}

#[test]
fn without_a_daemon_it_says_how_to_start_one_and_a_killed_ones_socket_is_replaced() {
    let mut edge = Edge::start(&alone());
    samples_go_on(&edge);
    edge.process().kill();
    assert!(socket(edge.settings()).exists(), "a kill leaves the socket");
    let seen = status(&edge);
    assert_eq!(seen.status, EX_UNAVAILABLE, "{seen:?}");
    assert!(
        seen.stderr.contains("does not run") && seen.stderr.contains("systemctl start ems-edge"),
        "{seen:?}"
    );

    edge.kill_and_restart();
    samples_go_on(&edge);
    assert!(edge.stop().success());
    assert!(!socket(edge.settings()).exists(), "an orderly end removes the socket");
    assert_eq!(status(&edge).status, EX_UNAVAILABLE);
}

#[test]
fn a_sensor_that_does_not_answer_is_the_first_line_and_status_1() {
    let bus = Bus::new("# no chip");
    let edge = Edge::start_on(&bus, &alone().measuring("ina226", &bus.node(), 4));
    let seen = screen(&edge, "the trouble", |seen| seen.status == 1);
    assert!(seen.stdout.starts_with("Trouble: no readings for "), "{}", seen.stdout);
    let first = seen.stdout.split("\n\n").next().unwrap().replace('\n', " ");
    assert!(first.contains("INA226 at 0x40") && first.contains("check power, SDA/SCL"), "{first}");
    assert!(seen.stdout.contains("Last errors"), "{}", seen.stdout);
    assert!(seen.stdout.lines().all(|line| line.chars().count() <= 80), "{}", seen.stdout);
}

#[test]
fn a_connection_that_is_not_there_yet_is_shown_with_its_error_and_is_no_trouble_for_a_minute() {
    let edge = Edge::start(&alone());
    let seen = screen(&edge, "the error", |seen| seen.stdout.contains("Connection refused"));
    assert_eq!(seen.status, 0, "{seen:?}");
    assert!(seen.stdout.contains("not connected yet") && seen.stdout.contains("attempt"), "{}", seen.stdout);
    let waiting =
        until("some that wait", || snapshot(&edge)["backlog"]["memory"].as_u64().filter(|n| *n > 5));
    assert!(snapshot(&edge)["backlog"]["hours"].as_f64().unwrap() >= waiting as f64 * 0.1 / 3600.0);
}

#[test]
fn a_server_that_refuses_the_device_is_trouble_with_its_remedy_and_no_output_holds_the_token() {
    let cloud = Cloud::start();
    let edge = Edge::start(&with_cloud(&cloud).with("API_TOKEN", TOKEN));
    let seen = screen(&edge, "the refusal", |seen| seen.status == 1);
    let first = seen.stdout.split("\n\n").next().unwrap().replace('\n', " ");
    assert!(first.contains("refuses this device") && first.contains("API_TOKEN"), "{first}");
    for words in ["status", "status --json", "status --events", "status --json --events"] {
        let seen = run(edge.subcommand(words));
        assert!(!seen.stdout.contains("Hk2Vt8Qm5Zr0") && !seen.stderr.contains("Hk2Vt8Qm5Zr0"), "{words}");
    }
}

/// `ems-edge status` as another user, who cannot read the configuration.
fn as_nobody(ems_edge: &Path, runtime: &Path) -> Finished {
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups", "--"]);
    command.arg(ems_edge).arg("status").current_dir("/");
    command.env_clear().env("PATH", "/usr/bin:/bin").env("RUNTIME_DIR", runtime);
    run(command)
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn only_its_own_user_root_and_the_sockets_group_may_ask() {
    let edge = Edge::start(&alone());
    samples_go_on(&edge);
    let socket = socket(edge.settings());
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o7777, 0o660);
    // What follows takes root: others cannot become somebody else. The mode above says the same to the kernel.
    assert!(rustix::process::geteuid().is_root(), "this test becomes another user: run it as root");
    let runtime = Path::new(edge.settings().get("RUNTIME_DIR"));
    for folder in [socket.parent().unwrap(), runtime, runtime.parent().unwrap()] {
        allow(folder, 0o755);
    }
    // The built program may lie where only its owner comes to.
    let copy = TempDir::new().unwrap();
    allow(copy.path(), 0o755);
    let ems_edge = copy.path().join("ems-edge");
    fs::copy(program("ems-edge"), &ems_edge).unwrap();

    let stranger = as_nobody(&ems_edge, runtime);
    assert_eq!(stranger.status, EX_UNAVAILABLE, "{stranger:?}");
    assert!(stranger.stderr.contains("ems-status") && stranger.stderr.contains("sudo"), "{stranger:?}");

    chown(&socket, None, Some(NOBODY)).unwrap();
    let member = as_nobody(&ems_edge, runtime);
    assert_eq!(member.status, 0, "{member:?}");
    assert!(member.stdout.contains("ems_001"), "{member:?}");

    // A folder that may not be entered is told apart from a daemon that does not run.
    allow(socket.parent().unwrap(), 0o700);
    let stranger = as_nobody(&ems_edge, runtime);
    assert!(stranger.status == EX_UNAVAILABLE && stranger.stderr.contains("sudo"), "{stranger:?}");
}

#[test]
fn the_group_ems_status_gets_the_socket_where_it_exists() {
    // Takes root: nobody else can give a file to a group that is not theirs, or have an /etc/group of their own.
    assert!(rustix::process::geteuid().is_root(), "this test becomes another user: run it as root");
    let dir = TempDir::new().unwrap();
    let groups = dir.path().join("group");
    fs::write(&groups, format!("root:x:0:\nems-status:x:{NOBODY}:\n")).unwrap();
    let path_of = |name: &str| dir.path().join(name).display().to_string();
    let settings = alone().with("STATE_DIR", &path_of("state")).with("RUNTIME_DIR", &path_of("run"));
    fs::write(path_of("config.env"), settings.text()).unwrap();
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--",
        "sh",
        "-c",
        r#"umask 077 && mount --bind "$1" /etc/group && exec "$2" run --config "$3""#,
    ]);
    command.arg("sh").arg(&groups).arg(program("ems-edge")).arg(path_of("config.env"));
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let _daemon = Process::start("ems-edge", command, &dir.path().join("log"));

    let socket = socket(&settings);
    let made = until("the socket", || fs::metadata(&socket).ok());
    assert_eq!((made.gid(), made.permissions().mode() & 0o7777), (NOBODY, 0o660));
    let folder = fs::metadata(socket.parent().unwrap()).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o711, "others pass, and list nothing");
}

/// Everything that comes until the other end hangs up.
#[track_caller]
fn until_hang_up(mut client: UnixStream) -> String {
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = Vec::new();
    match client.read_to_end(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("it never hangs up"),
        // A reset is an end too.
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

fn say(socket: &Path, bytes: &[u8]) -> String {
    let mut client = UnixStream::connect(socket).unwrap();
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    // It may hang up before it has read all.
    drop(client.write_all(bytes));
    until_hang_up(client)
}

#[test]
fn a_request_that_is_none_is_answered_with_a_sentence() {
    let edge = Edge::start(&alone());
    let socket = socket(edge.settings());
    for request in
        ["\n", "GET / HTTP/1.1\r\n", "{\"get\":\"doctor\"}\n", "{\"get\":7}\n", "\u{1}\u{2}\n", "[]\n"]
    {
        let answer: Value = serde_json::from_str(&say(&socket, request.as_bytes())).unwrap();
        assert_eq!(answer["v"], 1, "{request:?}: {answer}");
        let words = answer["error"].as_str().unwrap();
        assert!(words.contains("{\"get\":\"status\"}"), "{request:?}: {answer}");
    }
    let unreadable: Value = serde_json::from_str(&say(&socket, b"\xff\xfe\n")).unwrap();
    assert!(unreadable["error"].is_string(), "{unreadable}");
    let long: Value = serde_json::from_str(&say(&socket, &[b'x'; 5000])).unwrap();
    assert!(long["error"].as_str().unwrap().contains("4096"), "{long}");
    let answer: Value = serde_json::from_str(&say(&socket, b"{\"get\":\"events\"}\n")).unwrap();
    assert_eq!(answer["events"][0]["code"], "DAEMON_STARTED");
}

/// How many sockets the daemon has open.
fn sockets_of(edge: &mut Edge) -> usize {
    let open = fs::read_dir(format!("/proc/{}/fd", edge.process().id())).unwrap();
    let links = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

#[test]
fn clients_that_hang_babble_or_come_in_crowds_delay_neither_samples_nor_others() {
    let cloud = Cloud::start();
    let mut edge = Edge::start(&with_cloud(&cloud));
    until("a connection, whose socket is counted", || {
        (edge.status()["link"]["phase"] == "connected").then_some(())
    });
    samples_go_on(&edge);
    let socket = socket(edge.settings());
    let (before, sockets) = (edge.process().resident_kib(), sockets_of(&mut edge));

    // Those who say nothing, and those who never read their answer.
    let mut silent: Vec<UnixStream> = (0..50).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    for client in silent.iter_mut().step_by(2) {
        drop(client.write_all(b"{\"get\":\"events\",\"limit\":1000}\n"));
    }
    let places = (0..50).map(|_| {
        sleep(Duration::from_millis(20));
        sockets_of(&mut edge)
    });
    let places = places.max().unwrap_or(0);
    assert!(places <= sockets + 4, "{places} sockets are open, {sockets} were before they came");
    assert_eq!(status(&edge).status, 0);
    let line = vec![b'x'; 1024 * 1024];
    for _ in 0..20 {
        say(&socket, &line);
        say(&socket, b"\x00garbage\n");
    }
    samples_go_on(&edge);
    for client in silent {
        until_hang_up(client);
    }
    // A crowd that asks as fast as it can.
    scope(|crowd| {
        for _ in 0..8 {
            crowd.spawn(|| (0..25).for_each(|_| drop(say(&socket, b"{\"get\":\"status\"}\n"))));
        }
        samples_go_on(&edge);
    });
    assert_eq!(status(&edge).status, 0);
    let grown = edge.process().resident_kib().saturating_sub(before);
    assert!(grown < 4096, "{grown} KiB more than before");

    assert!(edge.stop().success());
    let numbers: Vec<u64> =
        cloud.api().samples("ems_001").iter().map(ems_test_harness::Sample::seq).collect();
    let all: Vec<u64> = (numbers[0]..).take(numbers.len()).collect();
    assert_eq!(numbers, all, "a sample is missing");
}

#[test]
fn a_second_daemon_takes_no_socket_away() {
    let first = Edge::start(&alone());
    samples_go_on(&first);
    let second = run(first.command());
    assert_eq!(second.status, 1, "{second:?}");
    samples_go_on(&first);

    // With a state folder of its own nothing else keeps the two apart.
    let dir = TempDir::new().unwrap();
    let other = alone().with("RUNTIME_DIR", first.settings().get("RUNTIME_DIR"));
    let other = other.with("STATE_DIR", &dir.path().join("state").display().to_string());
    fs::write(dir.path().join("config.env"), other.text()).unwrap();
    let mut command = Command::new(program("ems-edge"));
    command.env_clear().arg("run").arg("--config").arg(dir.path().join("config.env"));
    let mut second = Process::start("ems-edge", command, &dir.path().join("log"));
    second.says("another ems-edge answers at");
    let server = first.settings().get("SERVER_URL").trim_start_matches("ws://");
    assert_eq!(snapshot(&first)["link"]["server"], server);
    assert!(second.stop().success());
    assert_eq!(
        snapshot(&first)["link"]["server"],
        server,
        "the second one's end took the first one's socket"
    );
}

#[test]
fn a_changed_device_id_is_told_apart_from_a_daemon_that_does_not_run() {
    let edge = Edge::start(&alone());
    samples_go_on(&edge);
    let mut ask = edge.subcommand("status");
    ask.env("DEVICE_ID", "ems_002");
    let seen = run(ask);
    assert_eq!(seen.status, EX_UNAVAILABLE);
    assert!(seen.stderr.contains("one runs as ems_001") && seen.stderr.contains("restart"), "{seen:?}");
}

#[test]
fn a_mistake_in_the_configuration_does_not_hide_the_daemon_that_runs() {
    let edge = Edge::start(&alone());
    samples_go_on(&edge);
    for words in ["status --json", "reload"] {
        let mut ask = edge.subcommand(words);
        ask.env("LOG_LEVEL", "loud");
        let seen = run(ask);
        assert_eq!(seen.status, 0, "{words}: {seen:?}");
    }
}

#[test]
fn the_help_names_every_exit_status_and_wrong_arguments_are_64() {
    let ask = |words: &[&str]| {
        let mut command = Command::new(program("ems-edge"));
        command.env_clear().arg("status").args(words);
        run(command)
    };
    let help = ask(&["--help"]).expect_success("ems-edge status --help");
    for words in ["Exit status: 0", "\n             1 ", "64", "69", "Examples:"] {
        assert!(help.contains(words), "{words:?} is missing:\n{help}");
    }
    assert_eq!(ask(&["--events", "many"]).status, 64);
}
