//! What the makers of boards have soldered, and what a chip leaves no choice about: values that hold where the file
//! says nothing.

use super::mistake::Refusal;
use crate::sensor::SensorKind;

/// A board by the value of `BOARD`, and what it sets, as it would be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Board {
    /// As it is written.
    pub name: &'static str,
    /// Keys and values.
    pub settings: &'static [(&'static str, &'static str)],
}

impl Board {
    /// Whether it sets this key.
    pub fn sets(&self, key: &str) -> bool {
        self.settings.iter().any(|(name, _)| *name == key)
    }
}

/// Two cells in series behind an INA219 with 0.1 Ω.
const WAVESHARE_TWO_CELLS: &[(&str, &str)] = &[
    ("SENSOR", "ina219"),
    ("I2C_ADDRESS", "0x42"),
    ("SHUNT", "0.1ohm"),
    ("CURRENT_SIGN", "normal"),
    ("CHEMISTRY", "nmc"),
    ("CELLS_SERIES", "2"),
];
/// One cell behind an INA219 with 0.01 Ω, whose positive current discharges.
const WAVESHARE_ONE_CELL: &[(&str, &str)] = &[
    ("SENSOR", "ina219"),
    ("I2C_ADDRESS", "0x43"),
    ("SHUNT", "0.01ohm"),
    ("CURRENT_SIGN", "inverted"),
    ("CHEMISTRY", "nmc"),
    ("CELLS_SERIES", "1"),
];
/// Cells in parallel behind a gauge, which measures no current.
const GEEKWORM: &[(&str, &str)] =
    &[("SENSOR", "max17048"), ("I2C_ADDRESS", "0x36"), ("CHEMISTRY", "nmc"), ("CELLS_SERIES", "1")];

/// The boards.
pub const BOARDS: [Board; 10] = [
    Board { name: "waveshare-ups-hat-a", settings: WAVESHARE_TWO_CELLS },
    Board { name: "waveshare-ups-hat-b", settings: WAVESHARE_TWO_CELLS },
    Board { name: "waveshare-ups-hat-c", settings: WAVESHARE_ONE_CELL },
    Board { name: "waveshare-ups-hat-d", settings: WAVESHARE_ONE_CELL },
    Board { name: "geekworm-x708", settings: GEEKWORM },
    Board { name: "geekworm-x728", settings: GEEKWORM },
    Board { name: "geekworm-x1200", settings: GEEKWORM },
    Board { name: "geekworm-x1201", settings: GEEKWORM },
    Board { name: "geekworm-x1202", settings: GEEKWORM },
    Board {
        name: "adafruit-ina219",
        settings: &[("SENSOR", "ina219"), ("I2C_ADDRESS", "0x40"), ("SHUNT", "0.1ohm")],
    },
];

/// Boards that are asked for and have no chip that is read here: their names, and why.
const OTHERS: [(&str, &str); 1] = [(
    "waveshare-ups-hat-e",
    "that board measures with a microcontroller of its own at 0x2d, which is not read; put an INA219 or INA226 of yours at \
     the battery, leave BOARD out and set SENSOR",
)];
/// How alike two names are, from 0 to 1, for one to be a slip of the other.
const ALIKE: f64 = 0.93;

/// The value of `BOARD`.
pub(super) fn parse(text: &str) -> Result<Option<Board>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let text = text.to_ascii_lowercase();
    if let Some(board) = BOARDS.iter().find(|board| board.name == text) {
        return Ok(Some(*board));
    }
    if let Some((_, why)) = OTHERS.iter().find(|(name, _)| *name == text) {
        return Err(Refusal::write(*why, ""));
    }
    let names: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
    let why =
        format!("expected one of {}; for another board leave BOARD out and set SENSOR", names.join(", "));
    // `x728` or `waveshare-d`, or a slip.
    let mut shortened = BOARDS.iter().filter(|board| shortens(&text, board.name));
    let meant = shortened.next().filter(|_| shortened.next().is_none());
    let alike = |board: &&Board| strsim::jaro(&text, board.name);
    let nearest =
        BOARDS.iter().max_by(|a, b| alike(a).total_cmp(&alike(b))).filter(|board| alike(board) >= ALIKE);
    Err(Refusal::write(why, meant.or(nearest).map_or("", |board| board.name)))
}

/// Whether `text` is `name` with some of its words left out.
fn shortens(text: &str, name: &str) -> bool {
    let mut words = name.split('-');
    text.split('-').all(|word| words.any(|other| other == word))
}

/// Whether some board sets this key.
pub(super) fn any_sets(key: &str) -> bool {
    BOARDS.iter().any(|board| board.sets(key))
}

/// What holds for `key` where the file says nothing, on this board and with this chip.
pub(super) fn implied(key: &str, board: Option<&Board>, sensor: Option<SensorKind>) -> Option<&'static str> {
    let of_board = board.and_then(|board| board.settings.iter().find(|(name, _)| *name == key));
    let of_chip = match (sensor?, key) {
        (SensorKind::Max17048, "I2C_ADDRESS") => Some("0x36"),
        (SensorKind::Ads1115, "I2C_ADDRESS") => Some("0x48"),
        // They have none: nothing is worked out with it.
        (SensorKind::Max17048 | SensorKind::Ads1115 | SensorKind::PowerSupply, "SHUNT") => Some("1ohm"),
        _ => None,
    };
    of_board.map(|(_, value)| *value).or(of_chip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{KEYS, check};

    #[test]
    fn what_a_board_sets_can_be_written_in_the_file() {
        for board in BOARDS {
            for (name, value) in board.settings {
                let key = KEYS.iter().find(|key| key.name == *name).unwrap();
                assert_eq!(check(key, value), Ok(()), "{}: {name}", board.name);
            }
        }
    }

    #[test]
    fn a_slip_gets_the_nearest_board() {
        assert_eq!(parse("Waveshare-UPS-HAT-B").unwrap().unwrap().name, "waveshare-ups-hat-b");
        for (text, nearest) in [
            ("waveshare-ups-hatb", "waveshare-ups-hat-b"),
            ("waveshare-d", "waveshare-ups-hat-d"),
            ("x1201", "geekworm-x1201"),
            ("waveshare", ""),
            ("pijuice", ""),
        ] {
            assert_eq!(parse(text).unwrap_err().write.as_deref(), Some(nearest));
        }
        let other = parse("Waveshare-UPS-HAT-E").unwrap_err();
        assert!(other.why.contains("0x2d") && other.write.as_deref() == Some(""), "{other:?}");
        assert_eq!(parse("").unwrap(), None);
    }
}
