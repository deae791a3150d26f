//! A battery pack as an equivalent circuit: open-circuit voltage, series resistance and one RC pair.

use std::time::Duration;

/// What a pack is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct PackParameters {
    /// Cells in series.
    pub cells_series: u16,
    /// True capacity in Ah.
    pub capacity_ah: f64,
    /// Open-circuit voltage of a cell in V over its state of charge from 0 to 1, both ascending.
    pub open_circuit: &'static [(f64, f64)],
    /// Series resistance of the whole pack in Ω.
    pub series_ohms: f64,
    /// Resistance of the RC pair in Ω: the slow part of the voltage drop.
    pub diffusion_ohms: f64,
    /// Time constant of the RC pair in s.
    pub diffusion_seconds: f64,
    /// Terminal voltage at which the charger holds, in V a cell.
    pub charge_cell_volts: f64,
    /// State of charge, 0 to 1, at which the battery management opens the discharge path.
    pub empty: f64,
}

impl PackParameters {
    /// A 51.2 V, 100 Ah pack of 16 `LiFePO4` cells.
    pub fn lfp_16s_100ah() -> Self {
        Self {
            cells_series: 16,
            capacity_ah: 100.0,
            open_circuit: LFP,
            series_ohms: 12e-3,
            diffusion_ohms: 8e-3,
            diffusion_seconds: 45.0,
            charge_cell_volts: 3.55,
            empty: 0.03,
        }
    }
}

/// A typical `LiFePO4` cell at 25 °C: flat between two knees. Hysteresis is left out.
const LFP: &[(f64, f64)] = &[
    (0.00, 2.50),
    (0.02, 2.80),
    (0.05, 3.00),
    (0.10, 3.17),
    (0.15, 3.215),
    (0.20, 3.240),
    (0.30, 3.275),
    (0.40, 3.288),
    (0.50, 3.294),
    (0.60, 3.300),
    (0.68, 3.318),
    (0.75, 3.328),
    (0.90, 3.334),
    (0.96, 3.342),
    (0.98, 3.370),
    (1.00, 3.500),
];

/// A pack with a state of charge. Currents: + = charging.
#[derive(Debug, Clone)]
pub struct Pack {
    parameters: PackParameters,
    soc: f64,
    diffusion_volts: f64,
    amps: f64,
}

impl Pack {
    /// A rested pack at `soc`, 0 to 1.
    pub fn new(parameters: PackParameters, soc: f64) -> Self {
        Self { parameters, soc: soc.clamp(0.0, 1.0), diffusion_volts: 0.0, amps: 0.0 }
    }

    /// Lets `elapsed` pass while the system around the pack wants to put `amps` into it. The charger tapers
    /// at its voltage and the discharge path opens when the pack is empty, so less may flow: [`amps`](Self::amps).
    pub fn advance(&mut self, elapsed: Duration, amps: f64) {
        let seconds = elapsed.as_secs_f64();
        let p = &self.parameters;
        let headroom = p.charge_cell_volts * f64::from(p.cells_series) - self.open_circuit_volts();
        let taper = ((headroom - self.diffusion_volts) / p.series_ohms).max(0.0);
        let floor = if self.soc <= p.empty { 0.0 } else { f64::NEG_INFINITY };
        self.amps = amps.min(taper).max(floor);
        let settled = self.amps * p.diffusion_ohms;
        self.diffusion_volts =
            settled + (self.diffusion_volts - settled) * (-seconds / p.diffusion_seconds).exp();
        self.soc = (self.soc + self.amps * seconds / (3600.0 * p.capacity_ah)).clamp(0.0, 1.0);
    }

    /// Voltage at the terminals in V.
    pub fn volts(&self) -> f64 {
        self.open_circuit_volts() + self.amps * self.parameters.series_ohms + self.diffusion_volts
    }

    /// Current that flows in A, + = charging.
    pub fn amps(&self) -> f64 {
        self.amps
    }

    /// True state of charge, 0 to 1.
    pub fn soc(&self) -> f64 {
        self.soc
    }

    fn open_circuit_volts(&self) -> f64 {
        interpolate(self.parameters.open_circuit, self.soc) * f64::from(self.parameters.cells_series)
    }
}

/// `table`'s value at `x`, linear between its points and constant beyond its ends; 0 for an empty table.
fn interpolate(table: &[(f64, f64)], x: f64) -> f64 {
    let above = table.partition_point(|&(point, _)| point < x);
    match (above.checked_sub(1).and_then(|below| table.get(below)), table.get(above)) {
        (Some(&(x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        (Some(&(_, y)), None) | (None, Some(&(_, y))) => y,
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn run(pack: &mut Pack, amps: f64, seconds: u32) {
        for _ in 0..seconds {
            pack.advance(Duration::from_secs(1), amps);
        }
    }

    #[test]
    fn ten_amps_for_an_hour_are_ten_percent_of_100_ah() {
        let mut pack = Pack::new(PackParameters::lfp_16s_100ah(), 0.5);
        pack.advance(HOUR, -10.0);
        assert!((pack.soc() - 0.4).abs() < 1e-9);
    }

    #[test]
    fn a_load_pulls_the_voltage_down_at_once_and_then_slowly_and_rest_brings_it_back() {
        let mut pack = Pack::new(PackParameters::lfp_16s_100ah(), 0.5);
        let rested = pack.volts();
        run(&mut pack, -40.0, 1);
        let at_once = rested - pack.volts();
        run(&mut pack, -40.0, 240);
        let settled = rested - pack.volts();
        run(&mut pack, 0.0, 600);
        assert!((0.48..0.50).contains(&at_once), "{at_once}");
        assert!((0.78..0.90).contains(&settled), "{settled}");
        assert!((rested - pack.volts()).abs() < 0.05);
    }

    #[test]
    fn the_charger_holds_its_voltage_and_the_current_tapers_until_the_pack_is_full() {
        let mut pack = Pack::new(PackParameters::lfp_16s_100ah(), 0.97);
        for _ in 0..7200 {
            pack.advance(Duration::from_secs(1), 50.0);
            assert!(pack.volts() <= 16.0 * 3.55 + 0.02, "{}", pack.volts());
        }
        assert!(pack.soc() > 0.995);
        run(&mut pack, 50.0, 1);
        assert!(pack.amps() < 50.0, "{}", pack.amps());
    }

    #[test]
    fn an_empty_pack_gives_no_more_current_but_takes_some() {
        let mut pack = Pack::new(PackParameters::lfp_16s_100ah(), 0.04);
        run(&mut pack, -50.0, 3600);
        assert!(pack.amps().abs() < 1e-12);
        assert!((0.0..=0.031).contains(&pack.soc()));
        run(&mut pack, 5.0, 1);
        assert!((pack.amps() - 5.0).abs() < 1e-12);
    }

    #[test]
    fn open_circuit_tables_ascend() {
        assert!(LFP.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1));
        assert!((interpolate(LFP, -1.0) - 2.5).abs() < 1e-12 && (interpolate(LFP, 2.0) - 3.5).abs() < 1e-12);
        assert!((interpolate(LFP, 0.01) - 2.65).abs() < 1e-12);
    }
}
