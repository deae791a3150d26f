//! `ems-edge calibrate`: the effective divider and shunt, against a meter.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::output::{complain, say};
use super::{EX_CONFIG, EX_UNAVAILABLE, EX_USAGE, IN_TROUBLE};
use crate::config::{self, KEYS};
use crate::sensor::{CurrentSign, Reading, Wiring, calibration, measure};
use crate::status::running_below;

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// What a voltmeter shows at the pack's poles now, in V.
    #[arg(long, value_name = "V", allow_negative_numbers = true)]
    volts: Option<f64>,
    /// What a clamp meter shows now, in A, + = charging.
    #[arg(long, value_name = "A", allow_negative_numbers = true, conflicts_with = "zero")]
    amps: Option<f64>,
    /// No current flows now: show the chip's offset.
    #[arg(long)]
    zero: bool,
    /// Write what was found into the configuration.
    #[arg(long)]
    write: bool,
    /// The configuration [default: /etc/ems-edge/config.env, else ./.env].
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// The end of `ems-edge calibrate --help`.
pub(super) const HELP: &str = "\
Example: sudo systemctl stop ems-edge
         sudo ems-edge calibrate                     asks at a terminal
         sudo ems-edge calibrate --volts 53.18 --write
         sudo ems-edge calibrate --amps -42.5 --write

The chip is read for four seconds, in which the load must be steady. What differs by
more than 20 % is refused: that is a mistake in the wiring or the configuration.

Exit status: 0   found
             1   refused, or the chip cannot be read: why, and what to do
             64  wrong arguments
             69  the daemon uses the chip
             78  the configuration cannot be used";

/// The chip is read so often, so many ms apart.
const READINGS: u32 = 9;
const PAUSE_MS: u32 = 400;
/// Between the least and the greatest reading, as part of their mean.
const STEADY_VOLTS: f64 = 0.005;
const STEADY_AMPS: f64 = 0.05;

pub(super) fn calibrate(options: &Options) -> ExitCode {
    let loaded = match config::load(options.config.as_deref(), |key| std::env::var_os(key)) {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            complain(&mistakes.to_string());
            return ExitCode::from(EX_CONFIG);
        }
    };
    let wiring = loaded.config.wiring();
    let chip = wiring.device().to_string();
    if running_below(&loaded.config.runtime_dir).iter().any(|snapshot| snapshot.sensor.device == chip) {
        complain("the running daemon uses the chip: systemctl stop ems-edge first");
        return ExitCode::from(EX_UNAVAILABLE);
    }
    let mut found = Vec::new();
    let outcome = match given(options) {
        steps if !steps.is_empty() => steps.into_iter().try_for_each(|step| take(step, &wiring, &mut found)),
        _ => guide(&wiring, &mut found),
    };
    if let Err((code, why)) = outcome {
        complain(&why);
        return ExitCode::from(code);
    }
    let Some(path) = loaded.path.filter(|_| options.write && !found.is_empty()) else {
        for (key, value) in &found {
            say(&format!("{key}={value}\n"));
        }
        return ExitCode::SUCCESS;
    };
    match write(&path, &found) {
        Ok(()) => {
            say(&format!("written into {}; systemctl start ems-edge\n", path.display()));
            ExitCode::SUCCESS
        }
        Err(why) => {
            complain(&format!("{} cannot be written ({why}): run this with sudo", path.display()));
            ExitCode::from(IN_TROUBLE)
        }
    }
}

/// What is known of the pack while the chip is read.
#[derive(Debug, Clone, Copy)]
enum Step {
    Zero,
    Volts(f64),
    Amps(f64),
}

/// An exit status and a sentence.
type Refusal = (u8, String);

/// What the arguments ask for.
fn given(options: &Options) -> Vec<Step> {
    let zero = options.zero.then_some(Step::Zero);
    [zero, options.volts.map(Step::Volts), options.amps.map(Step::Amps)].into_iter().flatten().collect()
}

