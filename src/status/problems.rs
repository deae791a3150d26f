//! What is wrong, in words, with what to do about it: the judgement behind the screen's first line.

use std::time::Duration;

use ems_protocol::{ClockQuality, State};

use super::snapshot::{Phase, Problem, Snapshot};
use crate::words::{count, span};

/// A connection that is lost for longer is a problem.
const LINK_PATIENCE_S: u64 = 60;
/// A server that confirms nothing for longer, though it is or was connected meanwhile, is a problem.
const CONFIRM_PATIENCE_S: u64 = 120;
/// A connection that is younger may still bring the confirmations.
const FIRST_CONFIRM_S: u64 = 30;
/// A daemon that has run for so long without a trustworthy clock will not get one by itself.
const CLOCK_PATIENCE_S: u64 = 300;
/// More failed readings than this among the last 60 are a problem though the last one succeeded.
const GAPS: u32 = 6;
/// Room for less than this is a problem.
const ROOM_HOURS: f64 = 1.0;

/// The problems of a snapshot, the most important first.
pub(super) fn of(snapshot: &Snapshot) -> Vec<Problem> {
    let checks = [stalled, sensor, battery, outputs, link, room, card, gaps, clock];
    checks.into_iter().filter_map(|check| check(snapshot)).collect()
}

fn stalled(snapshot: &Snapshot) -> Option<Problem> {
    let part = snapshot.stalled.as_ref()?;
    problem("stalled", format!("the {part} has stalled: systemctl restart ems-edge"))
}

fn battery(snapshot: &Snapshot) -> Option<Problem> {
    let reading = snapshot.reading.as_ref()?;
    let faults = reading.battery.faults.join(", ");
    if faults.is_empty() && reading.state != Some(State::Error) {
        return None;
    }
    let faults = if faults.is_empty() { String::new() } else { format!(": {faults}") };
    let state = if reading.state == Some(State::Error) { "is in error" } else { "has a fault" };
    let remedy = "mend the cause; what stays after it is forgotten by the command RESET_ERROR";
    problem("battery", format!("the battery {state}{faults}: {remedy}"))
}

fn outputs(snapshot: &Snapshot) -> Option<Problem> {
    problem("outputs", snapshot.outputs.clone()?)
}

fn sensor(snapshot: &Snapshot) -> Option<Problem> {
    let sensor = &snapshot.sensor;
    let trouble = sensor.trouble.as_ref()?;
    problem("sensor_lost", format!("no readings for {}: {trouble}", seconds(sensor.since_s)))
}

fn link(snapshot: &Snapshot) -> Option<Problem> {
    let link = &snapshot.link;
    let why = link.last_error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    let lost = format!("not connected to {} for {}{why}", link.server, seconds(link.since_s));
    match link.phase {
        Phase::Refused => problem("refused", lost),
        Phase::Dialling | Phase::Waiting if link.since_s > LINK_PATIENCE_S => problem("not_connected", lost),
        Phase::Connected if link.since_s <= FIRST_CONFIRM_S => None,
        Phase::Connected => unconfirmed(snapshot, ""),
        // It may come and go, and never hold for long enough.
        Phase::Dialling | Phase::Waiting => unconfirmed(snapshot, &why),
    }
}

/// A server that takes the connection and stores nothing looks well from afar.
fn unconfirmed(snapshot: &Snapshot, why: &str) -> Option<Problem> {
    let since = snapshot.backlog.unconfirmed_s.filter(|since| *since > CONFIRM_PATIENCE_S)?;
    let (server, waiting) = (&snapshot.link.server, snapshot.backlog.waiting());
    let (since, wait) = (seconds(since), if waiting == 1 { "waits" } else { "wait" });
    let words =
        format!("{server} has confirmed no sample for {since}, {} {wait} here", count(waiting, "sample"));
    problem("unconfirmed", format!("{words}{why}; look at the server's log and disk"))
}

