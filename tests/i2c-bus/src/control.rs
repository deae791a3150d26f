//! The control file: which chips are on the bus, and what is wrong with it.
//!
//! One directive a line, words separated by blanks, `#` begins a comment. The README has the grammar.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use crate::words::{Words, number, word16};

/// The errno values that Linux has.
const ERRNOS: std::ops::RangeInclusive<u64> = 1..=133;

/// What a control file says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Control {
    /// The chips by their address.
    pub(crate) chips: BTreeMap<u8, ChipLine>,
    /// Addresses that a kernel driver owns: `I2C_SLAVE` is refused with `EBUSY`.
    pub(crate) busy: BTreeSet<u8>,
    /// The errno of every transfer in the scope.
    pub(crate) faults: BTreeMap<Scope, i32>,
    /// How long a transfer takes.
    pub(crate) delays: BTreeMap<Scope, Duration>,
    /// Where transfers do not come back.
    pub(crate) hangs: BTreeSet<Scope>,
    /// Counters: whenever one changes, its chip has a brown-out.
    pub(crate) resets: BTreeMap<u8, u64>,
    /// The rule of the Pi's controller: a read only as the last message.
    pub(crate) reject_read_not_last: bool,
}

/// The whole bus (`None`, which every more special line overrides) or one address.
pub(crate) type Scope = Option<u8>;

/// One chip.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChipLine {
    /// What it is. When this changes, the chip is replaced by a freshly powered one.
    pub(crate) model: Model,
    /// What it measures. When this changes, the chip stays.
    pub(crate) input: Input,
}

/// The kind of chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Model {
    /// TI INA219.
    Ina219,
    /// TI INA226, with its manufacturer and die id where they are not the genuine ones.
    Ina226(Option<(u16, u16)>),
    /// TI INA228, INA237 or INA238, with its manufacturer and device id where they are not the genuine ones.
    Ina228(Kind228, Option<(u16, u16)>),
    /// Maxim MAX17040, MAX17043 or MAX17048.
    Max17048(KindOfGauge),
    /// TI ADS1115.
    Ads1115,
    /// Plain 16-bit registers with these contents at power-on.
    Registers(BTreeMap<u8, u16>),
    /// An INA226 on the simulator's battery pack, which moves by itself.
    Pack,
}

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind228 {
    Ina228,
    Ina237,
    Ina238,
}

/// Which of the three gauges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KindOfGauge {
    Max17040,
    Max17043,
    Max17048,
}

/// The voltages at a measuring chip.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Input {
    /// At the bus pin, in V.
    pub(crate) volts: f64,
    /// Across the shunt, in mV.
    pub(crate) shunt_mv: f64,
    /// Noise of both, as one standard deviation in mV.
    pub(crate) noise_mv: f64,
    pub(crate) shunt_noise_mv: f64,
    /// Across the shunt for `pulse_ms` of each `period_ms`, in mV.
    pub(crate) pulse_mv: f64,
    pub(crate) pulse_ms: f64,
    pub(crate) period_ms: f64,
}

/// A line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, `{text}`: {problem}")]
pub(crate) struct ControlError {
    line: usize,
    text: String,
    problem: String,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            chips: BTreeMap::new(),
            busy: BTreeSet::new(),
            faults: BTreeMap::new(),
            delays: BTreeMap::new(),
            hangs: BTreeSet::new(),
            resets: BTreeMap::new(),
            reject_read_not_last: true,
        }
    }
}

impl FromStr for Control {
    type Err = ControlError;

    fn from_str(text: &str) -> Result<Self, ControlError> {
        let mut control = Self::default();
        let lines = || {
            text.lines().enumerate().filter_map(|(index, line)| {
                let directive = line.split('#').next().unwrap_or_default().trim();
                (!directive.is_empty()).then_some((index + 1, directive))
            })
        };
        // Lines about a chip may stand before the chip's own.
        for of_a_chip in [false, true] {
            for (line, directive) in lines() {
                let (keyword, rest) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
                let mut words = Words::of(rest);
                if matches!(keyword, "id" | "reset") == of_a_chip {
                    control
                        .apply(keyword, &mut words)
                        .and_then(|()| words.end())
                        .map_err(|problem| ControlError { line, text: directive.to_owned(), problem })?;
                }
            }
        }
        Ok(control)
    }
}

