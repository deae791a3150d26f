//! A cell in more detail than the demo needs: diffusion, hysteresis, temperature, gassing. One cell stands for the pack.

/// Open-circuit voltage of a cell in V over its state of charge in %, both ascending.
pub type Curve = Vec<(f64, f64)>;

/// What a cell is made of. Currents are multiples of the true capacity per hour (C), positive while charging.
#[derive(Debug, Clone, PartialEq)]
pub struct CellParameters {
    /// Open-circuit voltage.
    pub curve: Curve,
    /// Ohmic and charge-transfer resistance at 25 °C, in V at 1 C.
    pub ohmic: f64,
    /// How much the resistance shrinks at high currents: the current in C at which it is down to 88 %.
    pub kinetic: f64,
    /// By how much the surface of the particles is ahead of their mean at 1 C and 25 °C, fast and slow part, in %.
    pub ahead: [f64; 2],
    /// Time constants of both parts, in s.
    pub lag_seconds: [f64; 2],
    /// Half the width of the hysteresis, in V.
    pub hysteresis: f64,
    /// Lead-acid: resistance to charging that grows towards full, in V at 1 C times the share that is left.
    pub acceptance: f64,
    /// Lead-acid: current lost as gas at 2.40 V, in C.
    pub gassing: f64,
    /// Change of the open-circuit voltage with temperature, in V per K.
    pub volts_per_kelvin: f64,
    /// Warming by 1 C against the surroundings, in K per C².
    pub warming: f64,
}

/// Charge in % over which the hysteresis turns round.
const HYSTERESIS_PERCENT: f64 = 3.0;
/// Activation of resistance and diffusion, in K: 3.8 times as much at 0 °C as at 25 °C.
const ACTIVATION_KELVIN: f64 = 4350.0;
const WARM_KELVIN: f64 = 298.15;
/// Time constant of the cell's temperature, in s.
const THERMAL_SECONDS: f64 = 3000.0;

/// A cell with a state of charge.
#[derive(Debug, Clone)]
pub struct Cell {
    parameters: CellParameters,
    soc: f64,
    lag: [f64; 2],
    hysteresis: f64,
    celsius: f64,
    c_rate: f64,
}

impl Cell {
    /// A rested cell at `soc` in %, as warm as its surroundings.
    pub fn new(parameters: CellParameters, soc: f64, celsius: f64) -> Self {
        Self { parameters, soc, lag: [0.0; 2], hysteresis: 0.0, celsius, c_rate: 0.0 }
    }

    /// Lets `seconds` pass while `wanted` C are asked for; less flows above `full_volts` and below `empty_volts`.
    /// Returns the current in C that flows.
    pub fn advance(
        &mut self,
        wanted: f64,
        seconds: f64,
        celsius: f64,
        (empty_volts, full_volts): (f64, f64),
    ) -> f64 {
        let slow = self.slowness();
        let inner = self.inner_volts(slow);
        let mut c = wanted;
        let highest = (full_volts - inner) / self.resistance(slow, c.max(1e-3));
        if c > highest {
            c = highest.max(0.0);
        }
        if c < 0.0 && inner + c * self.resistance(slow, c) < empty_volts {
            c = 0.0;
        }
        // An empty cell gives nothing.
        c = c.max(-self.soc * 36.0 / seconds);
        let volts = inner + c * self.resistance(slow, c);
        let p = &self.parameters;
        let gas =
            if c > 0.0 && p.gassing > 0.0 { (p.gassing * ((volts - 2.40) / 0.25).exp()).min(c) } else { 0.0 };
        let percent = (c - gas) * seconds / 36.0;
        self.soc = (self.soc + percent).clamp(0.0, 100.0);
        for (lag, time) in self.lag.iter_mut().zip(p.lag_seconds) {
            *lag += (c - *lag) * seconds / (time + seconds);
        }
        let turn = (percent.abs() / HYSTERESIS_PERCENT).min(1.0);
        if percent.abs() > 0.0 {
            self.hysteresis += (c.signum() - self.hysteresis) * turn;
        }
        self.celsius += (celsius + p.warming * c * c - self.celsius) * seconds / THERMAL_SECONDS;
        self.c_rate = c;
        c
    }

