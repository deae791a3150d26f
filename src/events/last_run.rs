//! How the last run ended, as the record tells it.

use ems_protocol::Severity;

use super::code;
use super::event::Incident;
use super::record::Record;

/// What to record of the end of the last run: nothing if it was told to stop, or if there was none.
///
/// `earlier` is the record before this run's own start, oldest first. `kernel_boot_id` is the kernel's name of this
/// boot, with which the names on the wire begin.
pub fn ending_of_last_run(earlier: &Record, kernel_boot_id: &str) -> Option<Incident> {
    let bounds = [code::STARTED, code::STOPPED];
    let bound = earlier.newest_first().find(|event| bounds.contains(&event.code.as_str()))?;
    if bound.code == code::STOPPED {
        return None;
    }
    let last = earlier.newest_first().next().unwrap_or(bound);
    let incident = if last.boot_id.starts_with(kernel_boot_id) {
        let words = "the last run ended without a stop: ems-edge was killed or has crashed";
        Incident::new(Severity::Warning, code::CRASHED, words)
    } else {
        let words = "the last run ended without a stop: the power failed, or the system crashed";
        Incident::new(Severity::Warning, code::POWER_LOST, words)
    };
    Some(incident.with("last_event", last.timestamp.to_string()).with("last_boot", last.boot_id.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{BootTime, Clock, SystemTime};
    use crate::events::Event;

    fn event(code: &'static str, boot_id: &str) -> Event {
        let incident = Incident::new(Severity::Info, code, "");
        Event::new(incident, boot_id, BootTime(1), &Clock::new(SystemTime))
    }

    fn ending(events: &[(&'static str, &str)]) -> Option<&'static str> {
        let mut record = Record::default();
        for (code, boot) in events {
            record.record(event(code, boot));
        }
        ending_of_last_run(&record, "this").map(|incident| incident.code)
    }

    #[test]
    fn a_missing_stop_is_a_power_loss_in_another_boot_and_a_crash_in_this_one() {
        use code::{CONNECTED, CRASHED, POWER_LOST, STARTED, STOPPED};
        assert_eq!(ending(&[]), None);
        assert_eq!(ending(&[(STARTED, "other"), (STOPPED, "other")]), None);
        assert_eq!(ending(&[(STARTED, "other"), (CONNECTED, "other")]), Some(POWER_LOST));
        assert_eq!(ending(&[(STARTED, "this-1a2b"), (CONNECTED, "this-1a2b")]), Some(CRASHED));
        assert_eq!(ending(&[(STARTED, "other"), (STOPPED, "other"), (STARTED, "this")]), Some(CRASHED));
        // The oldest have made room: nothing can be told.
        assert_eq!(ending(&[(CONNECTED, "other")]), None);
    }
}
