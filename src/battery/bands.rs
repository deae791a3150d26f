//! What a voltage under a current says of the state of charge: a band for each known curve.
//!
//! The band is as wide as all that is not known: the sensor's error, hysteresis, resistance, and how far the surface of
//! the particles is ahead of their mean. On the plateau of LFP that is most of the range, at a knee little.

use super::Chemistry;
use super::ocv::soc_at;
use super::per_curve::{Bands, PerCurve};
use super::polarisation::{Cell, Polarisation};

/// Lead-acid: while more than this share of the capacity per hour has flowed in of late, or any at all just now, the voltage tells of the
/// surface of the plates alone.
const SURFACE_CHARGE: f64 = 0.002;
const SURFACE_SECONDS: f64 = 300.0;

/// The bands for the averaged voltage; `error` is the sensor's in V per cell.
pub(super) fn bands(chemistry: Chemistry, polarisation: &Polarisation, error: f64) -> Bands {
    let cell = Cell::of(chemistry);
    let doubt = error + cell.doubt;
    let (least, most) = polarisation.ohmic_range(chemistry);
    let c = polarisation.c_rate;
    // What the current adds to the cell's own voltage, at least and at most.
    let (adds_least, adds_most) = if c > 0.0 { (least * c, most * c) } else { (most * c, least * c) };
    let (low, high) = (polarisation.volts - adds_most - doubt, polarisation.volts - adds_least + doubt);
    let ahead = cell.ahead * polarisation.sluggishness(chemistry);
    let [short, long] = polarisation.lag;
    let unseen = polarisation.unseen;
    let (above, below) =
        (ahead * (short.max(long).max(0.0) + unseen), ahead * (short.min(long).min(0.0) - unseen));
    let charged = polarisation.since_charge < SURFACE_SECONDS
        || short.max(long).max(polarisation.charging) > SURFACE_CHARGE;
    let blind = chemistry == Chemistry::LeadAcid && charged;
    let bands = PerCurve::each(chemistry, |curve| {
        let lowest = if blind { 0.0 } else { (soc_at(curve, low) - above).max(0.0) };
        (lowest, (soc_at(curve, high) - below).min(100.0))
    });
    match chemistry {
        // The steps of the known cells are at other states of charge, below the plateau and in it; a cell between two of them
        // may have them anywhere between.
        Chemistry::Lfp => bands.halfway_to_the_next(),
        // By a good sensor's voltage the known cells are further apart than all that is in doubt.
        Chemistry::Nmc => bands.joined(),
        Chemistry::LeadAcid => bands,
    }
}

/// The likeliest states of charge by the averaged voltage, in %.
pub(super) fn middles(chemistry: Chemistry, polarisation: &Polarisation) -> PerCurve<f64> {
    let cell = Cell::of(chemistry);
    let volts = polarisation.volts - polarisation.likely_ohmic(chemistry) * polarisation.c_rate;
    let [short, long] = polarisation.lag;
    let ahead = cell.ahead * polarisation.sluggishness(chemistry) * 0.5 * f64::midpoint(short, long);
    PerCurve::each(chemistry, |curve| (soc_at(curve, volts) - ahead).clamp(0.0, 100.0))
}
