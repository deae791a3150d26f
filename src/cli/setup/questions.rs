//! The questions, and the test of each answer.

use std::path::PathBuf;

use super::answers::Answers;
use super::terminal;
use crate::cli::doctor::paragraph;
use crate::cli::output::{has_colour, say};
use crate::config::{self, BOARDS, Config, KEYS, Key};
use crate::doctor::{Entry, Status, try_sensor, try_server};
use crate::sensor::scan;
use crate::status::running_below;

/// Why there are no answers.
pub(super) enum Stop {
    /// Nobody answers any more.
    Left,
    /// A test failed, and nobody is there to decide.
    Failed,
}

/// What is to be tested, and who decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Somebody sits at a terminal.
    pub(super) interactive: bool,
    /// Answers are tested.
    pub(super) tested: bool,
}

const WAY: [&str; 3] = ["DEVICE_ID", "SERVER_URL", "API_TOKEN"];
const WIRING: [&str; 10] = [
    "BOARD",
    "SENSOR",
    "I2C_BUS",
    "I2C_ADDRESS",
    "SHUNT",
    "DIVIDER",
    "CURRENT_SIGN",
    "CHEMISTRY",
    "CELLS_SERIES",
    "CAPACITY_AH",
];

/// Asks for what is missing and tests what was answered.
pub(super) fn go_through(answers: &mut Answers, manner: Manner) -> Result<(), Stop> {
    for name in WAY {
        answer(answers, manner, name)?;
        match name {
            "SERVER_URL" => test_server(answers, manner)?,
            "API_TOKEN" => test_token(answers, manner)?,
            _ => {}
        }
    }
    loop {
        for name in WIRING {
            if answers.board().is_some_and(|board| board.sets(name)) {
                continue;
            }
            if name == "BOARD" && manner.interactive && !answers.is_answered("SENSOR") {
                name_boards();
            }
            if name == "SENSOR" && manner.interactive && !answers.is_answered(name) {
                look_round(answers);
            }
            // Who has named the chip needs no board.
            let asked = match name {
                "BOARD" => !answers.is_answered("SENSOR"),
                "SENSOR" => true,
                _ => answers.has_chip(),
            };
            if asked {
                answer(answers, manner, name)?;
            }
        }
        if test_sensor(answers, manner)? {
            return Ok(());
        }
        WIRING.iter().filter_map(|name| key(name)).for_each(|key| answers.forget(key));
    }
}

/// The boards that `BOARD` knows.
fn name_boards() {
    let names: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
    say(&format!("\n  Boards: {}\n", names.join(", ")));
}

fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().copied().find(|key| key.name == name)
}

/// One answer that can be the key's value; it is asked for where somebody can be asked.
fn answer(answers: &mut Answers, manner: Manner, name: &str) -> Result<(), Stop> {
    let Some(key) = key(name) else { return Ok(()) };
    if !manner.interactive || answers.is_answered(name) {
        return Ok(());
    }
    let present = answers.offer(name).map(str::to_owned).or_else(|| default(key));
    say(&format!("\n{}\n", key.explanation().collect::<Vec<_>>().join("\n")));
    loop {
        let shown = match (&present, key.secret) {
            (Some(_), true) => " [keep the present one]".to_owned(),
            (Some(value), false) if value.is_empty() => " [none]".to_owned(),
            (Some(value), false) => format!(" [{value}]"),
            (None, _) => String::new(),
        };
        let question = format!("{name}{shown}: ");
        let typed = if key.secret { terminal::ask_secretly(&question) } else { terminal::ask(&question) };
        let typed = typed.ok_or(Stop::Left)?;
        let value = match (typed.is_empty(), &present) {
            (false, _) => typed,
            (true, Some(present)) => present.clone(),
            (true, None) => {
                say(&format!("  it is needed; for example {}\n", key.example));
                continue;
            }
        };
        match config::check(key, &value) {
            // What was left out and stays so needs no line.
            Ok(()) if value.is_empty() && answers.get(name).is_none() => return Ok(()),
            Ok(()) => {
                answers.set(key, value);
                return Ok(());
            }
            Err(why) => say(&format!("  {why}\n")),
        }
    }
}

/// What is offered where nothing is known.
fn default(key: &Key) -> Option<String> {
    match key.need {
        config::Need::Default(value) | config::Need::BySensor { chip: Some(value), .. } => {
            Some(value.to_owned())
        }
        config::Need::Required | config::Need::BySensor { chip: None, .. } => None,
    }
}

