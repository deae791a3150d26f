//! The estimator and what watches the battery as a whole, on packs within their assumptions; on any input: `tests/any_input.rs`.

mod chip_count;
mod estimate;
mod watch;

use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

fn setup(chemistry: Chemistry, cells_series: u16, capacity_ah: f64) -> Setup {
    Setup {
        pack: Pack { chemistry, cells_series, capacity_ah },
        errors: SensorErrors::of(&sensing::INA226, 0.00075, 2.0),
        full_cell_volts: chemistry.usual_charge_cell_volts(),
        standby_amps: 0.0,
        interval_seconds: 1.0,
    }
}

fn lfp_16s() -> StateOfCharge {
    StateOfCharge::new(setup(Chemistry::Lfp, 16, 100.0))
}

fn width(estimate: Estimate) -> f64 {
    estimate.high - estimate.low
}

fn run(soc: &mut StateOfCharge, cell_volts: f64, amps: f64, seconds: u32) -> Estimate {
    (0..seconds).map(|_| soc.update(cell_volts * 16.0, amps, SECOND)).last().unwrap()
}

fn watched() -> (Setup, protection::Limits, Battery) {
    let setup = setup(Chemistry::Lfp, 16, 100.0);
    let limits = protection::Limits::usual(&setup.pack, 3.5);
    (setup, limits, Battery::new(setup, limits))
}
