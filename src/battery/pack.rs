//! The pack, as it is labelled.

/// Cell chemistry: decides the open-circuit voltage curve and the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chemistry {
    /// Lithium iron phosphate.
    Lfp,
    /// Lithium nickel manganese cobalt oxide, and its relatives at 4.2 V a cell.
    Nmc,
    /// Lead-acid, 2 V a cell.
    LeadAcid,
}

/// What the label on the pack says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pack {
    /// Cell chemistry.
    pub chemistry: Chemistry,
    /// Cells in series, at least 1.
    pub cells_series: u16,
    /// Rated capacity in Ah, greater than 0.
    pub capacity_ah: f64,
}

impl Chemistry {
    /// The highest voltage of one cell while it is charged, in V. Sets what a sensor must be able to see.
    pub fn max_cell_volts(self) -> f64 {
        match self {
            Self::Lfp => 3.65,
            Self::Nmc => 4.25,
            Self::LeadAcid => 2.50,
        }
    }

    /// The voltage of one cell that chargers for it hold, in V: from, to.
    pub fn charge_cell_volts(self) -> (f64, f64) {
        match self {
            Self::Lfp => (3.40, 3.75),
            Self::Nmc => (3.90, 4.45),
            Self::LeadAcid => (2.20, 2.60),
        }
    }

    /// The usual one among them, in V.
    pub fn usual_charge_cell_volts(self) -> f64 {
        match self {
            Self::Lfp => 3.50,
            Self::Nmc => 4.20,
            Self::LeadAcid => 2.40,
        }
    }
}

/// More than any battery can give, as a multiple of the capacity per hour.
const MAX_C_RATE: f64 = 50.0;

impl Pack {
    /// Whether a battery of this capacity can give or take so many A; false for what is no number.
    pub fn can_give(&self, amps: f64) -> bool {
        amps.abs() <= MAX_C_RATE * self.capacity_ah
    }

    /// The highest voltage that the pack's terminals reach while charging, in V.
    pub fn max_volts(&self) -> f64 {
        self.chemistry.max_cell_volts() * f64::from(self.cells_series)
    }
}
