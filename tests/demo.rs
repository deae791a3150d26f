//! `make demo`'s script: the whole system from one command, and nothing left of it after Ctrl-C.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use ems_test_harness::{ADMIN, Api, repository, target_dir, until};
use tempfile::TempDir;

/// The demo in a process group of its own, as a terminal's foreground is.
struct Demo {
    child: Child,
    folder: TempDir,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let printed = File::create(folder.path().join("printed")).unwrap();
        let profile = target_dir().file_name().unwrap().to_owned();
        let child = Command::new(repository().join("scripts/demo"))
            .env("EMS_DEMO_PORT", "0")
            .env("EMS_DEMO_TLS_PORT", "0")
            .env("EMS_DEMO_DIR", folder.path().join("demo"))
            .env("EMS_DEMO_PROFILE", profile)
            .env("CARGO_TARGET_DIR", target_dir().parent().unwrap())
            .stdout(printed.try_clone().unwrap())
            .stderr(printed)
            .process_group(0)
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("printed")).unwrap()
    }

    /// What stands behind `label` in what it has printed.
    fn told(&self, label: &str) -> String {
        until(label, || {
            let printed = self.printed();
            let line = printed.lines().find_map(|line| line.trim().strip_prefix(label))?;
            Some(line.trim().to_owned())
        })
    }

    fn interrupt(&self) {
        let group = format!("-{}", self.child.id());
        assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Nothing to do after a good end; after a failed test nothing must stay behind.
        let group = format!("-{}", self.child.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).stderr(std::process::Stdio::null()).status());
        drop(self.child.wait());
    }
}

#[test]
fn one_command_shows_a_living_battery_and_ctrl_c_ends_all_of_it() {
    let mut demo = Demo::start();
    let page = demo.told("The page:");
    assert_eq!(demo.told("User:"), ADMIN);
    let password = demo.told("Password:");
    let server: SocketAddr =
        page.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap().parse().unwrap();
    let api = Api::log_in(server, ADMIN, &password);
    until("samples whose voltage moves", || {
        let samples = api.samples("ems_001");
        let mut volts: Vec<f64> = samples.iter().filter_map(ems_test_harness::Sample::voltage).collect();
        volts.dedup();
        (volts.len() >= 4).then_some(())
    });
    let printed = demo.printed();
    assert!(printed.contains("cloud | ") && printed.contains("edge  | "), "{printed}");
    assert!(!printed.contains("sk_live"), "the token is printed");

    demo.interrupt();
    let status = demo.child.wait().expect("the demo's end");
    assert!(status.success(), "{status}: {}", demo.printed());
    assert!(demo.printed().contains("demo ended"), "{}", demo.printed());
    assert!(TcpStream::connect(server).is_err(), "the cloud still listens");
}
