//! What the battery's temperature forbids.

use super::{Flag, Flags, Limits};

/// Hysteresis of the limits, in K.
const BACK: f64 = 2.0;

/// Sets and clears the flags of the temperature by what it is; without one there is nothing to forbid.
pub(super) fn judge(flags: &mut Flags, celsius: Option<f64>, limits: &Limits) {
    let beyond =
        |limit: f64, sign: f64| celsius.map_or(f64::NEG_INFINITY, |celsius| sign * (celsius - limit));
    for (flag, over) in [
        (Flag::Overheat, beyond(limits.hottest, 1.0)),
        (Flag::UnderTemp, beyond(limits.coldest, -1.0)),
        (Flag::ChargeTooCold, beyond(limits.coldest_charge, -1.0)),
        (Flag::ChargeTooHot, beyond(limits.hottest_charge, 1.0)),
    ] {
        // Set already is no more than hysteresis: it goes by itself.
        let back = if flags.has(flag) { -BACK } else { 0.0 };
        if over > back { flags.set(flag) } else { flags.clear(flag) }
    }
}
