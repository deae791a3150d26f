//! The outputs as they are configured: `OUTPUTS=charge:17,load:27:low`.

/// One output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// The pin, by its number at the chip (BCM).
    pub gpio: u8,
    /// Whether it is on when the pin is low.
    pub is_low_active: bool,
}

/// What an output is for, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `charge`: lets the battery be charged.
    Charge,
    /// `load`: lets it be drawn from.
    Load,
    /// `identify`: a lamp that `IDENTIFY` blinks.
    Identify,
    /// Any other: switched by `SET_OUTPUT` alone.
    Other,
}

/// All outputs of a device; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan(Vec<Output>);

/// GPIO 0 and 1 read the board's EEPROM at boot, 2 and 3 are the I2C bus; beyond 27 none is on the header.
const PINS: std::ops::RangeInclusive<u8> = 4..=27;
/// The longest name, in characters.
const LONGEST_NAME: usize = 32;

impl Output {
    /// What it is for.
    pub fn role(&self) -> Role {
        match self.name.as_str() {
            "charge" => Role::Charge,
            "load" => Role::Load,
            "identify" => Role::Identify,
            _ => Role::Other,
        }
    }

    /// The level of the pin for on or off.
    pub fn level(&self, is_on: bool) -> bool {
        is_on != self.is_low_active
    }
}

impl Plan {
    /// Reads `charge:17,load:27:low`.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut outputs: Vec<Output> = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let output = output(word)?;
            if outputs.iter().any(|other| other.name == output.name) {
                return Err("two outputs have the same name".to_owned());
            }
            if outputs.iter().any(|other| other.gpio == output.gpio) {
                return Err(format!("two outputs are on GPIO {}", output.gpio));
            }
            outputs.push(output);
        }
        Ok(Self(outputs))
    }

    /// Each of them, in the order of the configuration.
    pub fn outputs(&self) -> std::slice::Iter<'_, Output> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The place of the output with that name.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|output| output.name == name)
    }

    /// Whether there is one for that.
    pub fn has(&self, role: Role) -> bool {
        self.0.iter().any(|output| output.role() == role)
    }
}

fn output(word: &str) -> Result<Output, String> {
    let mut parts = word.split(':').map(str::trim);
    let (name, pin) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_low_active = match (parts.next(), parts.next()) {
        (None | Some("high"), None) => false,
        (Some("low"), None) => true,
        _ => {
            return Err("after the pin, expected high or low: the level at which the output is on".to_owned());
        }
    };
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= LONGEST_NAME
        && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'_' | b'-'));
    if !is_name {
        return Err(
            "expected NAME:GPIO, the name of a-z, 0-9, '_' and '-', beginning with a letter".to_owned()
        );
    }
    let gpio = pin.parse::<u8>().ok().filter(|gpio| PINS.contains(gpio) && !pin.starts_with('+'));
    let gpio = gpio.ok_or_else(|| {
        format!(
            "expected a GPIO from {} to {} after the name: its number at the chip (BCM), not on the header",
            PINS.start(),
            PINS.end()
        )
    })?;
    Ok(Output { name: name.to_owned(), gpio, is_low_active })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_pins_and_levels_are_read() {
        let plan = Plan::parse(" charge:17, load:27:low ,fan-1:22:high,").unwrap();
        let all: Vec<_> =
            plan.outputs().map(|o| (o.name.as_str(), o.gpio, o.level(true), o.role())).collect();
        let expected = [
            ("charge", 17, true, Role::Charge),
            ("load", 27, false, Role::Load),
            ("fan-1", 22, true, Role::Other),
        ];
        assert_eq!(all, expected);
        assert_eq!((plan.place("load"), plan.has(Role::Identify)), (Some(1), false));
        assert!(Plan::parse("").unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_an_output_is_refused_in_words() {
        for bad in [
            "17",
            "charge",
            "charge:",
            "charge:2",
            "charge:28",
            "charge:+5",
            "charge:17:on",
            "charge:17:low:1",
            "Charge:17",
            "a/b:5",
            "a:5,a:6",
            "a:5,b:5",
        ] {
            assert!(Plan::parse(bad).is_err_and(|words| words.len() > 20), "{bad}");
        }
    }
}
