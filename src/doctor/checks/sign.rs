//! Charging shows as charging.

use crate::battery::{Chemistry, Response};
use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;
use crate::sensor::CurrentSign;

/// A current below this, in A for each Ah of capacity, says nothing.
const CURRENT_C: f64 = 0.03;

pub(super) fn judge(facts: &Facts) -> Verdict {
    let (Some(reading), Some(config)) = (facts.reading(), facts.settings()) else {
        return super::nobody_can_tell(facts);
    };
    let Ok((volts, Some(amps))) = reading else {
        return Verdict::Skipped("this wiring measures no current".to_owned());
    };
    let pack = config.pack();
    let other = match config.current_sign {
        CurrentSign::Normal => "inverted",
        CurrentSign::Inverted => "normal",
    };
    let reversed = |why: String| {
        Verdict::failed(
            "sign.reversed",
            why,
            format!("set CURRENT_SIGN={other}, or exchange the shunt's two sense wires"),
        )
    };
    if facts.response() == Response::Reversed {
        return reversed(
            "the voltage falls when the current rises: the current has the wrong sign".to_owned(),
        );
    }
    let cell = volts / f64::from(pack.cells_series);
    let (load, charge) = limits(pack.chemistry);
    let matters = amps.abs() > CURRENT_C * pack.capacity_ah;
    if matters && amps < 0.0 && cell > charge {
        return reversed(format!(
            "{amps:+.1} A say that it discharges, but {cell:.2} V a cell are only there while it charges"
        ));
    }
    if matters && amps > 0.0 && cell < load {
        return reversed(format!(
            "{amps:+.1} A say that it charges, but {cell:.2} V a cell are only there under load"
        ));
    }
    let doing = if !matters {
        return Verdict::Ok(format!("{amps:+.2} A: too little to tell the direction"));
    } else if amps > 0.0 {
        "charges"
    } else {
        "discharges"
    };
    match facts.response() {
        Response::Plausible { .. } => Verdict::Ok(format!("it {doing}; the voltage agrees")),
        _ => Verdict::Ok(format!("it {doing}; if it does not, set CURRENT_SIGN={other}")),
    }
}

/// A cell below the first has a load, above the second a charger, in V.
fn limits(chemistry: Chemistry) -> (f64, f64) {
    match chemistry {
        Chemistry::Lfp => (2.9, 3.42),
        Chemistry::Nmc => (3.2, 4.21),
        Chemistry::LeadAcid => (1.9, 2.2),
    }
}
