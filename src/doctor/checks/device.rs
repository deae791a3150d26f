//! The bus of the configuration is there.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;

/// `ENOTTY`, `ENODEV`, `ENXIO`: the kernel's answers of something that is no bus, or has none behind it.
const NO_BUS: [i32; 3] = [25, 19, 6];

pub(super) fn judge(facts: &Facts) -> Verdict {
    let Some(config) = facts.settings().filter(|_| facts.has_chip()) else {
        return Verdict::Skipped("SENSOR=simulated needs none".to_owned());
    };
    let bus = config.i2c_bus.display();
    if let Some(trouble) = facts.sensor_trouble()
        && trouble.kind == "open"
        && trouble.errno.is_some_and(|errno| NO_BUS.contains(&errno))
    {
        return Verdict::failed_as_said("device.no_bus", &trouble.words);
    }
    match fs::metadata(&config.i2c_bus) {
        Err(error) => Verdict::failed(
            "device.missing",
            format!("{bus} cannot be found ({error})"),
            "set I2C_BUS to a bus that is there: ls /dev/i2c-*",
        ),
        Ok(node) if node.file_type().is_dir() || node.file_type().is_block_device() => Verdict::failed(
            "device.no_bus",
            format!("{bus} is no I2C bus"),
            "set I2C_BUS to the bus, for example 1",
        ),
        Ok(_) => Verdict::Ok(format!("{bus} is there")),
    }
}