/// The server, until it can be trusted or somebody says that it will be.
fn test_server(answers: &mut Answers, manner: Manner) -> Result<(), Stop> {
    if !manner.tested {
        return Ok(());
    }
    loop {
        let Ok(loaded) = answers.trial(true) else { return Ok(()) };
        let Some(failed) = report(&try_server(&loaded, false)) else { return Ok(()) };
        if !manner.interactive {
            return Err(Stop::Failed);
        }
        let authority = key("CA_FILE").filter(|_| failed.code == Some("tls.unknown_authority"));
        if let Some(authority) = authority {
            say(
                "  The certificate of the authority that signed the server's, as a file here (Enter: none)\n",
            );
            let typed = terminal::ask("CA_FILE: ").ok_or(Stop::Left)?;
            match config::check(authority, &typed) {
                Ok(()) if !typed.is_empty() => {
                    answers.set(authority, typed);
                    continue;
                }
                Ok(()) => {}
                Err(why) => say(&format!("  {why}\n")),
            }
        }
        if keeps()? {
            return Ok(());
        }
        again(answers, manner, "SERVER_URL")?;
    }
}

fn test_token(answers: &mut Answers, manner: Manner) -> Result<(), Stop> {
    if !manner.tested {
        return Ok(());
    }
    loop {
        let Ok(loaded) = answers.trial(true) else { return Ok(()) };
        let tried = try_server(&loaded, true);
        // What keeps the token from being tried was told with the server.
        let token: Vec<Entry> = tried.into_iter().filter(|entry| entry.id == "token").collect();
        if report(&token).is_none() {
            return Ok(());
        }
        if !manner.interactive {
            return Err(Stop::Failed);
        }
        if keeps()? {
            return Ok(());
        }
        again(answers, manner, "DEVICE_ID")?;
        again(answers, manner, "API_TOKEN")?;
    }
}

/// `false` if the wiring shall be asked for again.
fn test_sensor(answers: &mut Answers, manner: Manner) -> Result<bool, Stop> {
    let Ok(loaded) = answers.trial(false) else { return Ok(true) };
    if !manner.tested || !answers.has_chip() {
        return Ok(true);
    }
    if is_in_use(&loaded.config) {
        say("  the running daemon uses the chip: ems-edge doctor tests it when the service runs again\n");
        return Ok(true);
    }
    if report(&try_sensor(&loaded)).is_none() {
        return Ok(true);
    }
    if manner.interactive { keeps() } else { Err(Stop::Failed) }
}

/// Whether a daemon runs on this chip.
fn is_in_use(config: &Config) -> bool {
    let chip = config.wiring().device().to_string();
    running_below(&config.runtime_dir).iter().any(|snapshot| snapshot.sensor.device == chip)
}

/// Offers who answers on the bus.
fn look_round(answers: &mut Answers) {
    let bus = answers.get("I2C_BUS").unwrap_or("1");
    let path = if bus.contains('/') { PathBuf::from(bus) } else { PathBuf::from(format!("/dev/i2c-{bus}")) };
    let Ok(trial) = answers.trial(false).or_else(|_| answers.trial(true)) else { return };
    if is_in_use(&trial.config) {
        return;
    }
    let found = match scan(&path, None) {
        Ok(found) => found,
        Err(error) => return say(&format!("\n  {error}\n")),
    };
    say(&format!("\n  On {}:\n", path.display()));
    for chip in &found {
        say(&format!("  {:#04x}  {}\n", chip.address, chip.who));
    }
    if found.is_empty() {
        return say("  nobody answers: check power, SDA, SCL and ground of the sensor\n");
    }
    if answers.chip().is_none()
        && let Some((chip, sensor)) = found.iter().find_map(|chip| Some((chip, chip.sensor?)))
    {
        answers.suggest("SENSOR", sensor);
        answers.suggest("I2C_ADDRESS", &format!("{:#04x}", chip.address));
    }
}

/// Tells what the tests say; gives what failed.
fn report(entries: &[Entry]) -> Option<Entry> {
    for entry in entries.iter().filter(|entry| entry.status != Status::Skipped) {
        say(&paragraph(entry, has_colour()));
    }
    entries.iter().find(|entry| entry.status == Status::Failed).cloned()
}

fn keeps() -> Result<bool, Stop> {
    terminal::agrees("Keep it all the same?").ok_or(Stop::Left)
}

fn again(answers: &mut Answers, manner: Manner, name: &str) -> Result<(), Stop> {
    if let Some(key) = key(name) {
        answers.forget(key);
    }
    answer(answers, manner, name)
}
