//! The command line.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::client::{Client, sample};
use crate::support::{Site, contents, ems_cloud, text};

#[test]
fn init_makes_a_closed_folder_and_shows_a_random_password_once() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep/data");
    let first = ems_cloud(&data, &["init", "--host", "ems.example.org", "--host", "192.0.2.7"]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    let output = text(&first.stdout);
    let password = output.lines().find_map(|line| line.strip_prefix("password     ")).unwrap();
    let password = password.split(' ').next().unwrap();
    assert!(password.len() >= 24, "{output}");
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    for name in ["ca.key", "server.key", "jwt.key", "ems.db"] {
        assert_eq!(fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let before: Vec<_> =
        ["ca.pem", "server.pem", "jwt.key"].map(|name| fs::read(data.join(name)).unwrap()).into();
    let files = contents(&data);
    assert!(!files.windows(password.len()).any(|window| window == password.as_bytes()));

    let second = ems_cloud(&data, &["init", "--host", "other.example.org"]);
    assert!(second.status.success());
    assert!(!text(&second.stdout).contains("password"), "{}", text(&second.stdout));
    let after: Vec<_> =
        ["ca.pem", "server.pem", "jwt.key"].map(|name| fs::read(data.join(name)).unwrap()).into();
    assert_eq!(before, after);
}

#[test]
fn the_certificates_are_a_ca_and_a_leaf_for_the_given_names() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    assert!(ems_cloud(&data, &["init", "--host", "ems.example.org", "--host", "192.0.2.7"]).status.success());
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(&data)
            .output()
            .expect("openssl is installed");
        text(&output.stdout) + &text(&output.stderr)
    };
    let leaf = openssl(&["x509", "-in", "server.pem", "-noout", "-text"]);
    for name in [
        "DNS:localhost",
        "IP Address:127.0.0.1",
        "IP Address:0:0:0:0:0:0:0:1",
        "DNS:ems.example.org",
        "IP Address:192.0.2.7",
    ] {
        assert!(leaf.contains(name), "{name}: {leaf}");
    }
    assert!(leaf.contains("CA:FALSE") && leaf.contains("TLS Web Server Authentication"), "{leaf}");
    assert!(openssl(&["x509", "-in", "ca.pem", "-noout", "-text"]).contains("CA:TRUE"));
    let verified = openssl(&[
        "verify",
        "-x509_strict",
        "-CAfile",
        "ca.pem",
        "-verify_hostname",
        "ems.example.org",
        "server.pem",
    ]);
    assert!(verified.contains("server.pem: OK"), "{verified}");
}

