//! A device as the room `fleet` shows it.

use std::time::{Duration, Instant};

use ems_protocol::Timestamp;

use super::Device;
use crate::fleet::row::{self, Standing};
use crate::fleet::spark::{self, Minute};
use crate::sync::Locked;

/// A conflict is shown in the fleet for so long after its last fight, unless the token is replaced before.
const CONFLICT_SHOWN_MS: i64 = 60 * 60 * 1000;

/// The curves of all devices are not made in the second in which a minute ends, but spread over so many.
const CURVES_SPREAD_S: i64 = 20;

/// A row of the room `fleet`, as JSON.
pub struct RowChange {
    /// All but the curve.
    pub body: String,
    /// The curve, if it is news: empty when there is none any more.
    pub spark: Option<String>,
}

impl Device {
    /// Alarms of it that are not over, and those of them that nobody has acknowledged.
    pub fn set_alarms(&self, alarms: (u32, u32)) {
        let mut state = self.state.locked();
        state.row.is_news |= state.alarms != alarms;
        state.alarms = alarms;
    }

    /// What the history has of the last minutes.
    pub(in crate::fleet) fn fill_spark(&self, minutes: &[Minute]) {
        let mut state = self.state.locked();
        for minute in minutes {
            state.spark.fill(minute);
        }
        // Most in a minute: not all of the others were whole.
        if let Some(most) = minutes.iter().map(|minute| minute.soc.1.max(minute.power.1)).max()
            && let Some(interval) = Duration::from_mins(1).checked_div(most)
        {
            state.pulse.expect(interval);
        }
        state.row.spark_is_news = true;
    }

    /// Looks whether the device has fallen silent.
    pub(in crate::fleet) fn check(&self, now: Instant) {
        let mut state = self.state.locked();
        if state.pulse.fades(now) {
            self.announce(&mut state);
        }
    }

    /// Its row in the room `fleet`, if that is news; it is none any more then.
    pub(in crate::fleet) fn take_row(&self, now: Timestamp) -> Option<RowChange> {
        let mut state = self.state.locked();
        let state = &mut *state;
        let minute = spark::minute_of(now.millis() - self.key.rem_euclid(CURVES_SPREAD_S) * 1000);
        let mut spark_is_news = std::mem::take(&mut state.row.spark_is_news);
        spark_is_news |= state.row.minute != minute;
        if !std::mem::take(&mut state.row.is_news) && !spark_is_news {
            return None;
        }
        state.row.minute = minute;
        let standing = Standing {
            name: state.name.as_deref(),
            enabled: state.enabled,
            connected: state.claims.live().is_some(),
            presence: state.pulse.presence(),
            since: state.pulse.since(),
            last_seen: state.last_seen,
            alarms: state.alarms,
            groups: &state.groups,
            conflict: state.conflict.is_some_and(|at| now.millis() - at.millis() < CONFLICT_SHOWN_MS),
            backlog: state.backlog,
        };
        let body = row::json(&self.id, &state.vitals, &standing);
        let spark = spark_is_news.then(|| state.spark.json(minute).unwrap_or_default());
        Some(RowChange { body, spark })
    }
}