    /// Voltage at the terminals.
    pub fn volts(&self) -> f64 {
        let slow = self.slowness();
        self.inner_volts(slow) + self.c_rate * self.resistance(slow, self.c_rate)
    }

    /// True state of charge in %.
    pub fn soc(&self) -> f64 {
        self.soc
    }

    fn slowness(&self) -> f64 {
        (ACTIVATION_KELVIN * (1.0 / (self.celsius + 273.15) - 1.0 / WARM_KELVIN)).exp()
    }

    fn inner_volts(&self, slow: f64) -> f64 {
        let p = &self.parameters;
        let ahead: f64 = p.ahead.iter().zip(self.lag).map(|(ahead, lag)| ahead * slow.sqrt() * lag).sum();
        interpolate(&p.curve, self.soc + ahead)
            + p.hysteresis * self.hysteresis
            + p.volts_per_kelvin * (self.celsius - 25.0)
    }

    fn resistance(&self, slow: f64, c: f64) -> f64 {
        let p = &self.parameters;
        let x = (c / p.kinetic).abs().max(1e-6);
        let kinetic = p.ohmic * slow * (0.5 + 0.5 * x.asinh() / x);
        let acceptance = if c > 0.0 { p.acceptance / (1.015 - self.soc / 100.0) } else { 0.0 };
        kinetic + acceptance
    }
}

/// `curve`'s value at `x`, straight on beyond its ends.
pub(crate) fn interpolate(curve: &[(f64, f64)], x: f64) -> f64 {
    let above = curve.partition_point(|&(point, _)| point < x).clamp(1, curve.len().saturating_sub(1).max(1));
    match (curve.get(above - 1), curve.get(above)) {
        (Some(&(x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        (Some(&(_, y)), None) => y,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(celsius: f64) -> Cell {
        let parameters = CellParameters {
            curve: vec![(0.0, 3.0), (100.0, 4.0)],
            ohmic: 0.1,
            kinetic: 1.0,
            ahead: [4.0, 8.0],
            lag_seconds: [100.0, 1000.0],
            hysteresis: 0.01,
            acceptance: 0.0,
            gassing: 0.0,
            volts_per_kelvin: 0.0,
            warming: 0.0,
        };
        Cell::new(parameters, 50.0, celsius)
    }

    #[test]
    fn an_hour_at_a_tenth_of_the_capacity_is_ten_percent() {
        let mut cell = cell(25.0);
        for _ in 0..3600 {
            cell.advance(-0.1, 1.0, 25.0, (3.0, 4.0));
        }
        assert!((cell.soc() - 40.0).abs() < 1e-9);
    }

    #[test]
    fn cold_cells_drop_more_and_the_charger_holds_its_voltage() {
        let drop = |celsius| {
            let mut cell = cell(celsius);
            let rest = cell.volts();
            cell.advance(-0.5, 1.0, celsius, (3.0, 4.0));
            rest - cell.volts()
        };
        assert!(drop(0.0) > 3.0 * drop(25.0));
        let mut charged = cell(25.0);
        for _ in 0..7200 {
            charged.advance(1.0, 1.0, 25.0, (3.0, 3.9));
            assert!(charged.volts() < 3.9 + 0.01, "{}", charged.volts());
        }
        assert!(charged.advance(1.0, 1.0, 25.0, (3.0, 3.9)) < 0.2);
    }

    #[test]
    fn after_a_charge_the_voltage_stays_above_that_after_a_discharge() {
        let after = |c: f64| {
            let mut cell = cell(25.0);
            for c in [c, -c / 1.0, c] {
                for _ in 0..360 {
                    cell.advance(c, 1.0, 25.0, (0.0, 9.0));
                }
            }
            let moved = cell.soc() - 50.0;
            for _ in 0..36_000 {
                cell.advance(0.0, 1.0, 25.0, (0.0, 9.0));
            }
            cell.volts() - moved / 100.0
        };
        assert!(after(1.0) - after(-1.0) > 0.015);
    }
}
