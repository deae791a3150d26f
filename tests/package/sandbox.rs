//! The unit's sandbox: as tight as it was measured to be, and nothing that is needed is outside of it.

use crate::support::{CHIP, CONFIG, publishing};

/// The most that `systemd-analyze security` may find.
const EXPOSURE: f64 = 1.5;

#[test]
fn the_sandbox_is_tight_and_systemd_finds_no_fault_in_the_units() {
    let (_cloud, machine) = publishing();
    let judged = machine.succeed("systemd-analyze security --no-pager ems-edge.service");
    let words: Vec<&str> = judged.lines().last().unwrap_or_default().split_whitespace().collect();
    let exposure =
        words.iter().find_map(|word| word.parse::<f64>().ok()).unwrap_or_else(|| panic!("{judged}"));
    assert!(exposure <= EXPOSURE, "{judged}");
    let verified =
        machine.shell("systemd-analyze verify ems-edge.service ems-edge-reboot.path ems-edge-reboot.service");
    assert_eq!((verified.status, verified.stdout + &verified.stderr), (0, String::new()));
}

#[test]
fn what_the_daemon_needs_works_inside_the_sandbox() {
    // Samples at the cloud: bus, network, TLS, state and runtime folders.
    let (cloud, machine) = publishing();
    cloud.api().wait_for("ems_001", "three samples", |samples| samples.len() >= 3);
    let warnings = machine.succeed("journalctl --no-pager --unit=ems-edge --priority=warning --output=cat");
    let ours: Vec<&str> = warnings.lines().filter(|line| !is_before_the_setup(line)).collect();
    assert_eq!(ours, [""; 0]);
    // The journal's own socket: facts have fields.
    let entry = machine
        .succeed("journalctl --no-pager --unit=ems-edge EMS_CODE=LINK_CONNECTED --output=verbose --output-fields=EMS_LINK,MESSAGE_ID,PRIORITY");
    for field in ["EMS_LINK=127.0.0.1:", "MESSAGE_ID=", "PRIORITY=6"] {
        assert!(entry.contains(field), "{field} is missing: {entry}");
    }
    // What is told of the machine, and the socket for those who may look.
    assert_eq!(machine.succeed("ls /var/lib/ems-edge"), "ems_001\n");
    let socket = machine.succeed("stat -c '%a %U:%G' /run/ems-edge/ems_001/status.sock");
    assert_eq!(socket, "660 ems-edge:ems-status\n");
    let samples = cloud.api().samples("ems_001");
    assert!(samples.iter().all(|sample| sample.boot_id().len() == 36), "the kernel's boot id can be read");
}

#[test]
fn nothing_but_the_bus_can_be_opened_and_without_its_permission_the_journal_says_so() {
    let (_cloud, machine) = publishing();
    let own = "systemctl show ems-edge --property=MainPID --value";
    // In the service's own mount namespace and as its user.
    let inside = |script: &str| {
        machine.shell(&format!("nsenter --target $({own}) --mount setpriv --reuid ems-edge --regid ems-status --groups ems-edge,i2c sh -c '{script}'"))
    };
    assert_eq!(inside("cat /etc/ems-edge/config.env").status, 0);
    for denied in ["touch /etc/ems-edge/x", "touch /usr/x", "ls /root", "touch /var/x"] {
        assert_ne!(inside(denied).status, 0, "{denied}");
    }
    assert_eq!(machine.shell("ems-edge doctor").stdout.matches("the service's sandbox forbids").count(), 0);
    machine.write("/etc/systemd/system/ems-edge.service.d/zz.conf", "[Service]\nDeviceAllow=\n");
    machine.succeed("systemctl daemon-reload && systemctl restart ems-edge");
    machine.wait_property("StatusText", |status| status.contains("SENSOR_LOST"));
    machine.wait_journal("/dev/i2c-1");
    let doctor = machine.shell("ems-edge doctor --json");
    assert!(
        doctor.status != 0 && doctor.stdout.contains("sandbox forbids"),
        "{}{}",
        doctor.stdout,
        doctor.stderr
    );
    machine.succeed("rm /etc/systemd/system/ems-edge.service.d/zz.conf && systemctl daemon-reload && systemctl restart ems-edge");
    machine.wait_property("StatusText", |status| status.contains("13.30 V"));
    machine.set_bus(CHIP);
}

