//! The current is one that this shunt and this pack can have.

use crate::battery::Response;
use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;
use crate::sensor::SHUNT_OUT_OF_RANGE;

/// A current beyond this part of the shunt's rating is not what the installation was made for.
const OVERLOAD: f64 = 1.2;
/// A current beyond this, in A for each Ah of capacity, is more than packs are built for.
const MOST_C: f64 = 3.0;
const REMEDY: &str = "set SHUNT to what is printed on it (100A/75mV), or its resistance; many boards carry one of their own (0.1ohm, 0.01ohm, 2mohm)";

pub(super) fn judge(facts: &Facts) -> Verdict {
    if let Some(trouble) = facts.sensor_trouble().filter(|trouble| trouble.kind == SHUNT_OUT_OF_RANGE) {
        return Verdict::failed_as_said("shunt.out_of_range", &trouble.words);
    }
    let (Some(reading), Some(config)) = (facts.reading(), facts.settings()) else {
        return super::nobody_can_tell(facts);
    };
    let amps = match reading {
        Ok((_, Some(amps))) => amps,
        Ok((_, None)) => return Verdict::Skipped("this wiring measures no current".to_owned()),
        Err(trouble) if trouble.kind == SHUNT_OUT_OF_RANGE => {
            return Verdict::failed_as_said("shunt.out_of_range", &trouble.words);
        }
        Err(_) => return Verdict::Skipped("the bus voltage is out of range".to_owned()),
    };
    let pack = config.pack();
    if let Some(rated) = config.shunt.rated_amps.filter(|rated| amps.abs() > rated * OVERLOAD) {
        return Verdict::failed(
            "shunt.wrong",
            format!("{amps:+.1} A are more than a shunt of {rated} A is for"),
            REMEDY,
        );
    }
    if amps.abs() > MOST_C * pack.capacity_ah {
        return Verdict::failed(
            "shunt.wrong",
            format!("{amps:+.1} A are more than a pack of {} Ah can give or take", pack.capacity_ah),
            REMEDY,
        );
    }
    let wrong = |what: &str, ohms: f64| {
        let ohms = ohms * 1e3;
        Verdict::failed(
            "shunt.wrong",
            format!(
                "the current must be {what} than what is read: the voltage follows it as if the pack had {ohms:.2} mΩ"
            ),
            REMEDY,
        )
    };
    match facts.response() {
        Response::AmpsTooHigh { ohms } => wrong("less", ohms),
        Response::AmpsTooLow { ohms } => wrong("more", ohms),
        Response::Plausible { ohms } => {
            Verdict::Ok(format!("{amps:+.2} A; the voltage follows it as in a pack of {:.1} mΩ", ohms * 1e3))
        }
        Response::Unknown | Response::Reversed => {
            Verdict::Ok(format!("{amps:+.2} A; compare it with a clamp meter"))
        }
    }
}
