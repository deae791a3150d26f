//! The board gets enough voltage: the first suspect when chips drop out.

use std::fs;

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;

pub(super) fn judge(facts: &Facts) -> Verdict {
    let folder = facts.root.join("sys/class/hwmon");
    let sensors = fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let named = |path: &std::path::PathBuf| {
        fs::read_to_string(path.join("name")).is_ok_and(|name| name.trim() == "rpi_volt")
    };
    let Some(sensor) = sensors.filter(named).min() else {
        return Verdict::Skipped("this board does not tell (no hwmon rpi_volt)".to_owned());
    };
    match fs::read_to_string(sensor.join("in0_lcrit_alarm")).as_deref().map(str::trim) {
        Ok("0") => Verdict::Ok("the supply holds".to_owned()),
        Ok(_) => Verdict::failed(
            "power.under_voltage",
            "the board gets less than 4.63 V",
            "use the board's own power supply (5.1 V) and a short, thick cable; take USB devices off",
        ),
        Err(error) => Verdict::Skipped(format!("{} cannot be read ({error})", sensor.display())),
    }
}
