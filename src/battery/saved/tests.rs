use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::battery::{Chemistry, SensorErrors, Setup, sensing};

const COUNT: Option<ChargeCount> =
    Some(ChargeCount { steps: -123_456_789_012, step_ah: -2.5e-8, restarted: false, by_chip: true });

static NMC: LazyLock<StateOfCharge> = LazyLock::new(|| estimator(Chemistry::Nmc));

fn estimator(chemistry: Chemistry) -> StateOfCharge {
    let pack = Pack { chemistry, cells_series: 6, capacity_ah: 100.0 };
    let errors = SensorErrors::of(&sensing::INA226, 0.001, 1.0);
    let mut soc = StateOfCharge::new(Setup {
        pack,
        errors,
        full_cell_volts: 3.45,
        standby_amps: 0.0,
        interval_seconds: 1.0,
    });
    for second in 0..4000_i32 {
        let amps = f64::from(second / 700 % 3 - 1) * 30.0;
        soc.update(6.0 * 3.1, amps, Duration::from_secs(1));
    }
    soc
}

#[test]
fn what_is_restored_holds_what_was_saved() {
    for chemistry in [Chemistry::Lfp, Chemistry::Nmc, Chemistry::LeadAcid] {
        let soc = estimator(chemistry);
        let mut kept = Kept { full: true, empty: false, latched: Flags::NONE };
        kept.latched.set(Flag::OverCurrent);
        let meter = Meter { energy_in: 1.5, energy_out: 2.5, discharged_ah: 77.0 };
        let mut bytes = Vec::new();
        let beside = Beside { meter, kept, count: COUNT, counts: chemistry == Chemistry::Lfp };
        save(&soc, &beside, &mut bytes);
        assert!(bytes.len() < 2300, "{}", bytes.len());
        let mut again = StateOfCharge::new(soc.setup);
        assert_eq!(restore(&mut again, &bytes), Ok(beside));
        let (before, after) = (soc.estimate(), again.estimate());
        assert!((before.soc - after.soc).abs() < 0.1, "{before:?} {after:?}");
        assert!(after.low <= before.low + 0.05 && after.high >= before.high - 0.05, "{before:?} {after:?}");
    }
}

#[test]
fn whole_steps_lie_at_or_below() {
    for (value, whole) in
        [(1.9, 1), (1.0, 1), (-0.1, -1), (-1.0, -1), (0.0, 0), (1e9, 0x7FFF), (-1e9, -0x8000), (f64::NAN, 0)]
    {
        assert_eq!(below(value), whole, "{value}");
    }
}

#[test]
fn another_pack_or_version_is_refused_in_words() {
    let soc = estimator(Chemistry::Lfp);
    let mut bytes = Vec::new();
    save(&soc, &Beside::default(), &mut bytes);
    let mut other = soc.clone();
    other.setup.pack.capacity_ah = 200.0;
    let refused = restore(&mut other, &bytes).unwrap_err();
    assert!(refused.to_string().contains("CAPACITY_AH"));
    bytes[0] = 9;
    assert_eq!(restore(&mut soc.clone(), &bytes), Err(SavedError::Version(9)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_bytes_are_refused_or_give_an_estimate_in_range(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut soc = NMC.clone();
        let mut bytes = Vec::new();
        save(&soc, &Beside::default(), &mut bytes);
        for (index, byte) in damage {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = restore(&mut soc, &bytes);
        let after = soc.update(19.0, -5.0, Duration::from_secs(1));
        prop_assert!(0.0 <= after.low && after.low <= after.soc && after.soc <= after.high && after.high <= 100.0);
    }
}