impl Control {
    fn apply(&mut self, keyword: &str, words: &mut Words<'_>) -> Result<(), String> {
        match keyword {
            "chip" => {
                let address = words.address()?;
                let chip = chip(words)?;
                once(self.chips.insert(address, chip).is_none(), "the address has a chip already")
            }
            "pack" => {
                let chip = ChipLine { model: Model::Pack, input: Input::default() };
                let address = words.address()?;
                once(self.chips.insert(address, chip).is_none(), "the address has a chip already")
            }
            "id" => {
                let address = words.address()?;
                let ids = (words.word16("the manufacturer id")?, words.word16("the die id")?);
                match self.chips.get_mut(&address).map(|chip| &mut chip.model) {
                    Some(Model::Ina226(own) | Model::Ina228(_, own)) => {
                        once(own.replace(ids).is_none(), "the address has an `id` line already")
                    }
                    _ => {
                        Err("only `chip … ina226`, `ina228`, `ina237` and `ina238` have ids to set, and there is none at this address"
                            .to_owned())
                    }
                }
            }
            "reset" => {
                let address = words.address()?;
                let counter = words.number("the counter", 0..=u64::MAX)?;
                if !self.chips.contains_key(&address) {
                    return Err("no `chip` or `pack` line puts a chip at this address".to_owned());
                }
                once(self.resets.insert(address, counter).is_none(), "the address has a `reset` line already")
            }
            "busy" => once(self.busy.insert(words.address()?), "the address is busy already"),
            "fault" => {
                let scope = words.scope_before(1)?;
                let errno = words.number("the errno", ERRNOS)?;
                let errno = i32::try_from(errno).map_err(|error| error.to_string())?;
                once(self.faults.insert(scope, errno).is_none(), "another `fault` line has the same scope")
            }
            "delay_ms" => {
                let scope = words.scope_before(1)?;
                let delay = Duration::from_millis(words.number("the delay", 0..=3_600_000)?);
                once(self.delays.insert(scope, delay).is_none(), "another `delay_ms` line has the same scope")
            }
            "hang" => {
                let scope = words.scope_before(0)?;
                once(self.hangs.insert(scope), "another `hang` line has the same scope")
            }
            "reject_read_not_last" => {
                self.reject_read_not_last = match words.next("`on` or `off`")? {
                    "on" => true,
                    "off" => false,
                    other => return Err(format!("`{other}` is neither `on` nor `off`")),
                };
                Ok(())
            }
            _ => Err("no such directive; there are chip, pack, id, reset, busy, fault, delay_ms, hang, \
                      reject_read_not_last"
                .to_owned()),
        }
    }
}

fn once(fresh: bool, problem: &str) -> Result<(), String> {
    if fresh { Ok(()) } else { Err(problem.to_owned()) }
}

