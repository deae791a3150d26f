//! What the tests of the package share.

use ems_test_harness::{Cloud, Settings};
use ems_test_machine::Machine;

/// An INA226 at a 4-cell LFP pack that discharges.
pub(crate) const CHIP: &str = "chip 0x40 ina226 volts=13.3 shunt_mv=-7.5";
/// Where the package has the configuration.
pub(crate) const CONFIG: &str = "/etc/ems-edge/config.env";

/// A cloud and a machine with the package on it that measures [`CHIP`] and reports there.
#[track_caller]
pub(crate) fn publishing() -> (Cloud, Machine) {
    let cloud = Cloud::start();
    let mut machine = Machine::with_package(CHIP);
    configure(&mut machine, &cloud, measuring(&cloud));
    machine.succeed("systemctl restart ems-edge");
    machine.wait_property("StatusText", |status| status.contains("; connected"));
    (cloud, machine)
}

/// The settings of `ems_001` that measures [`CHIP`].
pub(crate) fn measuring(cloud: &Cloud) -> Settings {
    Settings::of(cloud.device()).measuring("ina226", "/dev/i2c-1".as_ref(), 4)
}

/// Writes these settings, with the cloud's address, as a technician does: into the file that is there. Opens the way
/// to the cloud.
#[track_caller]
pub(crate) fn configure(machine: &mut Machine, cloud: &Cloud, settings: Settings) {
    machine.copy_in(&cloud.ca_file(), "/etc/ems-edge/ca.pem");
    machine.succeed("chmod 644 /etc/ems-edge/ca.pem");
    machine.write(CONFIG, &settings.to(cloud.tls(), "/etc/ems-edge/ca.pem".as_ref()).text());
    machine.open_port(cloud.tls());
}

/// Permissions, owner and group of a file of the machine, and nothing if there is none.
#[track_caller]
pub(crate) fn owner(machine: &Machine, path: &str) -> String {
    machine.shell(&format!("stat -c '%a %U:%G' {path}")).stdout.trim().to_owned()
}
