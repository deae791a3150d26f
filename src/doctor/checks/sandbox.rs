//! The unit's sandbox lets the service at the bus.

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;

/// `EPERM`: the answer of the kernel's device controller.
const FORBIDDEN: i32 = 1;
const REMEDY: &str = "give the unit the line DeviceAllow=char-i2c rw (systemctl edit ems-edge), then systemctl restart ems-edge";

pub(super) fn judge(facts: &Facts) -> Verdict {
    let Some(config) = facts.settings().filter(|_| facts.has_chip()) else {
        return Verdict::Skipped("SENSOR=simulated needs no device".to_owned());
    };
    let bus = config.i2c_bus.display().to_string();
    if facts
        .sensor_trouble()
        .is_some_and(|trouble| trouble.kind == "open" && trouble.errno == Some(FORBIDDEN))
    {
        return Verdict::failed("sandbox.device", format!("the service's sandbox forbids {bus}"), REMEDY);
    }
    let Some(unit) = facts.unit() else {
        return Verdict::Skipped("there is no unit of systemd".to_owned());
    };
    let policy = unit.get("DevicePolicy").unwrap_or("auto");
    let allowed = unit.get("DeviceAllow").unwrap_or_default();
    let named = allowed.split(['\n', ';']).any(|entry| {
        let mut words = entry.split_whitespace();
        let device = words.next().unwrap_or_default();
        let may = words.next().unwrap_or("rwm");
        (device == "char-i2c" || device == "char-*" || device == bus)
            && may.contains('r')
            && may.contains('w')
    });
    let is_open = policy == "auto" && allowed.is_empty();
    if named || is_open {
        Verdict::Ok(format!("the unit allows {bus}"))
    } else {
        Verdict::failed(
            "sandbox.device",
            format!("the unit's sandbox (DevicePolicy={policy}) does not allow {bus}"),
            REMEDY,
        )
    }
}
