//! `ems-edge doctor` and `ems-edge setup` beside the real service: its user, its sandbox, its journal.

use std::time::Instant;

use ems_test_harness::{Cloud, PATIENCE};
use ems_test_machine::Machine;
use serde_json::Value;

use crate::support::{CHIP, CONFIG, publishing};

/// The codes of what has failed and of what deserves a look, and the exit status.
fn examine(machine: &Machine) -> (Vec<String>, Vec<String>, i32) {
    // Under systemd, where the bus is.
    let seen = machine.service(&[], "ems-edge doctor --json");
    let report: Value = serde_json::from_str(&seen.stdout).unwrap_or_else(|_| panic!("no JSON: {seen:?}"));
    let codes = |status: &str| {
        let checks = report["checks"].as_array().unwrap().iter();
        checks
            .filter(|check| check["status"] == status)
            .map(|check| check["code"].as_str().unwrap().to_owned())
            .collect()
    };
    (codes("failed"), codes("warning"), seen.status)
}

#[track_caller]
fn until_it_finds(machine: &Machine, failed: &[&str], warnings: &[&str], status: i32) {
    let begin = Instant::now();
    loop {
        let seen = examine(machine);
        if seen.0 == failed && seen.1 == warnings && seen.2 == status {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{seen:?} instead of {failed:?}, {warnings:?} and {status}");
    }
}

#[test]
fn a_service_that_is_well_is_in_order_and_stopped_it_deserves_a_look() {
    let (_cloud, machine) = publishing();
    until_it_finds(&machine, &[], &[], 0);
    machine.succeed("systemctl stop ems-edge");
    // As the service's user, with the token, at the chip.
    until_it_finds(&machine, &[], &["service.stopped"], 2);
}

#[test]
fn a_sandbox_without_the_bus_and_a_service_without_the_group_are_named_running_and_stopped() {
    let (_cloud, machine) = publishing();
    for (unit, code) in [
        ("[Service]\nDeviceAllow=\n", "sandbox.device"),
        ("[Service]\nSupplementaryGroups=\nSupplementaryGroups=ems-edge\n", "group.missing"),
    ] {
        if code == "group.missing" {
            machine.succeed("gpasswd --delete ems-edge i2c; chown root:i2c /dev/i2c-1; chmod 660 /dev/i2c-1");
        }
        machine.write("/etc/systemd/system/ems-edge.service.d/zz.conf", unit);
        machine.succeed("systemctl daemon-reload && systemctl restart ems-edge");
        until_it_finds(&machine, &[code], &[], 1);
        machine.succeed("systemctl stop ems-edge");
        until_it_finds(&machine, &[code], &["service.stopped"], 1);
        machine.succeed("rm /etc/systemd/system/ems-edge.service.d/zz.conf && systemctl daemon-reload");
    }
}

/// What is the machine's and not the daemon's: beside the service, as a technician finds it.
#[test]
fn each_fault_of_the_machine_is_named_beside_the_service() {
    let (_cloud, machine) = publishing();
    let restart = || machine.succeed("systemctl daemon-reload; systemctl restart ems-edge || true");

    machine.succeed("systemctl disable --quiet ems-edge");
    until_it_finds(&machine, &[], &["service.disabled"], 2);
    machine.succeed("systemctl enable --quiet ems-edge");

    let good = machine.read(CONFIG);
    machine.write(CONFIG, &good.replace("CHEMISTRY='lfp'", "CHEMISTRY='lifepo'"));
    restart();
    // Without a configuration there is no server to compare the clock with.
    until_it_finds(&machine, &["config.mistakes"], &["clock.unset"], 1);
    machine.write(CONFIG, &good);
    until_it_finds(&machine, &["service.config"], &[], 1);

    let state = "/var/lib/ems-edge";
    machine.succeed(&format!(
        "mount -t tmpfs -o size=4m,mode=0700 tmpfs {state} && chown ems-edge:ems-status {state}"
    ));
    restart();
    until_it_finds(&machine, &[], &["card.little_room"], 2);
    machine.succeed(&format!("head -c 8M /dev/zero >{state}/fill 2>/dev/null || true"));
    until_it_finds(&machine, &["card.full"], &[], 1);
    machine.succeed(&format!("systemctl stop ems-edge; rm {state}/fill && mount -o remount,ro {state}"));
    restart();
    until_it_finds(&machine, &["state.read_only"], &[], 1);
    machine.succeed(&format!("systemctl stop ems-edge; umount {state}"));

    machine.succeed("chmod 644 /etc/ems-edge/config.env && systemctl start ems-edge");
    until_it_finds(&machine, &["secrets.open"], &[], 1);
    machine.succeed("chmod 640 /etc/ems-edge/config.env");

    machine.succeed("umount --lazy /dev/i2c-1; rm -f /dev/i2c-1");
    restart();
    until_it_finds(&machine, &["i2c.off"], &[], 1);
    machine.succeed("systemctl stop ems-edge");
    until_it_finds(&machine, &["i2c.off"], &["service.stopped"], 1);
}

#[test]
fn setup_without_a_terminal_makes_an_installed_package_publish() {
    let cloud = Cloud::start();
    let mut machine = Machine::with_package(CHIP);
    machine.copy_in(&cloud.ca_file(), "/etc/ems-edge/ca.pem");
    machine.succeed("chmod 644 /etc/ems-edge/ca.pem");
    machine.open_port(cloud.tls());
    let device = cloud.device();
    machine.write("/run/token", &device.token);
    let set_up = format!(
        "ems-edge setup --token-file /run/token --set DEVICE_ID={} --set SERVER_URL=wss://{} \
         --set CA_FILE=/etc/ems-edge/ca.pem --set SENSOR=ina226 --set SHUNT=100A/75mV --set DIVIDER=1 \
         --set CHEMISTRY=lfp --set CELLS_SERIES=4 --set CAPACITY_AH=100",
        device.id,
        cloud.tls()
    );
    let set_up = || machine.service(&[], &set_up).expect_success("ems-edge setup");
    set_up();
    assert_eq!(machine.succeed(&format!("stat -c '%a %U:%G' {CONFIG}")), "640 root:ems-edge\n");
    machine.wait_property("StatusText", |status| status.contains("; connected"));
    let again = set_up();
    assert!(again.contains("is as it should be") && again.contains("runs already"), "{again}");
    until_it_finds(&machine, &[], &[], 0);
}
