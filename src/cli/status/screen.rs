//! The screen of `ems-edge status`: 80 columns, what matters first.

use std::time::Duration;

use ems_protocol::{Battery, ClockQuality, State};
use textwrap::{Options, fill};

use crate::cli::local_time::local;
use crate::status::{Backlog, LastError, LastReading, Link, Mode, Phase, Sensor, Snapshot, WallClock};
use crate::words::{count, span};

const COLUMNS: usize = 80;
const LABEL: usize = 9;
/// Escape sequences of ECMA-48: bold green, bold red, off.
const GREEN: &str = "\x1b[1;32m";
const RED: &str = "\x1b[1;31m";
const OFF: &str = "\x1b[0m";

/// The whole screen.
pub(super) fn screen(snapshot: &Snapshot, colour: bool) -> String {
    let board = snapshot.board.as_ref().map(|board| format!(" on {board}")).unwrap_or_default();
    let rows = [
        ("Device", format!("{}{board}", snapshot.device_id)),
        (
            "Daemon",
            format!(
                "ems-edge {} since {} ({})",
                snapshot.version,
                local(snapshot.started),
                seconds(snapshot.uptime_s)
            ),
        ),
        ("Sensor", sensor(&snapshot.sensor)),
        ("Battery", snapshot.reading.as_ref().map_or_else(|| "no reading yet".to_owned(), battery)),
        ("Charge", snapshot.reading.as_ref().map_or_else(|| "not known yet".to_owned(), charge)),
        ("Use", snapshot.reading.as_ref().map_or_else(|| "not known yet".to_owned(), |r| use_of(&r.battery))),
        ("Cloud", cloud(&snapshot.link)),
        ("Waiting", waiting(&snapshot.backlog)),
        ("Lost", lost(&snapshot.backlog)),
        ("Clock", clock(&snapshot.clock)),
    ];
    let mut text = verdict(snapshot, colour);
    text.push('\n');
    for (label, words) in rows {
        text.push_str(&paragraph(&format!("{label:LABEL$}"), &words));
    }
    if !snapshot.errors.is_empty() {
        text.push_str("\nLast errors, newest last\n");
        for error in &snapshot.errors {
            text.push_str(&last_error(error));
        }
    }
    text
}

/// The first lines: whether all is well, or what is wrong and what to do.
fn verdict(snapshot: &Snapshot, colour: bool) -> String {
    let paint =
        |begin: &str, word: &str| if colour { format!("{begin}{word}{OFF}") } else { word.to_owned() };
    if let Some((first, others)) = snapshot.problems.split_first() {
        let mut text = fill(&format!("Trouble: {}", first.message), COLUMNS);
        text.push('\n');
        for problem in others {
            text.push_str(&fill(&format!("Also: {}", problem.message), COLUMNS));
            text.push('\n');
        }
        // Painted after the lines were broken: the sequences take no columns.
        return text.replacen("Trouble:", &paint(RED, "Trouble:"), 1);
    }
    let words = if snapshot.link.phase != Phase::Connected {
        format!(": the battery is measured; not connected yet for {}", seconds(snapshot.link.since_s))
    } else if snapshot.reading.is_none() {
        ": the first reading is awaited".to_owned()
    } else {
        ": the battery is measured and the cloud takes the samples".to_owned()
    };
    format!("{}{words}\n", paint(GREEN, "All is well"))
}

fn sensor(sensor: &Sensor) -> String {
    let gaps = format!("{} of {} failed", sensor.recent_gaps, count(u64::from(sensor.recent), "reading"));
    match sensor.answers {
        None => format!("{}, not read yet", sensor.device),
        Some(true) => format!("{}: answers, {gaps}", sensor.device),
        Some(false) => format!("{}: no readings for {}, {gaps}", sensor.device, seconds(sensor.since_s)),
    }
}

fn battery(reading: &LastReading) -> String {
    let values = [
        Some(format!("{:.2} V", reading.voltage)),
        reading.current.map(|amps| format!("{amps:+.2} A")),
        reading.power.map(|watts| format!("{watts:+.0} W")),
        reading.temperature.map(|celsius| format!("{celsius:.1} °C")),
        reading.state.map(|state| {
            let word = match state {
                State::Idle => "idle",
                State::Charging => "charging",
                State::Discharging => "discharging",
                State::Full => "full",
                State::Empty => "empty",
                State::Error => "in error",
            };
            word.to_owned()
        }),
    ];
    let values: Vec<_> = values.into_iter().flatten().collect();
    let age = Duration::try_from_secs_f64(reading.age_s).unwrap_or(Duration::MAX);
    format!("{}; {} ago", values.join(", "), span(age))
}