fn room(snapshot: &Snapshot) -> Option<Problem> {
    let backlog = &snapshot.backlog;
    let is_taken = snapshot.link.phase == Phase::Connected && unconfirmed(snapshot, "").is_none();
    if is_taken || backlog.waiting() == 0 || backlog.room_hours >= ROOM_HOURS.min(backlog.hours) {
        return None;
    }
    if backlog.room_hours * 3600.0 < snapshot.sensor.interval_s {
        let lost = count(backlog.dropped.total(), "sample");
        problem(
            "dropping",
            format!(
                "there is no room for more samples, the oldest are lost ({lost} so far): mend the connection"
            ),
        )
    } else {
        let left = span(Duration::from_secs_f64(backlog.room_hours * 3600.0));
        problem("room", format!("in {left} the oldest samples will be lost: mend the connection"))
    }
}

fn card(snapshot: &Snapshot) -> Option<Problem> {
    problem("card", snapshot.backlog.card_trouble.clone()?)
}

fn gaps(snapshot: &Snapshot) -> Option<Problem> {
    let sensor = &snapshot.sensor;
    let flaky = sensor.answers == Some(true) && sensor.recent_gaps > GAPS;
    let message = || {
        format!(
            "{} of the last {} readings of the {} failed: check its plug and cable",
            sensor.recent_gaps, sensor.recent, sensor.device
        )
    };
    flaky.then(|| problem("sensor_unsteady", message()))?
}

fn clock(snapshot: &Snapshot) -> Option<Problem> {
    let unset = snapshot.clock.quality == ClockQuality::Unsynced && snapshot.uptime_s > CLOCK_PATIENCE_S;
    let message = "nobody has set this machine's clock, so time stamps may be wrong: see timedatectl";
    unset.then(|| problem("clock", message))?
}

fn seconds(seconds: u64) -> String {
    span(Duration::from_secs(seconds))
}

#[expect(clippy::unnecessary_wraps, reason = "what each check gives")]
fn problem(code: &str, message: impl Into<String>) -> Option<Problem> {
    Some(Problem { code: code.to_owned(), message: message.into() })
}

#[cfg(test)]
pub(crate) mod tests {
    use ems_protocol::{Battery, Timestamp};

    use super::*;
    use crate::status::{Backlog, Dropped, LastReading, Link, Mode, Sensor, WallClock};

    /// A daemon that is well.
    pub(crate) fn well() -> Snapshot {
        Snapshot {
            device_id: "ems_001".to_owned(),
            boot_id: "boot".to_owned(),
            version: "0.1.0".to_owned(),
            board: None,
            started: Timestamp::from_millis(1_770_000_000_000),
            uptime_s: 3600,
            problems: Vec::new(),
            sensor: Sensor {
                device: "INA226 at 0x40 on /dev/i2c-1".to_owned(),
                answers: Some(true),
                since_s: 3600,
                trouble: None,
                fault: None,
                response: None,
                recent_gaps: 0,
                recent: 60,
                interval_s: 1.0,
            },
            reading: None,
            link: Link {
                phase: Phase::Connected,
                since_s: 3590,
                server: "cloud.example.com".to_owned(),
                mode: Some(Mode::Typed),
                last_error: None,
                attempts: 0,
                next_attempt_s: None,
                turned_away: None,
                turned_away_s: None,
                accepted: true,
            },
            backlog: Backlog {
                memory: 1,
                card: None,
                hours: 1.0 / 3600.0,
                oldest_age_s: Some(0),
                unconfirmed_s: Some(0),
                room_hours: 1.0,
                dropped: Dropped::default(),
                card_trouble: None,
            },
            clock: WallClock {
                now: Timestamp::from_millis(1_770_003_600_000),
                quality: ClockQuality::Synced,
            },
            outputs: None,
            stalled: None,
            errors: Vec::new(),
        }
    }

    fn problems_with(change: impl FnOnce(&mut Snapshot)) -> Vec<String> {
        let mut snapshot = well();
        change(&mut snapshot);
        of(&snapshot).into_iter().map(|problem| problem.code).collect()
    }

    #[test]
    fn a_daemon_that_is_well_has_no_problem() {
        assert_eq!(problems_with(|_| {}), [""; 0]);
    }