fn chip(words: &mut Words<'_>) -> Result<ChipLine, String> {
    let model = match words.next("the kind of chip")? {
        "ina219" => Model::Ina219,
        "ina226" => Model::Ina226(None),
        "ina228" => Model::Ina228(Kind228::Ina228, None),
        "ina237" => Model::Ina228(Kind228::Ina237, None),
        "ina238" => Model::Ina228(Kind228::Ina238, None),
        "max17040" => Model::Max17048(KindOfGauge::Max17040),
        "max17043" => Model::Max17048(KindOfGauge::Max17043),
        "max17048" => Model::Max17048(KindOfGauge::Max17048),
        "ads1115" => Model::Ads1115,
        "registers" => {
            let mut registers = BTreeMap::new();
            while let Some((register, value)) = words.setting("REGISTER=VALUE")? {
                let register = number(register, "a register", 0..=0xff)?;
                let register = u8::try_from(register).map_err(|error| error.to_string())?;
                once(registers.insert(register, word16(value)?).is_none(), "a register is given twice")?;
            }
            return Ok(ChipLine { model: Model::Registers(registers), input: Input::default() });
        }
        other => {
            return Err(format!(
                "no such chip as `{other}`; there are ina219, ina226, ina228, ina237, ina238, max17040, max17043, max17048, ads1115, registers"
            ));
        }
    };
    let mut input = Input::default();
    while let Some((key, value)) = words.setting("volts=V or shunt_mv=MV")? {
        let value = value
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| format!("`{value}` is no number; write for example {key}=26.6"))?;
        match key {
            "volts" => input.volts = value,
            "shunt_mv" => input.shunt_mv = value,
            "noise_mv" => input.noise_mv = value,
            "shunt_noise_mv" => input.shunt_noise_mv = value,
            "pulse_mv" => input.pulse_mv = value,
            "pulse_ms" => input.pulse_ms = value,
            "period_ms" => input.period_ms = value,
            _ => {
                return Err(format!(
                    "a chip has no `{key}`; there are volts, shunt_mv, noise_mv, shunt_noise_mv, pulse_mv, pulse_ms, period_ms"
                ));
            }
        }
    }
    Ok(ChipLine { model, input })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directive_is_understood() {
        let control: Control = "
            # a comment
            id 0x40 0x5449 0x9999      # before its chip
            chip 0x40 ina226 volts=26.6 shunt_mv=-7.5
            chip 65 ina219
            chip 0x42 registers 0x02=0x1f42 0xfe=1
            pack 0x44
            chip 0x45 ina238
            chip 0x36 max17043 volts=3.7
            chip 0x48 ads1115 volts=3.0 noise_mv=0.5
            chip 0x46 ina219 pulse_mv=-30 pulse_ms=300 period_ms=1000 shunt_noise_mv=0.01
            id 0x45 1 2
            reset 0x41 7
            busy 0x43
            fault 121
            fault 0x40 110
            delay_ms 1500
            delay_ms 0x41 3
            hang
            hang 0x42
            reject_read_not_last off"
            .parse()
            .unwrap();
        let clone = ChipLine {
            model: Model::Ina226(Some((0x5449, 0x9999))),
            input: Input { volts: 26.6, shunt_mv: -7.5, ..Input::default() },
        };
        assert_eq!(control.chips[&0x40], clone);
        assert_eq!(control.chips[&0x41], ChipLine { model: Model::Ina219, input: Input::default() });
        assert_eq!(control.chips[&0x42].model, Model::Registers(BTreeMap::from([(2, 0x1f42), (0xfe, 1)])));
        assert_eq!(control.chips[&0x44].model, Model::Pack);
        assert_eq!(control.chips[&0x45].model, Model::Ina228(Kind228::Ina238, Some((1, 2))));
        assert_eq!(control.chips[&0x36].model, Model::Max17048(KindOfGauge::Max17043));
        assert_eq!(control.chips[&0x48].model, Model::Ads1115);
        assert_eq!(control.chips[&0x48].input, Input { volts: 3.0, noise_mv: 0.5, ..Input::default() });
        let pulsed = Input { pulse_mv: -30.0, pulse_ms: 300.0, period_ms: 1000.0, ..Input::default() };
        assert_eq!(control.chips[&0x46].input, Input { shunt_noise_mv: 0.01, ..pulsed });
        assert_eq!(control.resets, BTreeMap::from([(0x41, 7)]));
        assert_eq!(control.busy, BTreeSet::from([0x43]));
        assert_eq!(control.faults, BTreeMap::from([(None, 121), (Some(0x40), 110)]));
        assert_eq!(
            control.delays,
            BTreeMap::from([(None, Duration::from_millis(1500)), (Some(0x41), Duration::from_millis(3))])
        );
        assert_eq!(control.hangs, BTreeSet::from([None, Some(0x42)]));
        assert!(!control.reject_read_not_last);
    }

    #[test]
    fn a_bad_line_is_named_with_its_number_and_its_trouble() {
        for (text, sentence) in [
            ("fault", "line 1, `fault`: the errno is missing"),
            ("\nfault 0", "line 2, `fault 0`: the errno must be a number from 1 to 133"),
            ("chip 0x78 ina219", "the address must be a number from 3 to 119 (0x03 to 0x77), not `0x78`"),
            ("chip 0x40 ina999", "no such chip as `ina999`"),
            ("chip 0x40", "the kind of chip is missing"),
            ("chip 0x40 ina219 volts", "`volts` does not have the form volts=V or shunt_mv=MV"),
            ("chip 0x40 ina219 volts=inf", "`inf` is no number"),
            ("chip 0x40 ina219 amps=1", "a chip has no `amps`"),
            ("chip 0x40 registers 0x100=1", "a register must be a number from 0 to 255"),
            ("chip 0x40 registers 1=1 1=2", "a register is given twice"),
            (
                "chip 0x40 ina219\nchip 0x40 ina226",
                "line 2, `chip 0x40 ina226`: the address has a chip already",
            ),
            (
                "chip 0x40 ina219\nid 0x40 1 2",
                "only `chip … ina226`, `ina228`, `ina237` and `ina238` have ids to set",
            ),
            ("reset 0x40 1", "no `chip` or `pack` line puts a chip at this address"),
            ("hang 0x40 7", "`7` is one word too many"),
            ("fault 110\nfault 121", "another `fault` line has the same scope"),
            ("reject_read_not_last maybe", "`maybe` is neither `on` nor `off`"),
            ("delay 7", "no such directive"),
        ] {
            let error = text.parse::<Control>().unwrap_err().to_string();
            assert!(error.contains(sentence), "{text:?} gave: {error}");
        }
    }
}
