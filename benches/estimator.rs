//! What the estimator costs: one step as in the daemon, and a replay of a week. `cargo bench --bench estimator`.
#![allow(clippy::print_stdout, reason = "it prints its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ems_edge::battery::protection::Limits;
use ems_edge::battery::{Battery, Chemistry, Measured, Pack, SensorErrors, Setup, sensing};
use ems_test_harness::CountedAllocator;

#[global_allocator]
static ALLOCATOR: CountedAllocator = CountedAllocator::new();

/// A week at 1 Hz.
const STEPS: u32 = 7 * 86_400;

fn main() {
    for chemistry in [Chemistry::Lfp, Chemistry::Nmc, Chemistry::LeadAcid] {
        let pack = Pack { chemistry, cells_series: 12, capacity_ah: 100.0 };
        let full_cell_volts = chemistry.usual_charge_cell_volts();
        let errors = SensorErrors::of(&sensing::INA226, 0.00075, 2.0);
        let setup = Setup { pack, errors, full_cell_volts, standby_amps: 0.0, interval_seconds: 1.0 };
        let mut battery = Battery::new(setup, Limits::usual(&pack, full_cell_volts));
        battery.start_at(60.0);
        let (allocated, began) = (ALLOCATOR.count(), Instant::now());
        let mut longest = Duration::ZERO;
        for second in 0..STEPS {
            let hour = f64::from(second) / 3600.0;
            let current = 15.0 * (hour / 24.0 * std::f64::consts::TAU).sin() + f64::from(second % 37) * 0.1;
            let voltage = 12.0 * (full_cell_volts - 0.2) + current * 0.02;
            let step = Instant::now();
            let measured = Measured { voltage, current: Some(current), temperature: None };
            black_box(battery.update(measured, Duration::from_secs(1)));
            black_box(battery.details());
            longest = longest.max(step.elapsed());
        }
        let each = began.elapsed().as_secs_f64() / f64::from(STEPS);
        let allocated = ALLOCATOR.count() - allocated;
        println!(
            "{chemistry:?}: {:.2} µs a step with its clock ({longest:?} the longest), {allocated} allocations in {STEPS} steps",
            each * 1e6
        );
        let mut bytes = Vec::with_capacity(4096);
        let began = Instant::now();
        for _ in 0..10_000 {
            bytes.clear();
            battery.save(&mut bytes);
        }
        println!("  saving {} bytes: {:.1} µs", bytes.len(), began.elapsed().as_secs_f64() * 100.0);
    }
}