fn charge(reading: &LastReading) -> String {
    let battery = &reading.battery;
    let mut words =
        format!("{:.0} % (between {:.0} and {:.0} %)", reading.soc, reading.soc_low, reading.soc_high);
    match (battery.hours_since_sync, battery.ah_since_sync) {
        (Some(time), Some(ah)) => {
            words.push_str(&["; synchronised ", &hours(time), &format!(" and {ah:.1} Ah ago")].concat());
        }
        _ => words += "; not synchronised: charge it fully once",
    }
    let left = |end: &str, time: Option<f64>| time.map(|s| format!("; {end} in {}", hours(s / 3600.0)));
    let left = left("empty", battery.time_to_empty_s).or_else(|| left("full", battery.time_to_full_s));
    words + &left.unwrap_or_default()
}

/// What has gone through it, and what it may do.
fn use_of(battery: &Battery) -> String {
    let totals = [
        battery.energy_in.map(|kwh| format!("{kwh:.3} kWh in")),
        battery.energy_out.map(|kwh| format!("{kwh:.3} kWh out")),
        battery.cycle_count.map(|cycles| format!("{cycles:.2} cycles")),
        battery.soh.map(|soh| format!("{soh:.0} % of its label's capacity")),
    ];
    let totals: Vec<_> = totals.into_iter().flatten().collect();
    let allowed = match (battery.charge_allowed, battery.load_allowed) {
        (Some(true), Some(true)) => "charging and loads are allowed",
        (Some(true), Some(false)) => "charging is allowed, loads are not",
        (Some(false), Some(true)) => "loads are allowed, charging is not",
        (Some(false), Some(false)) => "neither charging nor loads are allowed",
        _ => "what is allowed is not known yet",
    };
    let mut words = format!("{}; {allowed}", totals.join(", "));
    for (what, flags) in [("faults", &battery.faults), ("warnings", &battery.warnings)] {
        if !flags.is_empty() {
            words.push_str(&["; ", what, ": ", &flags.join(", ")].concat());
        }
    }
    words
}

fn cloud(link: &Link) -> String {
    let (server, since) = (&link.server, seconds(link.since_s));
    if link.phase == Phase::Connected {
        let mode = match link.mode {
            Some(Mode::Plain) => ", without acknowledgements (plain telemetry)",
            Some(Mode::Typed) => ", samples are acknowledged",
            None => "",
        };
        return format!("connected to {server} for {since}{mode}");
    }
    let doing = match (link.phase, link.next_attempt_s) {
        (Phase::Refused, Some(next)) => format!("refused; the next attempt in {}", seconds(next)),
        (_, Some(next)) => format!("the next attempt in {}", seconds(next)),
        (_, None) => "an attempt is under way".to_owned(),
    };
    let attempts = count(u64::from(link.attempts), "attempt");
    format!("not connected to {server} for {since}, {attempts}; {doing}")
}

fn waiting(backlog: &Backlog) -> String {
    let total = backlog.waiting();
    let place = match backlog.card {
        Some(card) if card > 0 => format!(" ({} in memory, {card} on the card)", backlog.memory),
        _ => String::new(),
    };
    let age = match backlog.oldest_age_s {
        Some(age) if total > 1 => format!(", the oldest taken {} ago", seconds(age)),
        _ => String::new(),
    };
    let length = if total > 1 { format!(" = {}", hours(backlog.hours)) } else { String::new() };
    format!("{}{length}{place}{age}; room for {} more", count(total, "sample"), hours(backlog.room_hours))
}

fn lost(backlog: &Backlog) -> String {
    if backlog.dropped.total() == 0 {
        return "no samples since the start".to_owned();
    }
    let reasons: Vec<_> =
        backlog.dropped.by_reason().into_iter().map(|(why, samples)| format!("{samples}: {why}")).collect();
    format!("{} since the start; {}", count(backlog.dropped.total(), "sample"), reasons.join(", "))
}