    #[test]
    fn a_connection_may_be_missing_for_a_minute_unless_the_server_refuses_it() {
        let lost = |phase, since_s| {
            problems_with(|s| {
                s.link.phase = phase;
                s.link.since_s = since_s;
            })
        };
        assert_eq!(lost(Phase::Waiting, 60), [""; 0]);
        assert_eq!(lost(Phase::Waiting, 61), ["not_connected"]);
        assert_eq!(lost(Phase::Dialling, 61), ["not_connected"]);
        assert_eq!(lost(Phase::Refused, 0), ["refused"]);
    }

    #[test]
    fn a_server_that_confirms_nothing_is_a_problem_however_well_it_is_connected() {
        let silent = |phase, since_s, unconfirmed_s| {
            problems_with(|s| {
                s.link.phase = phase;
                s.link.since_s = since_s;
                s.backlog.unconfirmed_s = unconfirmed_s;
            })
        };
        assert_eq!(silent(Phase::Connected, 3600, Some(120)), [""; 0]);
        assert_eq!(silent(Phase::Connected, 3600, Some(121)), ["unconfirmed"]);
        // After an outage the first confirmation takes a moment.
        assert_eq!(silent(Phase::Connected, 30, Some(900)), [""; 0]);
        assert_eq!(silent(Phase::Connected, 31, Some(900)), ["unconfirmed"]);
        // It comes and goes.
        assert_eq!(silent(Phase::Waiting, 5, Some(900)), ["unconfirmed"]);
        assert_eq!(silent(Phase::Waiting, 61, Some(900)), ["not_connected"]);
        assert_eq!(silent(Phase::Connected, 3600, None), [""; 0]);
    }

    #[test]
    fn a_lost_sensor_comes_before_a_lost_connection() {
        let codes = problems_with(|s| {
            s.sensor.answers = Some(false);
            s.sensor.trouble = Some("INA226 does not answer".to_owned());
            s.link.phase = Phase::Waiting;
            s.link.since_s = 900;
        });
        assert_eq!(codes, ["sensor_lost", "not_connected"]);
    }

    #[test]
    fn a_battery_in_error_and_an_output_that_cannot_be_driven_are_problems() {
        let reading = |state, faults: &[&str]| LastReading {
            seq: 1,
            age_s: 0.5,
            voltage: 13.2,
            current: Some(105.0),
            power: None,
            temperature: None,
            soc: 50.0,
            soc_low: 40.0,
            soc_high: 60.0,
            state: Some(state),
            battery: Battery {
                faults: faults.iter().map(|&name| name.to_owned()).collect(),
                ..Battery::default()
            },
        };
        assert_eq!(problems_with(|s| s.reading = Some(reading(State::Idle, &[]))), [""; 0]);
        let codes = problems_with(|s| {
            s.reading = Some(reading(State::Error, &["OVERCURRENT"]));
            s.outputs = Some("output pump: GPIO 22 does not follow".to_owned());
        });
        assert_eq!(codes, ["battery", "outputs"]);
        assert_eq!(problems_with(|s| s.reading = Some(reading(State::Full, &["OVERVOLTAGE"]))), ["battery"]);
    }

    #[test]
    fn a_backlog_that_nears_its_end_is_a_problem_before_and_when_samples_are_lost() {
        let full = |room_hours: f64| {
            problems_with(|s| {
                s.link.phase = Phase::Waiting;
                s.link.since_s = 30;
                s.backlog.hours = 100.0;
                s.backlog.memory = 360_000;
                s.backlog.room_hours = room_hours;
            })
        };
        assert_eq!(full(5.0), [""; 0]);
        assert_eq!(full(0.5), ["room"]);
        assert_eq!(full(0.0), ["dropping"]);
    }

    #[test]
    fn an_unsteady_sensor_an_unset_clock_a_bad_card_and_a_stall_are_problems() {
        assert_eq!(problems_with(|s| s.sensor.recent_gaps = 14), ["sensor_unsteady"]);
        assert_eq!(problems_with(|s| s.clock.quality = ClockQuality::Unsynced), ["clock"]);
        assert_eq!(problems_with(|s| s.clock.quality = ClockQuality::Server), [""; 0]);
        assert_eq!(problems_with(|s| s.backlog.card_trouble = Some("full".to_owned())), ["card"]);
        assert_eq!(problems_with(|s| s.stalled = Some("uplink".to_owned())), ["stalled"]);
    }
}
