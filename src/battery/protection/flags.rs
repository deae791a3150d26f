//! What can be wrong with a battery, by the names that go over the wire.

use std::ops::BitOr;

/// One thing that is wrong. The numbers are on cards in the field: only ever add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Flag {
    /// A cell's voltage above the limit.
    OverVoltage = 0,
    /// Below the end of discharge.
    UnderVoltage = 1,
    /// More current than is allowed.
    OverCurrent = 2,
    /// The battery is too hot for any use.
    Overheat = 3,
    /// The battery is too cold for any use.
    UnderTemp = 4,
    /// The battery is too cold to be charged.
    ChargeTooCold = 5,
    /// The battery is too hot to be charged.
    ChargeTooHot = 6,
    /// No readings for too long.
    SensorLost = 7,
    /// Little charge is left.
    LowCharge = 8,
    /// The state of charge has not been tied to a full or empty battery yet: charge it fully once.
    NotSynced = 9,
    /// Values that no such battery gives, or a current that the voltage does not answer to.
    SensorImplausible = 10,
    /// The temperature probe that is configured has been silent for too long.
    ProbeLost = 11,
}

const ALL: [(Flag, &str); 12] = [
    (Flag::OverVoltage, "OVERVOLTAGE"),
    (Flag::UnderVoltage, "UNDERVOLTAGE"),
    (Flag::OverCurrent, "OVERCURRENT"),
    (Flag::Overheat, "OVERHEAT"),
    (Flag::UnderTemp, "UNDERTEMP"),
    (Flag::ChargeTooCold, "CHARGE_TOO_COLD"),
    (Flag::ChargeTooHot, "CHARGE_TOO_HOT"),
    (Flag::SensorLost, "SENSOR_LOST"),
    (Flag::LowCharge, "LOW_CHARGE"),
    (Flag::NotSynced, "NOT_SYNCED"),
    (Flag::SensorImplausible, "SENSOR_IMPLAUSIBLE"),
    (Flag::ProbeLost, "PROBE_LOST"),
];

/// A set of flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(u16);

impl Flags {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Adds one.
    pub fn set(&mut self, flag: Flag) {
        self.0 |= 1 << flag as u8;
    }

    /// Takes one out.
    pub fn clear(&mut self, flag: Flag) {
        self.0 &= !(1 << flag as u8);
    }

    /// Whether it is in the set.
    pub fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u8) != 0
    }

    /// The names on the wire.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        ALL.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }

    /// The set as a number.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// The set of that number; flags that this version does not know are left out.
    pub fn from_bits(bits: u16) -> Self {
        Self(bits & ((1 << ALL.len()) - 1))
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
