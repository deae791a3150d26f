//! I2C is enabled.

use std::fs;

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;

/// Where the boot loader of a Raspberry Pi reads its settings: since Debian 12, and before.
const CONFIG_TXT: [&str; 2] = ["boot/firmware/config.txt", "boot/config.txt"];

pub(super) fn judge(facts: &Facts) -> Verdict {
    let Some(config) = facts.settings().filter(|_| facts.has_chip()) else {
        return Verdict::Skipped("SENSOR=simulated needs none".to_owned());
    };
    let buses = buses(facts);
    if config.i2c_bus.exists() || !buses.is_empty() {
        return Verdict::Ok(format!(
            "there is {}",
            buses.first().cloned().unwrap_or_else(|| config.i2c_bus.display().to_string())
        ));
    }
    let file =
        CONFIG_TXT.iter().find_map(|path| Some((path, fs::read_to_string(facts.root.join(path)).ok()?)));
    let Some((path, text)) = file else {
        return Verdict::failed(
            "i2c.off",
            "there is no I2C bus in /dev",
            "on a Raspberry Pi write dtparam=i2c_arm=on into config.txt and reboot; elsewhere load the adapter's module",
        );
    };
    if !is_enabled(&text) {
        return Verdict::failed(
            "i2c.off",
            format!("I2C is off: there is no I2C bus in /dev, and /{path} does not enable it"),
            format!("write the line dtparam=i2c_arm=on into /{path} and reboot"),
        );
    }
    if facts.root.join("sys/module/i2c_dev").exists() {
        Verdict::failed(
            "i2c.reboot",
            format!("/{path} enables I2C, but there is no I2C bus in /dev"),
            "reboot; if that does not help, dmesg | grep i2c says why",
        )
    } else {
        Verdict::failed(
            "i2c.module",
            format!("/{path} enables I2C, but the module i2c-dev is not loaded"),
            "sudo modprobe i2c-dev, and write i2c-dev into /etc/modules-load.d/i2c.conf",
        )
    }
}

/// The buses in `/dev`.
fn buses(facts: &Facts) -> Vec<String> {
    let Ok(entries) = fs::read_dir(facts.root.join("dev")) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.retain(|name| name.strip_prefix("i2c-").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit())));
    names.sort();
    names.into_iter().map(|name| format!("/dev/{name}")).collect()
}

/// Whether a line `dtparam=…i2c_arm=on` holds; the last one decides.
fn is_enabled(text: &str) -> bool {
    let values = text.lines().filter_map(|line| line.trim().strip_prefix("dtparam="));
    let mut parameters = values.flat_map(|list| list.split(',')).map(str::trim).rev();
    // `i2c` is another name of `i2c_arm`, and a name alone means on.
    let last = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, "on"));
        ["i2c_arm", "i2c", "i2c1"].contains(&name).then_some(value)
    });
    matches!(last, Some("on" | "true" | "yes" | "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_enables_i2c_unless_it_is_a_comment_or_a_later_one_takes_it_back() {
        for on in
            ["dtparam=i2c_arm=on", "dtparam=audio=on,i2c_arm=on", "a=b\n dtparam=i2c_arm\n", "dtparam=i2c=on"]
        {
            assert!(is_enabled(on), "{on}");
        }
        for off in [
            "",
            "#dtparam=i2c_arm=on",
            "dtparam=i2c_arm=off",
            "dtparam=i2c_arm=on\ndtparam=i2c_arm=off",
            "dtparam=spi=on",
        ] {
            assert!(!is_enabled(off), "{off}");
        }
    }
}
