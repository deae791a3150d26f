//! A known token, and everything that can be seen by those who may not know it: no log line, answer, error, archive,
//! file or process shows it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use ems_test_harness::{Cloud, Device, Edge, Finished, Settings, program, run, until};
use tempfile::TempDir;

/// The part of the tokens by which a leak is recognised.
const SECRET: &str = "Hk2Vt8Qm5Zr0";
const TOKEN: &str = "sk_live_Hk2Vt8Qm5Zr0_of_this_test";
/// A token need not begin as those of our cloud do.
const OTHER_TOKEN: &str = "Hk2Vt8Qm5Zr0-of-another-server";

#[track_caller]
fn is_clean(what: &str, text: &str) {
    assert!(!text.contains(SECRET), "{what} shows the token:\n{text}");
}

#[track_caller]
fn is_clean_run(what: &str, finished: &Finished) {
    is_clean(what, &finished.stdout);
    is_clean(what, &finished.stderr);
}

/// Every subcommand that prints something, in every form.
const ALL: [&str; 15] = [
    "doctor",
    "doctor --json",
    "doctor --brief",
    "status",
    "status --json",
    "status --events",
    "status --json --events",
    "read",
    "read --json",
    "read --raw",
    "scan",
    "config show",
    "config show --json",
    "setup --no-start --no-questions",
    "version --json",
];

fn subcommand(words: &str, config: &Path) -> Command {
    let mut command = Command::new(program("ems-edge"));
    command.env_clear().env("PATH", "/usr/bin:/bin").args(words.split(' '));
    if !words.starts_with("version") {
        command.arg("--config").arg(config);
    }
    command
}

/// The texts of an archive.
fn unpack(archive: &Path) -> String {
    let mut tar = Command::new("tar");
    tar.env_clear().env("PATH", "/usr/bin:/bin").arg("-xzOf").arg(archive);
    run(tar).expect_success("tar")
}

fn bundle(config: &Path, dir: &Path, change: impl FnOnce(&mut Command)) -> String {
    let archive = dir.join("bundle.tar.gz");
    drop(fs::remove_file(&archive));
    let mut command = subcommand("bundle", config);
    command.arg("--output").arg(&archive);
    change(&mut command);
    let said = run(command);
    is_clean_run("bundle", &said);
    said.expect_success("ems-edge bundle");
    unpack(&archive)
}

/// Regular files below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files
}

#[test]
fn nothing_that_the_daemon_leaves_or_answers_has_the_token() {
    let cloud = Cloud::start();
    // The server refuses it: what is said about a wrong token is said too.
    for token in [TOKEN, OTHER_TOKEN] {
        let settings =
            Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file()).with("API_TOKEN", token);
        let mut edge = Edge::start(&settings.with("SAMPLE_INTERVAL", "100ms").with("LOG_LEVEL", "trace"));
        until("the refusal", || edge.log().contains("refuses this device").then_some(()));
        let runtime = Path::new(edge.settings().get("RUNTIME_DIR")).to_owned();
        let dir = runtime.parent().unwrap().to_owned();
        let config = dir.join("config.env");
        for words in ALL {
            is_clean_run(words, &run(subcommand(words, &config)));
        }
        for request in
            ["{\"get\":\"status\"}\n", "{\"get\":\"log\"}\n", "{\"get\":\"events\"}\n", "nonsense\n"]
        {
            let mut socket = UnixStream::connect(runtime.join("ems_001/status.sock")).unwrap();
            socket.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).unwrap();
            is_clean(request, &answer);
        }
        let archive = bundle(&config, &dir, |_| {});
        is_clean("the archive", &archive);
        for words in ["refuses this device", "[secret]", "DAEMON_STARTED", "FAILED   token"] {
            assert!(archive.contains(words), "{words} is missing:\n{archive}");
        }
        let process = PathBuf::from(format!("/proc/{}", edge.process().id()));
        for file in ["environ", "cmdline"] {
            is_clean(file, &String::from_utf8_lossy(&fs::read(process.join(file)).unwrap()));
        }
        assert!(edge.stop().success());
        is_clean("the log", &edge.log());
        for file in files_below(&dir).into_iter().filter(|file| *file != config) {
            is_clean(&file.display().to_string(), &String::from_utf8_lossy(&fs::read(&file).unwrap()));
        }
    }
}

