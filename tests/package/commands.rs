//! Commands under a real systemd: outputs that a killed daemon leaves, RESTART, REBOOT.

use std::thread::sleep;
use std::time::{Duration, Instant};

use ems_test_harness::{Cloud, Pins, until};
use ems_test_machine::Machine;
use serde_json::{Value, json};

use crate::support::{CHIP, configure, measuring};

const CHARGE: u8 = 17;
/// Its output is on when the pin is low.
const LOAD: u8 = 27;

/// A machine that is a Raspberry Pi as far as its pins go, with a daemon that drives them.
fn publishing_with_outputs() -> (Cloud, Machine, Pins) {
    let cloud = Cloud::start();
    let mut machine = Machine::with_package(CHIP);
    let pins = solder(&machine);
    let settings = measuring(&cloud)
        .with("COMMANDS_ALLOW", "all")
        .with("OUTPUTS", "charge:17,load:27:low")
        .with("OUTPUT_MIN_OFF", "1s");
    configure(&mut machine, &cloud, settings);
    machine.succeed("systemctl restart ems-edge");
    machine.wait_property("StatusText", |status| status.contains("; connected"));
    (cloud, machine, pins)
}

/// The device tree, the registers and the chip of a Raspberry Pi 4.
fn solder(machine: &Machine) -> Pins {
    let pins = Pins::at(&machine.path("/dev/gpiomem"));
    machine.succeed(
        "mount -o remount,rw /sys && mkdir -p /sys/firmware/devicetree/base &&
         printf 'raspberrypi,4-model-b\\0' >/sys/firmware/devicetree/base/compatible &&
         : >/dev/gpiochip0 && chown root:gpio /dev/gpiomem /dev/gpiochip0 && chmod 660 /dev/gpiomem /dev/gpiochip0",
    );
    pins
}

fn are_on(pins: &Pins) -> bool {
    pins.is_high(CHARGE) && !pins.is_high(LOAD)
}

fn ask(cloud: &Cloud, action: &str) -> String {
    let answer = cloud.api().post("/api/devices/ems_001/commands", &json!({"action": action}));
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["command_id"].as_str().unwrap().to_owned()
}

fn ended(cloud: &Cloud, id: &str) -> Value {
    until("the end of a command", || {
        let command = cloud.api().get(&format!("/api/devices/ems_001/commands/{id}")).body;
        command["finished_at"].is_string().then_some(command)
    })
}

#[test]
fn however_the_daemon_dies_its_outputs_are_off_and_come_back_with_the_next() {
    let (_cloud, machine, pins) = publishing_with_outputs();
    for signal in ["KILL", "ABRT", "KILL", "TERM"] {
        until("outputs that are on", || are_on(&pins).then_some(()));
        let seen = pins.edges().len();
        let start = Instant::now();
        machine.succeed(&format!("systemctl kill --kill-who=main --signal={signal} ems-edge"));
        let off = |gpio, is_high| {
            until("an output that is off", || {
                let edges = pins.edges().split_off(seen);
                edges.iter().find(|edge| edge.gpio == gpio && edge.is_high == is_high).map(|edge| edge.at)
            })
        };
        let last = off(CHARGE, false).max(off(LOAD, true));
        println!("SIG{signal}: all outputs off after {:.3} s", last.duration_since(start).as_secs_f64());
    }
    machine.succeed("systemctl stop ems-edge");
    assert!(!pins.is_high(CHARGE) && pins.is_high(LOAD));
    // A configuration that cannot be used keeps nothing on either.
    machine.succeed("systemctl start ems-edge");
    until("outputs that are on", || are_on(&pins).then_some(()));
    machine.succeed(
        "sed -i 's/^SENSOR=.*/SENSOR=nonsense/; s/^OUTPUTS=.*/OUTPUTS=nonsense/' /etc/ems-edge/config.env",
    );
    machine.shell("systemctl restart ems-edge");
    until("outputs that are off", || (!pins.is_high(CHARGE) && pins.is_high(LOAD)).then_some(()));
}

#[test]
fn a_restart_and_a_reboot_are_acknowledged_first_and_done_once_by_the_one_who_may() {
    let (cloud, mut machine, _pins) = publishing_with_outputs();
    machine.write(
        "/etc/systemd/system/count.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo boot >>/var/boots'\n[Install]\nWantedBy=multi-user.target\n",
    );
    machine.succeed("systemctl daemon-reload && systemctl enable count");
    let before = machine.property("InvocationID");
    let restart = ended(&cloud, &ask(&cloud, "RESTART"));
    assert_eq!(restart["status"], "SUCCEEDED", "{restart}");
    machine.wait_property("InvocationID", |id| id != before && !id.is_empty());
    machine.wait_property("StatusText", |status| status.contains("; connected"));
    assert_eq!(machine.property("NRestarts"), "1");

    // The daemon's user has no way of its own to a reboot, and the unit that has is started by nothing else.
    let own = "setpriv --reuid ems-edge --regid ems-status --clear-groups";
    for denied in
        ["systemctl reboot", "systemctl start ems-edge-reboot.service", "systemctl restart ems-edge"]
    {
        assert_ne!(machine.shell(&format!("{own} {denied}")).status, 0, "{denied}");
    }
    assert_eq!(
        machine.succeed("systemctl show --value --property=CapabilityBoundingSet ems-edge").trim(),
        ""
    );

    let reboot = ended(&cloud, &ask(&cloud, "REBOOT"));
    assert_eq!(reboot["status"], "SUCCEEDED", "{reboot}");
    machine.wait_reboot();
    machine.open_port(cloud.tls());
    machine.wait_property("StatusText", |status| status.contains("; connected"));
    let ping = ended(&cloud, &ask(&cloud, "PING"));
    assert_eq!(ping["status"], "SUCCEEDED");
    // Long enough for a second one, if there were one.
    sleep(Duration::from_secs(5));
    assert_eq!(
        (machine.read("/var/boots").as_str(), machine.property("NRestarts").as_str()),
        ("boot\n", "0")
    );
    assert!(!machine.path("/run/ems-edge/reboot").exists());
}
