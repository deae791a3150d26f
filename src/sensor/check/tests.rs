use super::*;
use crate::sensor::{CurrentSign, Shunt};

const LFP_4S: Pack = Pack { cells_series: 4, ..SIMULATED_PACK };
const LFP_16S: Pack = SIMULATED_PACK;

fn wiring(kind: SensorKind, divider: f64) -> Wiring {
    Wiring {
        kind,
        bus: "/dev/i2c-1".into(),
        address: 0x40,
        shunt: Shunt { ohms: 750e-6, rated_amps: Some(100.0) },
        current_sign: CurrentSign::Normal,
        divider,
        temperature_probe: None,
        sense: None,
    }
}

#[test]
fn an_ina219_on_a_24_v_pack_is_sent_to_the_chip_that_needs_no_divider() {
    let pack = Pack { cells_series: 8, ..LFP_16S };
    let refusal = wiring(SensorKind::Ina219, 1.0).check(&pack).unwrap_err().why;
    assert!(refusal.ends_with("29.2 V: use an INA226 (up to 36 V) or an INA228"), "{refusal}");
}

#[test]
fn an_ina219_on_a_48_v_pack_is_refused_with_what_to_buy_or_set() {
    let refusal = wiring(SensorKind::Ina219, 1.0).check(&LFP_16S).unwrap_err().why;
    for words in ["26 V", "58.4 V", "INA228", "INA226 with a low-side shunt", "DIVIDER to at least 1.63"] {
        assert!(refusal.contains(words), "{refusal}");
    }
    assert_eq!(wiring(SensorKind::Ina219, 1.0).check(&LFP_4S), Ok(vec![]));
}

#[test]
fn an_ina226_takes_36_v_at_its_pin_and_the_advised_divider_is_enough() {
    assert!(wiring(SensorKind::Ina226, 1.0).check(&LFP_16S).is_err());
    assert!(wiring(SensorKind::Ina226, 1.5).check(&LFP_16S).unwrap_err().why.contains("after the divider"));
    assert_eq!(wiring(SensorKind::Ina226, 1.63).check(&LFP_16S), Ok(vec![]));
}

#[test]
fn an_ina219_behind_a_divider_is_told_to_be_voltage_only() {
    let warnings = wiring(SensorKind::Ina219, 3.0).check(&LFP_16S).unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("voltage only"), "{warnings:?}");
}

#[test]
fn an_ina228_takes_a_48_v_pack_without_a_divider_and_96_v_with_one() {
    assert_eq!(wiring(SensorKind::Ina228, 1.0).check(&LFP_16S), Ok(vec![]));
    let pack = Pack { cells_series: 32, ..LFP_16S };
    let refusal = wiring(SensorKind::Ina226, 1.0).check(&pack).unwrap_err().why;
    assert!(refusal.contains("INA228 with a low-side shunt and a divider"), "{refusal}");
    assert_eq!(wiring(SensorKind::Ina238, 1.38).check(&pack), Ok(vec![]));
}

#[test]
fn a_gauge_is_for_one_cell_and_a_converter_for_3_3_v() {
    let cell = Pack { cells_series: 1, ..LFP_4S };
    let gauge = Wiring { address: 0x36, ..wiring(SensorKind::Max17048, 1.0) };
    assert_eq!(gauge.check(&cell), Ok(vec![]));
    assert!(gauge.check(&LFP_4S).unwrap_err().why.contains("CELLS_SERIES=1"));
    assert!(wiring(SensorKind::Max17048, 1.0).check(&cell).unwrap_err().why.contains("0x36"));
    let converter = Wiring { address: 0x48, ..wiring(SensorKind::Ads1115, 1.0) };
    assert!(converter.check(&LFP_16S).unwrap_err().why.contains("DIVIDER to at least 17.70"));
    assert_eq!(Wiring { divider: 17.7, ..converter }.check(&LFP_16S), Ok(vec![]));
}

#[test]
fn a_device_of_the_kernels_needs_its_name() {
    let named = |name: &str| Wiring { bus: name.into(), address: 0, ..wiring(SensorKind::Hwmon, 1.0) };
    assert!(named("").check(&LFP_16S).unwrap_err().key == "SENSOR_NAME");
    assert_eq!(named("ina226").check(&LFP_4S), Ok(vec![]));
}

#[test]
fn an_address_that_the_chip_cannot_have_is_refused() {
    for (address, good) in [(0x3F, false), (0x40, true), (0x4F, true), (0x50, false)] {
        let wiring = Wiring { address, ..wiring(SensorKind::Ina226, 2.0) };
        assert_eq!(wiring.check(&LFP_16S).is_ok(), good);
    }
}