#[test]
fn the_first_password_may_come_from_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let init = |password: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ems-cloud"))
            .args(["init", "--admin", "ada", "--admin-password-file", "-", "--data"])
            .arg(dir.path().join("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), password.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let short = init("short\n");
    assert_eq!(short.status.code(), Some(64));
    assert!(text(&short.stderr).contains("8 to 1024"), "{}", text(&short.stderr));
    let good = init("long enough\n");
    assert!(good.status.success() && !text(&good.stdout).contains("long enough"));
}

#[test]
fn each_mistake_has_its_sentence_and_its_exit_status() {
    let site = Site::new();
    site.add("ems_001");
    let empty = tempfile::tempdir().unwrap();
    let none = empty.path().to_str().unwrap();
    let cases: &[(&[&str], i32, &str)] = &[
        (&[], 64, "Usage"),
        (&["nonsense"], 64, "nonsense"),
        (&["device", "add"], 64, "ID"),
        (&["device", "add", "Bad Id"], 64, "a-z"),
        (&["device", "add", "ems_001"], 64, "already"),
        (&["device", "token", "ems_009"], 64, "ems_009"),
        (&["device", "disable", "ems_009"], 64, "ems_009"),
        (&["device", "list", "--data", none], 78, "ems-cloud init"),
        (&["serve", "--data", none], 78, "ems-cloud init"),
        (&["serve", "--listen", "everywhere"], 64, "everywhere"),
        (&["serve", "--listen-plain", "0.0.0.0:0", "--listen", "127.0.0.1:0"], 64, "loopback"),
        // The address may come with its network: systemd is to try again.
        (&["serve", "--listen", "192.0.2.1:8443"], 1, "192.0.2.1"),
        (&["serve", "--log", "=[", "--listen", "127.0.0.1:0"], 64, "--log"),
        (&["init", "--admin", ""], 64, "--admin"),
        (&["init", "--admin-password-file", "/does/not/exist", "--data", none], 64, "/does/not/exist"),
        (&["init", "--data", "/proc/none"], 78, "/proc/none"),
        // A certificate for these would fit no connection.
        (&["init", "--host", ""], 64, "--host"),
        (&["init", "--host", "https://ems.example.org"], 64, "without scheme and port"),
        (&["init", "--host", "ems.example.org:8443"], 64, "without scheme and port"),
        (&["init", "--host", "ems example org"], 64, "expected a name or an address"),
        (&["init", "--host", "192.168.1.300"], 64, "expected a name or an address"),
        // And these are no origin that a browser ever sends.
        (&["serve", "--allow-origin", "ems.example.org"], 64, "https://host:port"),
        (&["serve", "--allow-origin", "https://ems.example.org/"], 64, "nothing after it"),
        (&["serve", "--allow-origin", "https://a@ems.example.org"], 64, "nothing after it"),
        (&["serve", "--listen", "localhost:8443"], 64, "such as 0.0.0.0:8443"),
        (&["serve", "--max-connections", "0"], 64, "nobody gets in"),
        (&["device", "add", "ems_002", "--name", "Barn\u{1b}[31m"], 64, "control characters"),
    ];
    for (arguments, status, words) in cases {
        let output = site.run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(*status), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    let help = site.run(&["--help"]);
    assert!(help.status.success() && text(&help.stdout).contains("ems-cloud device add ems_001"));
}

#[test]
fn a_missing_certificate_is_not_silently_replaced() {
    let site = Site::new();
    fs::remove_file(site.data().join("server.key")).unwrap();
    let output = site.run(&["init"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("server.key is missing"), "{}", text(&output.stderr));
    assert_eq!(site.run(&["serve", "--listen", "127.0.0.1:0"]).status.code(), Some(78));
}

#[test]
fn what_is_broken_in_the_data_folder_is_named_with_what_helps() {
    let site = Site::new();
    let other = Site::new();
    let listen = ["serve", "--listen", "127.0.0.1:0"];
    for (name, broken, words) in [
        ("jwt.key", b"short".to_vec(), "it has 5 bytes instead of 32"),
        ("server.pem", b"nonsense".to_vec(), "there is no certificate in it"),
        ("server.key", fs::read(other.data().join("server.key")).unwrap(), "server.key is not the key of"),
        ("ems.db", vec![b'x'; 20_000], "restore a backup"),
    ] {
        let path = site.data().join(name);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, broken).unwrap();
        let output = site.run(&listen);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{name}: {said}");
        assert!(said.contains(words) && said.contains(name), "{name}: {said}");
        assert!(!said.contains("makes what is missing"), "{name}: {said}");
        fs::write(&path, whole).unwrap();
    }
    let server = site.serve();
    let taken = server.url("").replace("http://", "");
    let second = Site::new();
    let output =
        second.run(&["serve", "--listen", "127.0.0.1:0", "--listen-plain", taken.trim_end_matches('/')]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("another program listens there: stop it or choose another port"), "{said}");
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let site = Site::new();
    let server = site.serve();
    let second = site.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(78));
    assert!(text(&second.stderr).contains("another ems-cloud serve"), "{}", text(&second.stderr));
    // The lock dies with its holder.
    server.kill();
    site.serve();
}

#[tokio::test]
async fn the_registry_lists_devices_and_never_their_tokens() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    assert!(site.run(&["device", "add", "ems_002", "--name", "Garage"]).status.success());
    assert!(site.run(&["device", "disable", "ems_002"]).status.success());
    let list = text(&site.run(&["device", "list"]).stdout);
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((lines[0][0], lines[0][1]), ("ems_001", "enabled"));
    assert_eq!((lines[1][0], lines[1][1], lines[1][3]), ("ems_002", "disabled", "Garage"));
    assert!(!list.contains("sk_"));
    Client::greeted_device(&site, &server, "ems_001", &token, "b")
        .await
        .store(&[sample("ems_001", "b", 1)])
        .await;
}

#[test]
fn the_shell_completes_commands_and_options() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../debian/ems-cloud.bash-completion");
    let program = Path::new(env!("CARGO_BIN_EXE_ems-cloud")).parent().unwrap();
    let complete = |words: &[&str]| {
        let script = "set -e; PATH=$1:$PATH; . /usr/share/bash-completion/bash_completion; . \"$2\"; shift 2; \
            COMP_WORDS=(ems-cloud \"$@\"); COMP_CWORD=$#; COMP_LINE=\"ems-cloud $*\"; COMP_POINT=${#COMP_LINE}; \
            set +e; _ems_cloud; echo \"${COMPREPLY[@]}\"";
        let output = Command::new("bash")
            .args(["-c", script, "bash"])
            .args([program, Path::new(file)])
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "is bash-completion installed? {}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    };
    assert_eq!(complete(&["we"]), "webhook");
    assert_eq!(complete(&["webhook", "re"]), "remove");
    assert_eq!(complete(&["webhook", "add", "--ev"]), "--event");
    assert_eq!(complete(&["serve", "--listen-"]), "--listen-plain");
    assert_eq!(complete(&["device", ""]), "add list token disable enable help");
}
