//! Faults of the chip, its wiring and its bus.

use ems_test_harness::{Cloud, run, until};

use crate::{Diagnosis, Site, WELL, until_it_names};

/// Faults of the bus and the wiring: what the bus is, a setting, and what is found.
type Fault = (&'static str, &'static str, (&'static str, &'static str), &'static str, &'static str);

const WIRING: [Fault; 10] = [
    ("wire off", "# nobody", ("", ""), "sensor.no_answer", "check power, SDA/SCL and the address"),
    ("wrong address", WELL, ("I2C_ADDRESS", "0x45"), "sensor.no_answer", "the address"),
    ("bus stuck", "chip 0x40 ina226 volts=26.6\nfault 110", ("", ""), "sensor.bus_stuck", "power-cycle"),
    (
        "another chip",
        "chip 0x40 ina226 volts=26.6\nid 0x40 0x5449 0x2280",
        ("", ""),
        "sensor.wrong_chip",
        "SENSOR",
    ),
    ("battery wire off", "chip 0x40 ina226 volts=0", ("", ""), "reading.no_voltage", "VBUS"),
    ("wrong cell count", WELL, ("CELLS_SERIES", "4"), "reading.implausible", "CELLS_SERIES"),
    // 2 A through the 0.1 Ω of a board.
    ("wrong shunt", "chip 0x40 ina226 volts=26.6 shunt_mv=200", ("", ""), "shunt.out_of_range", "SHUNT"),
    // The same current, read with a shunt that is a hundred times too small.
    (
        "wrong shunt in the settings",
        "chip 0x40 ina226 volts=26.6 shunt_mv=75",
        ("SHUNT", "100uohm"),
        "shunt.wrong",
        "SHUNT",
    ),
    // 3.55 V a cell are only there while it charges.
    (
        "reversed sign",
        "chip 0x40 ina226 volts=28.4 shunt_mv=-7.5",
        ("", ""),
        "sign.reversed",
        "CURRENT_SIGN=inverted",
    ),
    (
        "sign turned round twice",
        "chip 0x40 ina226 volts=28.4 shunt_mv=7.5",
        ("CURRENT_SIGN", "inverted"),
        "sign.reversed",
        "CURRENT_SIGN=normal",
    ),
];

#[test]
fn each_fault_of_the_wiring_is_named_with_the_daemon_stopped_and_running() {
    let cloud = Cloud::start();
    for (fault, control, (key, value), code, remedy) in WIRING {
        let mut site = Site::of(&cloud);
        if !key.is_empty() {
            site = site.with(key, value);
        }
        site.bus.set(control);
        println!("{fault}, stopped");
        site.examine().names(code, remedy);
        println!("{fault}, running");
        let edge = site.start();
        until_it_names(&edge, code, remedy);
    }
}

#[test]
fn a_reversed_sign_shows_in_the_voltage_that_falls_when_the_current_rises() {
    let cloud = Cloud::start();
    for (sign, code) in [("inverted", Some("sign.reversed")), ("normal", None)] {
        let site = Site::of(&cloud).with("CURRENT_SIGN", sign);
        let edge = site.start_with("200ms");
        // A pack of 20 mΩ at 3.3 V a cell, whose charger comes and goes.
        let found = until("enough steps", || {
            for amps in [0.0, 20.0, 5.0, 40.0] {
                let (volts, millivolts) = (26.4 + 0.02 * amps, 0.75 * amps);
                site.bus.set(&format!("chip 0x40 ina226 volts={volts} shunt_mv={millivolts}"));
                std::thread::sleep(std::time::Duration::from_millis(300));
            }
            let seen = Diagnosis::of(&run(edge.subcommand("doctor --json")));
            let said = seen.of_check("sign")["message"].as_str()?.to_owned();
            (said.contains("falls when") || said.contains("agrees")).then_some(seen)
        });
        assert_eq!(found.codes("failed"), Vec::from_iter(code), "{found:#?}");
    }
}

#[test]
fn i2c_that_is_off_is_told_from_a_bus_that_is_another_one() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud).with("I2C_BUS", "1");
    let boot = "mount -t tmpfs tmpfs /boot && mkdir /boot/firmware && echo";
    let without = site.examine_after("rm -f \"$0/i2c-1\"");
    without.names("i2c.off", "dtparam=i2c_arm=on");
    let off = site.examine_after(&format!("{boot} '#dtparam=i2c_arm=on' > /boot/firmware/config.txt"));
    off.names("i2c.off", "/boot/firmware/config.txt");
    let module = site.examine_after(&format!("{boot} 'dtparam=i2c_arm=on' > /boot/firmware/config.txt"));
    module.names("i2c.module", "modprobe i2c-dev");

    let site = Site::of(&cloud);
    site.bus.unplug();
    site.examine_after("mount -t tmpfs tmpfs /dev && touch /dev/i2c-20 /dev/null")
        .names("device.missing", "I2C_BUS");
    let edge = site.start();
    until_it_names(&edge, "i2c.off", "dtparam=i2c_arm=on");
}

#[test]
fn a_service_user_without_the_group_is_named_though_root_may_open_the_bus() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let users = |members: &str| {
        format!(
            "echo 'root:x:0:0::/root:/bin/sh\nems-edge:x:64001:64001::/:/bin/false' > \"$0/passwd\"
             echo 'root:x:0:\nems-edge:x:64001:\ni2c:x:64002:{members}' > \"$0/group\"
             mount --bind \"$0/passwd\" /etc/passwd && mount --bind \"$0/group\" /etc/group
             chown root:ems-edge \"$0/config.env\" && chmod 0640 \"$0/config.env\"
             mkdir -p \"$0/state\" && chown ems-edge \"$0/state\" && chmod 711 \"$0\"
             chown root:i2c '{node}' && chmod 0660 '{node}' && chmod 711 '{folder}'",
            node = site.bus.node().display(),
            folder = site.bus.node().parent().unwrap().display(),
        )
    };
    // The authority's certificate has to be his to read as well.
    let open_ca = format!(
        "chmod 644 {ca} && chmod 711 {a} {b}",
        ca = cloud.ca_file().display(),
        a = cloud.data_dir().display(),
        b = cloud.data_dir().parent().unwrap().display()
    );
    site.examine_after(&format!("{}\n{open_ca}", users("")))
        .names("group.missing", "usermod -aG i2c ems-edge");
    site.examine_after(&users("ems-edge")).is_well();
}