#[test]
fn a_shunt_that_drops_more_than_the_chip_measures_is_refused() {
    let shunt = Shunt { ohms: 1e-3, rated_amps: Some(100.0) };
    let with = |kind| Wiring { shunt, ..wiring(kind, 1.0) }.check(&LFP_4S);
    assert!(with(SensorKind::Ina226).unwrap_err().why.contains("100.0 mV"));
    assert_eq!(with(SensorKind::Ina219), Ok(vec![]));
}

#[test]
fn what_feeds_a_gauge_is_a_lithium_cell_without_a_divider() {
    let gauge = Wiring { address: 0x36, ..wiring(SensorKind::Max17048, 1.0) };
    let one = |chemistry| Pack { chemistry, cells_series: 1, ..LFP_4S };
    assert_eq!(gauge.check(&one(Chemistry::LeadAcid)).unwrap_err().key, "SENSOR");
    assert_eq!(Wiring { divider: 2.0, ..gauge }.check(&one(Chemistry::Nmc)).unwrap_err().key, "DIVIDER");
}

#[test]
fn a_chip_that_the_kernel_names_has_its_limits_too() {
    let named =
        |name: &str, divider| Wiring { bus: name.into(), address: 0, ..wiring(SensorKind::Hwmon, divider) };
    for name in ["ina219", "ina226", "ina226@1-0041"] {
        let refusal = named(name, 1.0).check(&LFP_16S).unwrap_err();
        assert!(refusal.why.contains("use an INA228"), "{refusal:?}");
        assert_eq!(named(name, 3.0).check(&LFP_16S), Ok(vec![]));
    }
    for name in ["ina228", "ina238", "adc", "max34451"] {
        assert_eq!(named(name, 1.0).check(&LFP_16S), Ok(vec![]));
    }
}

#[test]
fn a_limit_beyond_the_range_is_refused_with_what_can_be_measured() {
    let shunt = Shunt { ohms: 750e-6, rated_amps: Some(100.0) };
    let fine = Shunt { ohms: 200e-6, rated_amps: Some(100.0) };
    for (kind, shunt, within, beyond) in [
        (SensorKind::Ina226, shunt, 109.2, 109.3),
        // 160 mV hold twice the shunt's 75.
        (SensorKind::Ina219, shunt, 213.0, 213.4),
        (SensorKind::Ina228, shunt, 218.4, 218.5),
        (SensorKind::Ina238, fine, 204.7, 204.9),
    ] {
        let wiring = Wiring { shunt, ..wiring(kind, 1.0) };
        assert_eq!(wiring.check_amps("MAX_LOAD_CURRENT", within), Ok(()), "{kind:?}");
        let refusal = wiring.check_amps("MAX_LOAD_CURRENT", beyond).unwrap_err();
        assert!(refusal.why.contains("cannot be measured") && refusal.why.contains("µΩ"), "{refusal:?}");
    }
    let refusal = wiring(SensorKind::Ina226, 2.0).check_amps("MAX_LOAD_CURRENT", 200.0).unwrap_err();
    assert!(
        refusal.why.contains("of 0.75 mΩ an INA226 measures up to 109.2 A")
            && refusal.why.ends_with("at most 409 µΩ"),
        "{refusal:?}"
    );
    assert_eq!(wiring(SensorKind::Max17048, 1.0).check_amps("MAX_LOAD_CURRENT", 200.0), Ok(()));
}

#[test]
fn a_shunt_with_which_next_to_nothing_can_be_measured_is_told() {
    let shunt = Shunt { ohms: 0.1, rated_amps: None };
    let warned = |kind, pack: &Pack| Wiring { shunt, ..wiring(kind, 2.0) }.check(pack).unwrap();
    let warnings = warned(SensorKind::Ina226, &LFP_16S);
    assert!(warnings.len() == 1 && warnings[0].contains("up to 0.82 A"), "{warnings:?}");
    assert_eq!(warned(SensorKind::Ina226, &Pack { capacity_ah: 10.0, ..LFP_16S }), [""; 0]);
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    for divider in [0.0, 0.5, -2.0, f64::NAN, f64::INFINITY] {
        assert!(wiring(SensorKind::Ina226, divider).check(&LFP_4S).unwrap_err().key == "DIVIDER");
    }
    for ohms in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let shunt = Shunt { ohms, rated_amps: None };
        let wiring = Wiring { shunt, ..wiring(SensorKind::Ina226, 1.0) };
        assert!(wiring.check(&LFP_4S).unwrap_err().key == "SHUNT");
    }
}

#[test]
fn the_simulation_warns_of_settings_that_it_does_not_follow() {
    assert_eq!(Wiring::simulated().check(&LFP_16S), Ok(vec![]));
    assert_eq!(Wiring { bus: "/dev/i2c-1".into(), ..Wiring::simulated() }.check(&LFP_16S), Ok(vec![]));
    assert_eq!(Wiring::simulated().check(&LFP_4S).unwrap().len(), 1);
    assert_eq!(wiring(SensorKind::Simulated, 1.0).check(&LFP_16S).unwrap().len(), 1);
}
