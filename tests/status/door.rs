//! The socket: who may ask, and what becomes of those who babble.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread::{scope, sleep};
use std::time::Duration;

use ems_test_harness::{Cloud, Edge, Finished, PATIENCE, Process, program, run, until};
use serde_json::Value;
use tempfile::TempDir;

use crate::{EX_UNAVAILABLE, alone, samples_go_on, snapshot, socket, status, with_cloud};

/// Nobody of this machine: a user and a group without a name.
const NOBODY: u32 = 64_123;

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
