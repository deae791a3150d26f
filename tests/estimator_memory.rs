//! The estimator's step allocates nothing: it runs for years beside a battery.

use std::time::Duration;

use ems_edge::battery::protection::Limits;
use ems_edge::battery::{Battery, Chemistry, Measured, Pack, SensorErrors, Setup, sensing};
use ems_test_harness::CountedAllocator;

#[global_allocator]
static ALLOCATOR: CountedAllocator = CountedAllocator::new();

/// The only test in this program: another one beside it would be counted too.
#[test]
fn steps_gaps_syncs_and_saving_allocate_nothing() {
    assert!(ALLOCATOR.count() > 0, "the test itself has allocated, and that is counted");
    for chemistry in [Chemistry::Lfp, Chemistry::Nmc, Chemistry::LeadAcid] {
        let pack = Pack { chemistry, cells_series: 12, capacity_ah: 100.0 };
        let full_cell_volts = chemistry.usual_charge_cell_volts();
        let errors = SensorErrors::of(&sensing::INA226, 0.00075, 2.0);
        let setup = Setup { pack, errors, full_cell_volts, standby_amps: 0.0, interval_seconds: 1.0 };
        let limits = Limits::usual(&pack, full_cell_volts);
        let mut battery = Battery::new(setup, limits);
        battery.start_at(60.0);
        let mut bytes = Vec::with_capacity(4096);
        let before = ALLOCATOR.count();
        // 10 h of charge and discharge, then a charger that holds its voltage until the battery is full.
        for second in 0..40_000_u32 {
            let swing = (f64::from(second) / 3000.0).sin();
            let (amps, cell) = if second < 36_000 { (20.0 * swing, -0.2) } else { (2.0, 0.0) };
            let voltage = 12.0 * (full_cell_volts + cell) + 0.02 * amps;
            battery
                .update(Measured { voltage, current: Some(amps), temperature: None }, Duration::from_secs(1));
            battery.details();
            if second % 1000 == 0 {
                battery.gap(Duration::from_secs(60));
                bytes.clear();
                battery.save(&mut bytes);
            }
        }
        let allocated = ALLOCATOR.count() - before;
        assert!(battery.syncs() > 0, "{chemistry:?} was not full: {:?}", battery.estimate());
        assert_eq!(allocated, 0, "{chemistry:?}");
        // What is restored goes on from an allocation of its own.
        Battery::new(setup, limits).restore(&bytes, Some(Duration::from_secs(1))).unwrap();
    }
}