#[test]
fn no_secret_is_in_the_journal_in_systemd_or_in_proc() {
    let (cloud, machine) = publishing();
    let token = &cloud.device().token;
    let good = machine.read(CONFIG);
    // The token where it does not belong, in a running daemon's reload and at a start.
    for bad in [
        good.replace("API_TOKEN=", "API_TOKEM="),
        good.replace("wss://", &format!("wss://device:{token}@")),
        format!("{good}{token}\n"),
    ] {
        machine.write(CONFIG, &bad);
        assert_ne!(machine.shell("systemctl reload ems-edge").status, 0);
        machine.shell("systemctl restart ems-edge");
        machine.wait_property("ActiveState", |state| state == "failed");
        let said = machine.shell("systemctl status ems-edge; systemctl show ems-edge").stdout;
        assert!(said.contains("config.env") && !said.contains(token.as_str()), "{said}");
        machine.write(CONFIG, &good);
        machine.succeed("systemctl restart ems-edge");
    }
    machine.succeed("systemctl reload ems-edge; systemctl restart ems-edge");
    machine.wait_property("StatusText", |status| status.contains("; connected"));
    for place in [
        "ems-edge bundle --output /run/bundle.tar.gz && tar -xzOf /run/bundle.tar.gz",
        "ems-edge doctor; ems-edge doctor --json",
        "ems-edge config show; ems-edge config show --json",
        "systemctl cat ems-edge; systemd-analyze cat-config systemd/system.conf",
        "journalctl --no-pager --output=export",
        "systemctl show ems-edge",
        "systemctl status ems-edge",
        "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline",
        "ems-edge status --json; ems-edge status --events",
        "grep -r . /run/ems-edge --binary-files=text",
    ] {
        let said = machine.shell(&format!("{{ {place}; }} 2>/dev/null | tr -d '\\0'"));
        assert!(said.stdout.len() > 20, "{place} says nothing: the test sees nothing");
        assert!(!said.stdout.contains(token.as_str()), "{place}");
    }
    // Only root and the service can read it where it must be.
    let as_nobody = "setpriv --reuid nobody --regid nogroup --clear-groups";
    assert_ne!(machine.shell(&format!("{as_nobody} cat /etc/ems-edge/config.env")).status, 0);
    assert_ne!(machine.shell(&format!("{as_nobody} ls /var/lib/ems-edge")).status, 0);
}

fn is_before_the_setup(line: &str) -> bool {
    ["configuration", "API_TOKEN", "Failed", "exited"].iter().any(|word| line.contains(word))
}

#[test]
fn a_file_of_the_service_reboots_the_machine_once() {
    let (_cloud, machine) = publishing();
    // A reboot would end the machine: its job is enough.
    machine.write("/run/systemd/system/ems-edge-reboot.service.d/test.conf", "[Service]\nExecStart=\nExecStart=/bin/rm -f /run/ems-edge/reboot\nExecStart=/bin/touch /run/rebooted\n");
    machine.succeed("systemctl daemon-reload");
    let denied =
        machine.shell("setpriv --reuid nobody --regid nogroup --clear-groups touch /run/ems-edge/reboot");
    assert_ne!(denied.status, 0);
    machine.succeed("setpriv --reuid ems-edge --regid ems-status --clear-groups touch /run/ems-edge/reboot");
    ems_test_harness::until("the request to be served", || {
        machine.path("/run/rebooted").exists().then_some(())
    });
    assert!(!machine.path("/run/ems-edge/reboot").exists());
}
