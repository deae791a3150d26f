//! The package of the server: set up, beside a device, in its sandbox, with its watchdog, upgraded, removed.

use ems_test_harness::until;
use ems_test_machine::{Machine, Package};
use tempfile::TempDir;

use crate::support::{CHIP, owner};

const UNIT: &str = "ems-cloud";
/// The most that `systemd-analyze security` may find.
const EXPOSURE: f64 = 1.5;

#[test]
fn an_installed_server_says_what_to_do_and_then_serves_a_device_of_the_same_machine() {
    let machine = Machine::boot(CHIP);
    let said = machine.install(Package::of_the_cloud());
    assert!(said.contains("sudo ems-cloud init --host"), "{said}");
    assert_eq!(machine.property_of(UNIT, "ActiveState"), "inactive");

    // Started all the same: one attempt, and a sentence where an operator looks.
    assert_ne!(machine.shell("systemctl start ems-cloud").status, 0);
    assert_eq!(machine.property_of(UNIT, "ExecMainStatus"), "78");
    assert_eq!(machine.property_of(UNIT, "NRestarts"), "0");
    let told = machine.property_of(UNIT, "StatusText");
    assert!(told.contains("`ems-cloud init`"), "{told}");

    set_up(&machine);
    assert_eq!(owner(&machine, "/var/lib/ems-cloud"), "700 ems-cloud:ems-cloud");
    for file in ["ems.db", "server.key", "ca.key", "jwt.key"] {
        assert_eq!(owner(&machine, &format!("/var/lib/ems-cloud/{file}")), "600 ems-cloud:ems-cloud");
    }
    let told = machine.property_of(UNIT, "StatusText");
    assert_eq!(told, "serving at https://0.0.0.0:8443");
    add_device(&machine);
    assert!(ping(&machine).contains("SUCCEEDED"));

    // Port 443 is for root alone, and the service is not.
    machine.write("/etc/ems-cloud/config.env", "EMS_CLOUD_LISTEN=0.0.0.0:8443,0.0.0.0:443\n");
    machine.succeed("systemctl restart ems-cloud");
    assert!(machine.property_of(UNIT, "StatusText").contains("https://0.0.0.0:443"));

    // A setting that cannot be used is named where an operator looks.
    machine.write("/etc/ems-cloud/config.env", "EMS_CLOUD_TRUST_PROXY=everybody\n");
    assert_ne!(machine.shell("systemctl restart ems-cloud").status, 0);
    let told = machine.property_of(UNIT, "StatusText");
    assert!(told.contains("everybody") && told.contains("10.0.0.0/8"), "{told}");
    assert_eq!(machine.property_of(UNIT, "NRestarts"), "0");
}

#[test]
fn the_servers_sandbox_is_tight_and_a_store_that_hangs_is_restarted() {
    let machine = Machine::boot(CHIP);
    machine.install(Package::of_the_cloud());
    machine.write("/etc/systemd/system/ems-cloud.service.d/test.conf", "[Service]\nWatchdogSec=8\n");
    machine.succeed("systemctl daemon-reload");
    set_up(&machine);
    let judged = machine.succeed("systemd-analyze security --no-pager ems-cloud.service");
    let words: Vec<&str> = judged.lines().last().unwrap_or_default().split_whitespace().collect();
    let exposure =
        words.iter().find_map(|word| word.parse::<f64>().ok()).unwrap_or_else(|| panic!("{judged}"));
    assert!(exposure <= EXPOSURE, "{judged}");
    let verified = machine.shell("systemd-analyze verify ems-cloud.service");
    assert_eq!((verified.status, verified.stdout + &verified.stderr), (0, String::new()));

    add_device(&machine);
    let frozen = machine.freeze_of(UNIT, "store");
    machine.wait_property_of(UNIT, "NRestarts", |restarts| restarts == "1");
    drop(frozen);
    machine.wait_property_of(UNIT, "ActiveState", |state| state == "active");
    until("the device to be back", || ping(&machine).contains("SUCCEEDED").then_some(()));
    let warnings = machine.succeed("journalctl --no-pager --unit=ems-cloud --output=cat");
    assert!(!warnings.contains("not permitted") && !warnings.contains("denied"), "{warnings}");
}

#[test]
fn an_upgraded_server_keeps_its_data_and_purge_leaves_none() {
    let machine = Machine::boot(CHIP);
    machine.install(Package::of_the_cloud());
    set_up(&machine);
    add_device(&machine);
    let pid = machine.property_of(UNIT, "MainPID");
    let folder = TempDir::new().unwrap();
    machine.install(&Package::of_the_cloud().with_version("99.0", &folder));
    assert_ne!(machine.property_of(UNIT, "MainPID"), pid, "the new program runs");
    until("the device to be back", || ping(&machine).contains("SUCCEEDED").then_some(()));

    machine.succeed("ems-cloud backup /root/backup");
    machine.succeed("apt-get remove --yes --quiet ems-cloud");
    assert_eq!(machine.shell("pgrep ems-cloud").stdout, "", "it has been stopped");
    assert_eq!(owner(&machine, "/var/lib/ems-cloud/ems.db"), "600 ems-cloud:ems-cloud");
    machine.succeed("apt-get purge --yes --quiet ems-cloud");
    let left = machine.succeed(
        "find / -xdev \\( -path /proc -o -path /sys -o -path /root -o -path /var/log -o -path /var/cache \\) -prune \
         -o -name '*ems-cloud*' -print",
    );
    assert_eq!(left, "");
}

/// What the package says to do.
#[track_caller]
fn set_up(machine: &Machine) {
    let said = machine.succeed("ems-cloud init --host 127.0.0.1");
    assert!(said.contains("shown only now"), "{said}");
    machine.succeed("systemctl start ems-cloud");
    assert_eq!(machine.property_of(UNIT, "ActiveState"), "active");
}

/// A device of this machine that reports to the server of this machine.
#[track_caller]
fn add_device(machine: &Machine) {
    machine.install(Package::built());
    machine.succeed("ems-cloud device add ems_001 | grep -o 'sk_[A-Za-z0-9_-]*' > /root/token");
    machine.succeed("install -m 644 /var/lib/ems-cloud/ca.pem /etc/ems-edge/ca.pem");
    let setup = "ems-edge setup --no-questions --token-file /root/token --set DEVICE_ID=ems_001 \
        --set SERVER_URL=wss://127.0.0.1:8443 --set CA_FILE=/etc/ems-edge/ca.pem --set SENSOR=ina226 \
        --set SHUNT=100A/75mV --set CHEMISTRY=lfp --set CELLS_SERIES=4 --set CAPACITY_AH=100 --set DIVIDER=1";
    machine.service(&[], setup).expect_success("ems-edge setup");
    machine.wait_property("StatusText", |status| status.contains("; connected"));
}

/// What is said of a command that does nothing.
fn ping(machine: &Machine) -> String {
    let sent = machine.shell("ems-cloud command send ems_001 PING --ttl 10");
    sent.stdout + &sent.stderr
}
