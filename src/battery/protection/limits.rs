//! The limits of a battery: a chemistry's usual ones, which the configuration may change.

use crate::battery::{Chemistry, Pack};

/// Limits of one battery. Voltages are per cell, states of charge in %, times in s, temperatures in °C.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Charging stops here even without a full sync: above the charger's voltage, or no charge would ever complete.
    pub over_volts: f64,
    /// For so long.
    pub over_seconds: f64,
    /// Loads are cut here.
    pub empty_volts: f64,
    /// For so long: a motor that starts is no empty battery.
    pub empty_seconds: f64,
    /// Loads are cut when the lower end of the interval is here.
    pub empty_soc: f64,
    /// For so long.
    pub empty_soc_seconds: f64,
    /// A warning when the lower end of the interval is here.
    pub warn_soc: f64,
    /// An interval wider than this decides nothing.
    pub widest: f64,
    /// A full battery may be charged again when the upper end of the interval is below this.
    pub charge_again_below: f64,
    /// Loads are allowed again after so much net charge.
    pub recharge_seconds: f64,
    /// Where no current is measured, a cell is being charged above this: an empty one does not rebound so far.
    pub rebound_volts: f64,
    /// The largest charging current, in A.
    pub charge_amps: f64,
    /// The largest load, in A.
    pub load_amps: f64,
    /// An over-current lasts at least so long.
    pub over_current_seconds: f64,
    /// Currents below this are none, in A.
    pub dead_band_amps: f64,
    /// No use below.
    pub coldest: f64,
    /// No use above.
    pub hottest: f64,
    /// No charging below: metal plates out in lithium cells.
    pub coldest_charge: f64,
    /// No charging above.
    pub hottest_charge: f64,
    /// Without readings for so long nothing is allowed.
    pub blind_seconds: f64,
    /// Whether a temperature probe is configured.
    pub has_probe: bool,
    /// A probe that is silent for so long is lost.
    pub probe_seconds: f64,
    /// Whether the battery may be charged without its temperature while the probe is lost: lithium may not.
    pub charge_without_probe: bool,
}

/// How far the voltage at which loads come back is at least above the one that cut them, in V per cell.
const ABOVE_EMPTY: f64 = 0.1;
/// How far the voltage that stops a charge is above the charger's, in V per cell.
const ABOVE_CHARGER: f64 = 0.06;

impl Limits {
    /// The usual limits of this pack, charged up to `full_cell_volts`.
    pub fn usual(pack: &Pack, full_cell_volts: f64) -> Self {
        let (least_over, empty_volts, rebound_volts): (f64, f64, f64) = match pack.chemistry {
            Chemistry::Lfp => (3.65, 42.0 / 16.0, 3.30),
            Chemistry::Nmc => (4.25, 3.00, 3.60),
            Chemistry::LeadAcid => (2.50, 1.80, 2.12),
        };
        let (coldest, hottest, coldest_charge, hottest_charge) = match pack.chemistry {
            Chemistry::Lfp => (-20.0, 60.0, 0.0, 50.0),
            Chemistry::Nmc => (-20.0, 60.0, 0.0, 45.0),
            Chemistry::LeadAcid => (-30.0, 55.0, -20.0, 50.0),
        };
        Self {
            over_volts: least_over.max(full_cell_volts + ABOVE_CHARGER),
            over_seconds: 5.0,
            empty_volts,
            empty_seconds: 10.0,
            empty_soc: 5.0,
            empty_soc_seconds: 60.0,
            warn_soc: 15.0,
            widest: 40.0,
            charge_again_below: 95.0,
            recharge_seconds: 600.0,
            rebound_volts,
            charge_amps: pack.capacity_ah,
            load_amps: 3.0 * pack.capacity_ah,
            over_current_seconds: 10.0,
            dead_band_amps: pack.capacity_ah * 0.005,
            coldest,
            hottest,
            coldest_charge,
            hottest_charge,
            blind_seconds: 60.0,
            has_probe: false,
            probe_seconds: 60.0,
            charge_without_probe: pack.chemistry == Chemistry::LeadAcid,
        }
    }

    /// The voltage of a cell above which charge is coming in, where no current is measured.
    pub(super) fn charging_volts(&self) -> f64 {
        self.rebound_volts.max(self.empty_volts + ABOVE_EMPTY)
    }
}
