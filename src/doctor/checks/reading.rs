//! The voltage is one that this pack can have.

use crate::battery::Chemistry;
use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;
use crate::sensor::BUS_OUT_OF_RANGE;

/// Below this, in V, nothing is connected.
const NOTHING: f64 = 0.5;

pub(super) fn judge(facts: &Facts) -> Verdict {
    if let Some(trouble) = facts.sensor_trouble().filter(|trouble| trouble.kind == BUS_OUT_OF_RANGE) {
        return Verdict::failed_as_said("reading.out_of_range", &trouble.words);
    }
    let (Some(reading), Some(pack)) = (facts.reading(), facts.pack()) else {
        return super::nobody_can_tell(facts);
    };
    let volts = match reading {
        Ok((volts, _)) => volts,
        Err(trouble) if trouble.kind == BUS_OUT_OF_RANGE => {
            return Verdict::failed_as_said("reading.out_of_range", &trouble.words);
        }
        Err(_) => return Verdict::Skipped("the shunt's voltage is out of range".to_owned()),
    };
    let cell = volts / f64::from(pack.cells_series);
    let (low, high) = possible(pack.chemistry);
    if volts < NOTHING {
        return Verdict::failed(
            "reading.no_voltage",
            format!("the chip answers and measures {volts:.2} V: no battery is connected to its bus pin"),
            "check the wire from the battery's plus to the bus pin (VBUS, IN−) and its fuse",
        );
    }
    if cell < low || cell > high {
        return Verdict::failed(
            "reading.implausible",
            format!(
                "{volts:.2} V are {cell:.2} V for each of {} cells, which have {low:.1} to {high:.1} V",
                pack.cells_series
            ),
            "check CELLS_SERIES, CHEMISTRY and DIVIDER; measure the pack with a multimeter",
        );
    }
    Verdict::Ok(format!("{volts:.2} V, {cell:.3} V for each of {} cells", pack.cells_series))
}

/// What a cell's voltage can be, in V, from an empty one under load to a full one that charges.
fn possible(chemistry: Chemistry) -> (f64, f64) {
    match chemistry {
        Chemistry::Lfp => (2.0, 3.8),
        Chemistry::Nmc => (2.5, 4.4),
        Chemistry::LeadAcid => (1.5, 2.8),
    }
}
