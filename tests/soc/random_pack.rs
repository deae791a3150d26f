//! Random packs: chemistry, age, cell, climate, use, sensor. All errors are within the sensor's specification.

use ems_edge::battery::sensing::{self, ChipErrors};
use ems_edge::battery::{Chemistry, Pack, SensorErrors, Setup, curves};
use ems_simulator::{CellParameters, Consumers, Curve, Distortion, Installation, Noise, USAGES, Usage};

/// State of charge in %, volts per cell.
type Known = &'static [(f64, f64)];

/// A pack and what a technician would configure for it.
pub(crate) struct RandomPack {
    pub(crate) name: String,
    pub(crate) setup: Setup,
    pub(crate) installation: Installation,
}

/// The pack that belongs to `seed`.
pub(crate) fn random_pack(seed: u64) -> RandomPack {
    pack_of(seed, None)
}

/// The same for a chemistry's third known curve, which few cells follow.
pub(crate) fn rare_pack(seed: u64, chemistry: Chemistry) -> RandomPack {
    pack_of(seed, Some(chemistry))
}

fn pack_of(seed: u64, rare: Option<Chemistry>) -> RandomPack {
    let mut noise = Noise::new(seed.wrapping_mul(0x9E37_79B9));
    let pick = |noise: &mut Noise, n: usize| (noise.uniform() * n as f64) as usize % n;
    let drawn = [Chemistry::Lfp, Chemistry::Lfp, Chemistry::Nmc, Chemistry::LeadAcid][pick(&mut noise, 4)];
    let chemistry = rare.unwrap_or(drawn);
    let known = curves(chemistry);
    let alike = if rare.is_some() { (known[2], known[2]) } else { (known[0], known[1.min(known.len() - 1)]) };
    let usage = USAGES[pick(&mut noise, USAGES.len())];
    let between = |noise: &mut Noise, low: f64, high: f64| low + (high - low) * noise.uniform();
    let (cells_series, capacity_ah) = match chemistry {
        Chemistry::Lfp => [(16, 100.0), (16, 280.0), (8, 50.0), (4, 20.0)][pick(&mut noise, 4)],
        Chemistry::Nmc => [(13, 20.0), (14, 40.0), (3, 5.0), (7, 10.0)][pick(&mut noise, 4)],
        Chemistry::LeadAcid => [(6, 100.0), (12, 200.0), (24, 400.0), (6, 40.0)][pick(&mut noise, 4)],
    };
    let health =
        if noise.uniform() < 0.5 { between(&mut noise, 0.97, 1.02) } else { between(&mut noise, 0.82, 0.98) };
    let (chip_name, chip, steps) = [
        ("ina219", sensing::INA219, (4e-3, 10e-6)),
        ("ina226", sensing::INA226, (1.25e-3, 2.5e-6)),
        ("ina228", sensing::INA228, (0.2e-3, 0.3e-6)),
    ][pick(&mut noise, 3)];
    let most_volts = chemistry.max_cell_volts() * f64::from(cells_series);
    let pin =
        [26.0, 36.0, 85.0][["ina219", "ina226", "ina228"].iter().position(|n| *n == chip_name).unwrap()];
    let divider = if most_volts > pin { (most_volts / pin).ceil() } else { 1.0 };
    // 75 mV at twice to five times the capacity per hour.
    let shunt_ohm = 0.075 / (capacity_ah * between(&mut noise, 1.2, 3.0));
    let errors = SensorErrors::of(&chip, shunt_ohm, divider);
    let full = match chemistry {
        Chemistry::Lfp => [3.45, 3.50, 3.55, 3.60][pick(&mut noise, 4)],
        Chemistry::Nmc => [4.20, 4.15, 4.10][pick(&mut noise, 3)],
        Chemistry::LeadAcid => [2.40, 2.45, 2.35][pick(&mut noise, 3)],
    };
    let empty = match chemistry {
        Chemistry::Lfp => 2.6,
        Chemistry::Nmc => 3.0,
        Chemistry::LeadAcid => 1.85,
    };
    let celsius = (between(&mut noise, -3.0, 38.0), between(&mut noise, 0.0, 5.0));
    let installation = Installation {
        cell: cell(chemistry, alike, &mut noise),
        cells_series,
        capacity_ah: capacity_ah * health,
        limits: (empty, full),
        soc: between(&mut noise, 25.0, 95.0),
        celsius,
        consumers: Consumers::new(usage, seed ^ 0xABCD),
        sensor: distortion(&chip, &errors, (shunt_ohm, divider), steps, &mut noise),
        interval: 1.0,
        lost: 0.01,
        hour: between(&mut noise, 0.0, 24.0).floor(),
    };
    let pack = Pack { chemistry, cells_series, capacity_ah };
    let setup = Setup { pack, errors, full_cell_volts: full, standby_amps: 0.0, interval_seconds: 1.0 };
    let name = format!(
        "{seed:4} {chemistry:?} {cells_series}s {capacity_ah} Ah {:.0} % {usage:?} {chip_name} {:.0} °C full {full}",
        health * 100.0,
        celsius.0
    );
    RandomPack { name, setup, installation: dimensioned(installation, usage) }
}

