//! The service's user may open the bus.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::doctor::account::group_name;
use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;

/// `EACCES`.
const NO_PERMISSION: i32 = 13;
/// Read and write permission.
const READ_WRITE: u32 = 6;

pub(super) fn judge(facts: &Facts) -> Verdict {
    let Some(config) = facts.settings().filter(|_| facts.has_chip()) else {
        return Verdict::Skipped("SENSOR=simulated needs none".to_owned());
    };
    let (account, bus) = (&facts.account, config.i2c_bus.display());
    let refused = facts.sensor_trouble().is_some_and(|trouble| trouble.errno == Some(NO_PERMISSION));
    let reads = facts.snapshot().is_some_and(|snapshot| snapshot.sensor.answers == Some(true));
    if reads {
        return Verdict::Ok(format!("the daemon has {bus} open"));
    }
    let Ok(node) = fs::metadata(&config.i2c_bus) else {
        return Verdict::Skipped(format!("{bus} cannot be looked at"));
    };
    if !refused && account.may(&node, READ_WRITE) {
        return Verdict::Ok(format!("{} may open {bus}", account.name));
    }
    let group = group_name(node.gid());
    let remedy = if node.gid() == 0 {
        format!(
            "give the bus to a group: sudo chgrp i2c {bus}, with a udev rule to keep it so; then sudo usermod -aG i2c {}",
            account.name
        )
    } else {
        format!("sudo usermod -aG {group} {}, then systemctl restart ems-edge", account.name)
    };
    Verdict::failed(
        "group.missing",
        format!("{} may not open {bus}, which is for the group {group}", account.name),
        remedy,
    )
}