/// Calibrates, says what was found, and notes what is to be set.
fn take(step: Step, wiring: &Wiring, found: &mut Vec<(&'static str, String)>) -> Result<(), Refusal> {
    let (words, mut settings) = step.find(wiring).map_err(|why| (IN_TROUBLE, why))?;
    say(&format!("{words}\n"));
    found.append(&mut settings);
    Ok(())
}

/// Asks at the terminal, one step after the other: what a meter shows is only true now.
fn guide(wiring: &Wiring, found: &mut Vec<(&'static str, String)>) -> Result<(), Refusal> {
    if !std::io::stdin().is_terminal() {
        return Err((EX_USAGE, "nobody can be asked here: give --zero, --volts or --amps".to_owned()));
    }
    let left = || (EX_USAGE, "left: nothing is calibrated".to_owned());
    let mut steps = 0;
    if wiring.measures_current() && super::setup::agrees(NO_CURRENT).ok_or_else(left)? {
        take(Step::Zero, wiring, found)?;
        steps += 1;
    }
    let questions =
        [(VOLTMETER, "53.18", Step::Volts as fn(f64) -> Step), (CLAMP_METER, "-42.5", Step::Amps)];
    for (question, example, step) in questions {
        if question == CLAMP_METER && !wiring.measures_current() {
            continue;
        }
        match ask(question, example) {
            Typed::Number(number) => {
                take(step(number), wiring, found)?;
                steps += 1;
            }
            Typed::Nothing => {}
            // Who has left does not answer the next question either.
            Typed::End => return Err(left()),
        }
    }
    if steps == 0 {
        return Err((EX_USAGE, "nothing to calibrate against: no meter was read".to_owned()));
    }
    Ok(())
}

const NO_CURRENT: &str = "Is no current flowing, every load and charger disconnected?";
const VOLTMETER: &str = "Voltmeter at the pack's poles, in V (Enter: leave out): ";
const CLAMP_METER: &str = "Clamp meter with a load switched on, in A, + = charging (Enter: leave out): ";

/// What somebody types.
enum Typed {
    Number(f64),
    /// An empty line.
    Nothing,
    /// The end of the input.
    End,
}

fn ask(question: &str, example: &str) -> Typed {
    loop {
        let Some(typed) = super::setup::ask(question) else { return Typed::End };
        if typed.is_empty() {
            return Typed::Nothing;
        }
        match typed.parse::<f64>() {
            Ok(number) if number.is_finite() => return Typed::Number(number),
            _ => say(&format!("  \"{typed}\" is no number, for example {example}\n")),
        }
    }
}

type Found = (String, Vec<(&'static str, String)>);

impl Step {
    fn find(self, wiring: &Wiring) -> Result<Found, String> {
        let readings = readings(wiring)?;
        let amps = || {
            let all: Option<Vec<f64>> = readings.iter().map(|reading| reading.current).collect();
            all.ok_or_else(|| "this wiring measures no current: nothing to calibrate".to_owned())
        };
        match self {
            Self::Zero => {
                let offset = calibration::zero(wiring, mean(&amps()?))?;
                let words = format!("offset {offset:+.4} A: small enough, and learned while the pack rests");
                Ok((words, Vec::new()))
            }
            Self::Volts(known) => {
                let volts: Vec<f64> = readings.iter().map(|reading| reading.voltage).collect();
                let measured = steady(&volts, STEADY_VOLTS, "V")?;
                let ratio = calibration::divider(wiring, measured, known)?;
                let words = format!("{measured:.3} V measured, {known} V known: a ratio of {ratio:.4}");
                Ok((words, vec![("DIVIDER", format!("{ratio:.4}"))]))
            }
            Self::Amps(known) => {
                let measured = steady(&amps()?, STEADY_AMPS, "A")?;
                let (shunt, sign) = calibration::shunt(wiring, measured, known)?;
                let sign = match sign {
                    CurrentSign::Normal => "normal",
                    CurrentSign::Inverted => "inverted",
                };
                let micro = shunt.ohms * 1e6;
                let words =
                    format!("{measured:+.3} A measured, {known:+} A known: a shunt of {micro:.2} µΩ, {sign}");
                Ok((words, vec![("SHUNT", shunt.text()), ("CURRENT_SIGN", sign.to_owned())]))
            }
        }
    }
}

fn readings(wiring: &Wiring) -> Result<Vec<Reading>, String> {
    measure(wiring, READINGS, PAUSE_MS).map_err(|error| error.to_string())
}

/// The mean, if all are near it.
fn steady(values: &[f64], part: f64, unit: &str) -> Result<f64, String> {
    let mean = mean(values);
    let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    if most - least > part * mean.abs() {
        return Err(format!(
            "not steady, {least:.3} to {most:.3} {unit} within four seconds: switch off what goes on and off by itself, and try again"
        ));
    }
    Ok(mean)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn write(path: &Path, found: &[(&'static str, String)]) -> Result<(), String> {
    let mut text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    for (name, value) in found {
        if let Some(key) = KEYS.iter().find(|key| key.name == *name) {
            text = config::set(&text, key, value)?;
        }
    }
    super::setup::replace(path, &text).map_err(|error| error.to_string())
}