/// A camper's or a house's pack in these climates is not asked for what no battery gives.
fn dimensioned(mut installation: Installation, usage: Usage) -> Installation {
    if usage == Usage::Forklift || usage == Usage::Commute {
        installation.celsius.0 = installation.celsius.0.max(5.0);
    }
    installation
}

fn distortion(
    chip: &ChipErrors,
    errors: &SensorErrors,
    (shunt_ohm, divider): (f64, f64),
    (bus_step, shunt_step): (f64, f64),
    noise: &mut Noise,
) -> Distortion {
    let mut within = |limit: f64| limit * 0.97 * (2.0 * noise.uniform() - 1.0);
    Distortion {
        voltage: (1.0 + within(errors.voltage_gain), within(errors.offset_volts - bus_step * divider * 0.5)),
        current: (1.0 + within(errors.current_gain), within(chip.shunt_offset_volts / shunt_ohm)),
        steps: (bus_step * divider, shunt_step / shunt_ohm),
        noise: (bus_step * divider * 0.4, shunt_step.max(2e-6) / shunt_ohm),
    }
}

/// Of a curve between these two.
fn cell(chemistry: Chemistry, (first, second): (Known, Known), noise: &mut Noise) -> CellParameters {
    // Mostly like a known cell, sometimes between two of them; never exactly.
    let share = match noise.uniform() {
        x if x < 0.4 => 0.0,
        x if x < 0.8 => 1.0,
        _ => noise.uniform(),
    };
    let (wave, phase) = (0.003 * noise.uniform(), noise.uniform() * 6.3);
    let curve: Curve = (0..=200)
        .map(|i| {
            let soc = f64::from(i) / 2.0;
            let volts = (1.0 - share) * volts_at(first, soc) + share * volts_at(second, soc);
            (soc, volts + wave * (soc / 9.0 + phase).sin())
        })
        .collect();
    let mut between = |low: f64, high: f64| low + (high - low) * noise.uniform();
    let lead = chemistry == Chemistry::LeadAcid;
    CellParameters {
        curve,
        ohmic: if chemistry == Chemistry::Nmc { between(0.13, 0.25) } else { between(0.08, 0.17) },
        kinetic: between(0.5, 2.0),
        ahead: [between(1.0, 5.0), between(2.0, 8.0)],
        lag_seconds: [between(60.0, 200.0), between(600.0, 1500.0)],
        hysteresis: if chemistry == Chemistry::Lfp { between(0.008, 0.012) } else { 0.0 },
        acceptance: if lead { between(0.12, 0.22) } else { 0.0 },
        gassing: if lead { between(0.006, 0.020) } else { 0.0 },
        volts_per_kelvin: if lead { between(0.0001, 0.0002) } else { between(-0.0001, 0.0002) },
        warming: between(2.0, 12.0),
    }
}

fn volts_at(curve: &[(f64, f64)], soc: f64) -> f64 {
    let above = curve.partition_point(|(s, _)| *s < soc).clamp(1, curve.len() - 1);
    let ((s0, v0), (s1, v1)) = (curve[above - 1], curve[above]);
    v0 + (v1 - v0) * (soc - s0) / (s1 - s0)
}
