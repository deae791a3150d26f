//! Where a device of the kernel's is: its folder's number changes from boot to boot, its name does not.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Files, HWMON};
use crate::sensor::{Device, SensorError};

/// The one folder of that name.
pub(super) fn find(class: &Path, files: &Files, device: &Device) -> Result<PathBuf, SensorError> {
    let wanted = device.bus.to_string_lossy();
    let (name, chip) = wanted.split_once('@').map_or((&*wanted, None), |(name, chip)| (name, Some(chip)));
    let mut named: Vec<(String, PathBuf)> = fs::read_dir(class)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((name_of(&path, files)?, path))
        })
        .collect();
    named.sort();
    let fits: Vec<&PathBuf> = named
        .iter()
        .filter(|(own, path)| own == name && chip.is_none_or(|chip| chip_of(path).as_deref() == Some(chip)))
        .map(|(_, path)| path)
        .collect();
    match fits.as_slice() {
        [folder] => Ok((*folder).clone()),
        [] => {
            let there: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            let remedy = files.driver;
            Err(SensorError::NoDriver {
                device: device.clone(),
                found: format!(
                    "is not there (there are: {there}): set SENSOR_NAME to one of them, or {remedy}"
                ),
            })
        }
        many => {
            let chips: Vec<String> = many.iter().filter_map(|path| chip_of(path)).collect();
            Err(SensorError::NoDriver {
                device: device.clone(),
                found: format!(
                    "is there {} times: set SENSOR_NAME to the name and the chip of the right one, {name}@ and one of {}",
                    many.len(),
                    chips.join(", ")
                ),
            })
        }
    }
}

/// The first hwmon device of that name below `root`.
pub(in crate::sensor) fn hwmon_folder(root: &Path, name: &str) -> Option<PathBuf> {
    let folders = fs::read_dir(root.join("class").join(HWMON.class)).into_iter().flatten();
    let folders = folders.filter_map(|entry| Some(entry.ok()?.path()));
    folders.filter(|folder| name_of(folder, &HWMON).as_deref() == Some(name)).min()
}

/// A hwmon device says its name in a file; a power supply's is its folder's.
fn name_of(folder: &Path, files: &Files) -> Option<String> {
    if files.class == HWMON.class {
        return fs::read_to_string(folder.join("name")).ok().map(|name| name.trim().to_owned());
    }
    Some(folder.file_name()?.to_str()?.to_owned())
}

/// What the device belongs to: bus and address for a chip on I2C, `1-0040`.
fn chip_of(folder: &Path) -> Option<String> {
    let target = fs::read_link(folder.join("device")).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}