#[test]
fn a_token_in_the_wrong_place_is_not_shown_either() {
    let device = Device { id: "ems_001".to_owned(), token: TOKEN.to_owned() };
    let good = Settings::of(&device).with("SERVER_URL", "ws://127.0.0.1:9").text();
    for text in [
        good.clone(),
        good.replace(TOKEN, OTHER_TOKEN),
        good.replace("API_TOKEN='", "API_TOKEN=\"a'"),
        good.replace("API_TOKEN=", "API_TOKEM="),
        good.replace("DEVICE_ID='ems_001'", &format!("DEVICE_ID={TOKEN}")),
        good.replace("ws://", &format!("wss://device:{TOKEN}@")),
        good.replace("9'", &format!("9/?token={TOKEN}'")),
        format!("{good}{TOKEN}\n"),
        format!("{good}API_SECRET='{TOKEN}'\n"),
        format!("{good}CA_FILE='/{TOKEN}'\n"),
    ] {
        let dir = TempDir::new().unwrap();
        let path_of = |name: &str| dir.path().join(name).display().to_string();
        let text = format!("{text}STATE_DIR={}\nRUNTIME_DIR={}\n", path_of("state"), path_of("run"));
        let config = dir.path().join("config.env");
        fs::write(&config, &text).unwrap();
        for words in ALL {
            let finished = run(subcommand(words, &config));
            is_clean_run(&format!("{words} with {}", text.replace(SECRET, "…")), &finished);
        }
        is_clean("the archive", &bundle(&config, dir.path(), |_| {}));
    }
}

#[test]
fn what_other_programs_say_goes_into_the_archive_without_tokens() {
    let dir = TempDir::new().unwrap();
    let path_of = |name: &str| dir.path().join(name).display().to_string();
    // A unit with a token in it, and a journal that somebody has logged one into.
    fs::create_dir(dir.path().join("bin")).unwrap();
    for tool in ["systemctl", "journalctl"] {
        let said = format!(
            "#!/bin/sh\necho \"Environment=API_TOKEN={OTHER_TOKEN} by $(basename $0)\"\necho 'got {TOKEN}, and {OTHER_TOKEN}'\n"
        );
        let tool = dir.path().join("bin").join(tool);
        fs::write(&tool, said).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let device = Device { id: "ems_001".to_owned(), token: OTHER_TOKEN.to_owned() };
    let settings = Settings::of(&device).with("SERVER_URL", "ws://127.0.0.1:9");
    let config = dir.path().join("config.env");
    fs::write(
        &config,
        settings.with("STATE_DIR", &path_of("state")).with("RUNTIME_DIR", &path_of("run")).text(),
    )
    .unwrap();
    let archive = bundle(&config, dir.path(), |command| {
        command.env("PATH", format!("{}:/usr/bin:/bin", path_of("bin")));
    });
    is_clean("the archive", &archive);
    for tool in ["systemctl", "journalctl"] {
        assert!(archive.contains(&format!("API_TOKEN=[secret] by {tool}")), "{archive}");
    }
}

#[test]
fn secrets_of_the_environment_are_not_shown() {
    let dir = TempDir::new().unwrap();
    let config = dir.path().join("config.env");
    fs::write(&config, "DEVICE_ID=ems_001\nSENSOR=simulated\nSERVER_URL=wss://127.0.0.1:9\nRUNTIME_DIR=/nowhere/run\nSTATE_DIR=/nowhere/state\n").unwrap();
    for proxy in
        [format!("http://user:{OTHER_TOKEN}@127.0.0.1:9"), format!("socks5://user:{OTHER_TOKEN}@127.0.0.1:9")]
    {
        let environment = |command: &mut Command| {
            command.env("API_TOKEN", TOKEN).env("HTTPS_PROXY", &proxy);
        };
        for words in ALL {
            let mut command = subcommand(words, &config);
            environment(&mut command);
            is_clean_run(words, &run(command));
        }
        is_clean("the archive", &bundle(&config, dir.path(), environment));
    }
}
