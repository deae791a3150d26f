//! Faults of the machine: card, supply, configuration, unit.

use std::fs;

use ems_test_harness::Cloud;

use crate::{Site, WARNING};

#[test]
fn a_card_that_is_full_or_read_only_is_named() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let small = "mkdir -p \"$0/state\" && mount -t tmpfs -o size=4m tmpfs \"$0/state\"";
    site.examine_after(&format!("{small}\nhead -c 3900k /dev/zero > \"$0/state/fill\""))
        .names("card.full", "make room");
    site.examine_after(&format!("{small}\nmount -o remount,ro \"$0/state\""))
        .names("state.read_only", "remount,rw");
    let little = site.examine_after(small);
    assert_eq!((little.codes("warning"), little.status), (vec!["card.little_room"], WARNING), "{little:#?}");
}

#[test]
fn too_little_voltage_for_the_board_is_named() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let alarm = |value: u8| {
        format!(
            "mount -t tmpfs tmpfs /sys/class && mkdir -p /sys/class/hwmon/hwmon0 /sys/class/hwmon/hwmon1
             echo cpu_thermal > /sys/class/hwmon/hwmon0/name && echo rpi_volt > /sys/class/hwmon/hwmon1/name
             echo {value} > /sys/class/hwmon/hwmon1/in0_lcrit_alarm"
        )
    };
    site.examine_after(&alarm(1)).names("power.under_voltage", "power supply");
    let well = site.examine_after(&alarm(0));
    well.is_well();
    assert_eq!(well.of_check("power")["status"], "ok");
}

#[test]
fn a_typo_in_the_configuration_is_named_with_its_line_and_an_open_file_with_its_mode() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud).with("CHEMISTRY", "lifepo");
    let found = site.examine();
    found.names("config.mistakes", "ems-edge setup");
    let said = found.of_check("config")["message"].as_str().unwrap();
    assert!(said.contains("config.env:") && said.contains("CHEMISTRY=lfp"), "{said}");

    let open = Site::of(&cloud);
    open.examine_after("chmod 644 \"$0/config.env\"").names("secrets.open", "chmod 0640");
}

#[test]
fn a_unit_whose_sandbox_leaves_out_the_bus_is_noticed() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    // A systemd that answers with a unit of this test.
    let unit = |allow: &str| {
        format!(
            "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /run/systemd/journal && touch /run/systemd/journal/socket
             mkdir \"$0/bin\" && printf '#!/bin/sh\\nprintf \"LoadState=loaded\\\\nActiveState=inactive\\\\nUnitFileState=enabled\\\\nDevicePolicy=closed\\\\n{allow}\"\\n' > \"$0/bin/systemctl\"
             chmod 755 \"$0/bin/systemctl\" && export PATH=\"$0/bin:$PATH\""
        )
    };
    let without = site.examine_after(&unit("DeviceAllow=/dev/null rw\\\\n"));
    without.names("sandbox.device", "DeviceAllow=char-i2c rw");
    fs::remove_dir_all(site.path("bin")).unwrap();
    let with = site.examine_after(&unit("DeviceAllow=char-i2c rw\\\\n"));
    assert_eq!((with.codes("failed"), with.codes("warning")), (vec![], vec!["service.stopped"]), "{with:#?}");
}
