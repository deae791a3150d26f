//! What the measuring chip and its wiring may be wrong by: the limits of the datasheets, not of one board.

/// Bounds of the errors of a current and voltage measurement; each is "at most ± this".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SensorErrors {
    /// Constant error of the current, in A.
    pub offset_amps: f64,
    /// Error of the current that grows with it, as a share: shunt and amplifier together.
    pub current_gain: f64,
    /// Constant error of the pack's voltage, in V.
    pub offset_volts: f64,
    /// Error of the pack's voltage that grows with it, as a share: chip and divider together.
    pub voltage_gain: f64,
}

/// What a datasheet says of a chip at its input pins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChipErrors {
    /// Offset of the shunt voltage, in V.
    pub shunt_offset_volts: f64,
    /// Gain error of the shunt voltage, as a share.
    pub shunt_gain: f64,
    /// Offset of the bus voltage, in V.
    pub bus_offset_volts: f64,
    /// Gain error of the bus voltage, as a share.
    pub bus_gain: f64,
}

/// INA219 (A grade), SBOS448G section 7.5: VOS 100 µV, gain 0.5 %; bus 0.5 %, steps of 4 mV.
pub const INA219: ChipErrors =
    ChipErrors { shunt_offset_volts: 100e-6, shunt_gain: 5e-3, bus_offset_volts: 6e-3, bus_gain: 5e-3 };
/// INA226, SBOS547B section 5.5: VOS 10 µV, gain 0.1 %; bus 7.5 mV, 0.1 %.
pub const INA226: ChipErrors =
    ChipErrors { shunt_offset_volts: 10e-6, shunt_gain: 1e-3, bus_offset_volts: 7.5e-3, bus_gain: 1e-3 };
/// INA228, SLYS021A section 6.5: VOS 1 µV, gain 0.05 %; bus 2.5 mV, 0.05 %.
pub const INA228: ChipErrors =
    ChipErrors { shunt_offset_volts: 1e-6, shunt_gain: 0.5e-3, bus_offset_volts: 2.5e-3, bus_gain: 0.5e-3 };
/// The same where the chip's own count is used: its clock is right to 1 % over temperature.
pub const INA228_COUNTING: ChipErrors = ChipErrors { shunt_gain: 10.5e-3, ..INA228 };
/// INA237 and INA238, SBOS945A section 6.5: VOS 50 µV, gain 0.3 %; bus 5 mV, 0.2 %.
pub const INA238: ChipErrors =
    ChipErrors { shunt_offset_volts: 50e-6, shunt_gain: 3e-3, bus_offset_volts: 5e-3, bus_gain: 2e-3 };
/// MAX17040, MAX17043 and MAX17048, "Electrical Characteristics": one cell's voltage to 30 mV over temperature; no current.
pub const MAX17048: ChipErrors =
    ChipErrors { shunt_offset_volts: 0.0, shunt_gain: 0.0, bus_offset_volts: 30e-3, bus_gain: 0.0 };
/// ADS1115, SBAS444D section 7.5: gain 0.15 %, offset 3 steps of 125 µV; no current.
pub const ADS1115: ChipErrors =
    ChipErrors { shunt_offset_volts: 0.0, shunt_gain: 0.0, bus_offset_volts: 375e-6, bus_gain: 1.5e-3 };
/// A chip that nobody has named: as bad as the worst of them.
pub const UNKNOWN: ChipErrors = INA219;

/// Tolerance of the shunt as it is sold, with its drift.
const SHUNT_TOLERANCE: f64 = 0.010;
/// Tolerance of a divider whose ratio was measured.
const DIVIDER_TOLERANCE: f64 = 0.003;

impl SensorErrors {
    /// Errors at the pack of `chip` on a shunt of `shunt_ohms` Ω behind a divider of `divider` (1: none).
    pub fn of(chip: &ChipErrors, shunt_ohms: f64, divider: f64) -> Self {
        let divided = if divider > 1.0 { DIVIDER_TOLERANCE } else { 0.0 };
        Self {
            offset_amps: chip.shunt_offset_volts / shunt_ohms,
            current_gain: SHUNT_TOLERANCE + chip.shunt_gain,
            offset_volts: chip.bus_offset_volts * divider,
            voltage_gain: chip.bus_gain + divided,
        }
    }

    /// The most by which a reading of `volts` at the pack can be wrong, in V.
    pub fn volts_at(&self, volts: f64) -> f64 {
        self.offset_volts + self.voltage_gain * volts.abs()
    }
}
