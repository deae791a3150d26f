//! Open-circuit voltage of a cell at rest, and what it tells of the state of charge.

use super::Chemistry;
use super::ocv_points::{LEAD_ACID, LFP_A, LFP_B, NMC_A, NMC_B, NMC_C, Points};

/// The known cells of a chemistry: the truth is taken to be like one of them, which one is learned.
pub fn curves(chemistry: Chemistry) -> &'static [&'static [(f64, f64)]] {
    match chemistry {
        Chemistry::Lfp => &[LFP_A, LFP_B],
        Chemistry::Nmc => &[NMC_A, NMC_B, NMC_C],
        Chemistry::LeadAcid => &[LEAD_ACID],
    }
}

/// The states of charge, lowest and highest in %, at which a cell at rest can have a voltage from `low` to `high`
/// (V, 25 °C): as wide as the known cells of the chemistry differ.
pub(super) fn soc_range(chemistry: Chemistry, low: f64, high: f64) -> (f64, f64) {
    curves(chemistry).iter().fold((100.0, 0.0), |(lowest, highest), curve| {
        (soc_at(curve, low).min(lowest), soc_at(curve, high).max(highest))
    })
}

/// Open-circuit voltages of the chemistry's known cells at 0 % and 100 %, lowest and highest, in V.
pub(super) fn voltage_range(chemistry: Chemistry) -> (f64, f64) {
    curves(chemistry).iter().fold((f64::INFINITY, 0.0), |(lowest, highest), curve| {
        let ends = (curve.first().map_or(lowest, |(_, v)| *v), curve.last().map_or(highest, |(_, v)| *v));
        (ends.0.min(lowest), ends.1.max(highest))
    })
}

/// The state of charge in % at which a resting cell of this curve has so many `volts`: linear between the points, 0 or
/// 100 beyond them.
pub(super) fn soc_at(curve: Points, volts: f64) -> f64 {
    let above = curve.partition_point(|(_, v)| *v < volts);
    match (above.checked_sub(1).and_then(|below| curve.get(below)), curve.get(above)) {
        (Some((soc_0, v_0)), Some((soc_1, v_1))) => soc_0 + (soc_1 - soc_0) * (volts - v_0) / (v_1 - v_0),
        (None, _) => 0.0,
        (_, None) => 100.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The curves as published at some points that were not all kept: (curve, state of charge in %, V).
    const PUBLISHED: [(Points, f64, f64); 19] = [
        (LFP_A, 5.0, 2.7853),
        (LFP_A, 25.0, 3.1857),
        (LFP_A, 50.0, 3.2660),
        (LFP_A, 90.0, 3.3142),
        (LFP_B, 5.0, 3.1642),
        (LFP_B, 20.0, 3.2424),
        (LFP_B, 60.0, 3.2928),
        (NMC_A, 10.0, 3.2959),
        (NMC_A, 50.0, 3.7509),
        (NMC_A, 95.0, 4.1235),
        (NMC_B, 15.0, 3.5277),
        (NMC_B, 50.0, 3.7872),
        (NMC_B, 85.0, 4.0304),
        (NMC_C, 10.0, 3.2553),
        (NMC_C, 15.0, 3.3759),
        (NMC_C, 50.0, 3.6790),
        (NMC_C, 85.0, 4.0630),
        (LEAD_ACID, 10.0, 1.9848),
        (LEAD_ACID, 50.0, 2.0688),
    ];

    #[test]
    fn each_curve_rises_strictly_from_0_to_100_percent() {
        for chemistry in [Chemistry::Lfp, Chemistry::Nmc, Chemistry::LeadAcid] {
            for curve in curves(chemistry) {
                assert_eq!((curve[0].0, curve[curve.len() - 1].0), (0.0, 100.0));
                assert!(curve.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1), "{chemistry:?}");
            }
        }
    }

    #[test]
    fn the_thinned_curves_stay_within_2_millivolts_of_the_published_ones() {
        for (curve, soc, volts) in PUBLISHED {
            let (low, high) = (soc_at(curve, volts - 0.0021), soc_at(curve, volts + 0.0021));
            assert!(low <= soc && soc <= high, "{soc} % at {volts} V: {low} to {high}");
        }
    }

    #[test]
    fn beyond_the_curve_a_cell_is_empty_or_full() {
        assert_eq!(soc_range(Chemistry::Lfp, 0.0, 1.0), (0.0, 0.0));
        assert_eq!(soc_range(Chemistry::Lfp, 3.7, 9.0), (100.0, 100.0));
    }

    #[test]
    fn the_plateau_of_lfp_tells_little_and_its_knee_much() {
        let (low, high) = soc_range(Chemistry::Lfp, 3.26, 3.30);
        assert!(high - low > 30.0, "{low} to {high}");
        let (low, high) = soc_range(Chemistry::Lfp, 3.42, 3.46);
        assert!(high - low < 2.0, "{low} to {high}");
    }
}