fn clock(clock: &WallClock) -> String {
    let quality = match clock.quality {
        ClockQuality::Synced => "synchronised",
        ClockQuality::Server => "set by the cloud's time",
        ClockQuality::Restored => "restored after the restart, may be late",
        ClockQuality::Unsynced => "not synchronised yet",
    };
    format!("{}, {quality}", local(clock.now))
}

fn last_error(error: &LastError) -> String {
    let times = if error.count > 1 { format!(" ({} times)", error.count) } else { String::new() };
    let label = format!("  {:>12} ago  ", seconds(error.age_s));
    paragraph(&label, &format!("{}: {}{times}", error.subject, error.message))
}

fn paragraph(label: &str, words: &str) -> String {
    let indent = " ".repeat(label.len());
    let mut text = fill(words, Options::new(COLUMNS).initial_indent(label).subsequent_indent(&indent));
    text.push('\n');
    text
}

fn seconds(seconds: u64) -> String {
    span(Duration::from_secs(seconds))
}

/// Hours for a person: `40 s`, `1 h`, `6 d 12 h`.
fn hours(hours: f64) -> String {
    span(Duration::try_from_secs_f64(hours * 3600.0).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Dropped, Problem, a_daemon_that_is_well};

    #[test]
    fn no_line_is_wider_than_80_columns_and_nothing_is_coloured_unasked() {
        let mut snapshot = a_daemon_that_is_well();
        snapshot.board =
            Some("Raspberry Pi Compute Module 4 with a name that is far too long Rev 1.1".to_owned());
        snapshot.link.phase = Phase::Waiting;
        snapshot.link.last_error = Some("word ".repeat(40));
        snapshot.backlog.dropped = Dropped { memory_full: 1, card_full: 2, too_old: 3, refused: 4 };
        snapshot.problems = vec![
            Problem { code: "a".to_owned(), message: "first ".repeat(30) },
            Problem { code: "b".to_owned(), message: "second ".repeat(30) },
        ];
        let error =
            LastError { subject: "link".to_owned(), message: "why ".repeat(50), age_s: 90_000, count: 7 };
        snapshot.errors = vec![error];
        let text = screen(&snapshot, false);
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.starts_with("Trouble: first") && text.contains("\nAlso: second"), "{text}");
        assert!(!text.contains('\x1b'));
        assert!(screen(&snapshot, true).starts_with("\x1b[1;31mTrouble:\x1b[0m first"));
    }

    #[test]
    fn it_says_how_sure_the_charge_is_how_long_it_lasts_and_what_the_battery_may_do() {
        let mut snapshot = a_daemon_that_is_well();
        let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut reading = LastReading {
            seq: 7,
            age_s: 0.5,
            voltage: 53.2,
            current: Some(-9.0),
            power: Some(-478.8),
            temperature: None,
            soc: 62.0,
            soc_low: 58.0,
            soc_high: 66.0,
            state: Some(State::Discharging),
            battery: Battery::default(),
        };
        assert!(charge(&reading).contains("not synchronised: charge it fully once"), "{}", charge(&reading));
        reading.battery = Battery {
            hours_since_sync: Some(26.5),
            ah_since_sync: Some(41.23),
            time_to_empty_s: Some(18_600.0),
            energy_in: Some(12.5),
            energy_out: Some(11.25),
            cycle_count: Some(4.2),
            soh: Some(93.0),
            charge_allowed: Some(false),
            load_allowed: Some(true),
            warnings: vec!["CHARGE_TOO_COLD".to_owned()],
            ..Battery::default()
        };
        snapshot.reading = Some(reading);
        let text = flat(screen(&snapshot, false));
        for words in [
            "synchronised 1 d 2 h and 41.2 Ah ago; empty in 5 h 10 min",
            "12.500 kWh in, 11.250 kWh out, 4.20 cycles, 93 % of its label's capacity",
            "loads are allowed, charging is not; warnings: CHARGE_TOO_COLD",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn the_first_line_of_a_daemon_that_is_well_says_so() {
        let text = screen(&a_daemon_that_is_well(), false);
        assert!(text.starts_with("All is well"), "{text}");
        assert!(text.contains("Lost     no samples since the start\n"), "{text}");
    }
}
