//! What each chip can be connected to.

use std::ops::RangeInclusive;

/// What a chip can be connected to.
pub(super) struct Limits {
    pub(super) chip: &'static str,
    pub(super) addresses: RangeInclusive<u8>,
    pub(super) pin_volts: f64,
    /// Infinite where no shunt is connected.
    pub(super) shunt_volts: f64,
}

impl Limits {
    /// Those of the chip behind a device of the kernel's, which its drivers name after the chip.
    pub(super) fn of_driver(name: &str) -> Option<&'static Self> {
        match name {
            "ina219" => Some(&INA219),
            "ina226" => Some(&INA226),
            "ina228" => Some(&INA228),
            "ina237" | "ina238" => Some(&INA238),
            _ => None,
        }
    }

    /// The chip with its article.
    pub(super) fn an(&self) -> String {
        let article = if self.chip.starts_with('M') { "a" } else { "an" };
        format!("{article} {}", self.chip)
    }
}

/// Datasheet SBOS448G, sections 7.3 and 7.5.
pub(super) const INA219: Limits =
    Limits { chip: "INA219", addresses: 0x40..=0x4F, pin_volts: 26.0, shunt_volts: 0.32 };
/// Datasheet SBOS547B, sections 5.3 and 5.5.
pub(super) const INA226: Limits =
    Limits { chip: "INA226", addresses: 0x40..=0x4F, pin_volts: 36.0, shunt_volts: 0.081_92 };
/// Datasheet SLYS021A, sections 6.3 and 6.5.
pub(super) const INA228: Limits =
    Limits { chip: "INA228", addresses: 0x40..=0x4F, pin_volts: 85.0, shunt_volts: 0.163_84 };
/// Datasheet SBOSA20C, sections 6.3 and 6.5.
pub(super) const INA238: Limits = Limits { chip: "INA238", ..INA228 };
/// Datasheet 19-6171: VDD, which is the cell.
pub(super) const MAX17048: Limits =
    Limits { chip: "MAX17048", addresses: 0x36..=0x36, pin_volts: 4.5, shunt_volts: f64::INFINITY };
/// Datasheet SBAS444E, section 6.3: an input stays below the supply, which is a Pi's 3.3 V.
pub(super) const ADS1115: Limits =
    Limits { chip: "ADS1115", addresses: 0x48..=0x4B, pin_volts: 3.3, shunt_volts: f64::INFINITY };
