//! Alarms: rules are held against the devices once a second; what they raise and clear is stored and told.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ems_protocol::encode;
use rusqlite::Connection;
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::app::App;
use crate::clock;
use crate::fleet::device::Snapshot;
use crate::rooms::Topic;
use crate::store::StoreError;
use crate::store::alarms::{self as table, Alarm, Kind, NewAlarm, Open, Rule};
use crate::store::webhooks::deliveries::Told;
use crate::webhooks;

/// How often the rules are held against the devices.
const TICK: Duration = Duration::from_secs(1);

/// What is known of each rule and device (their keys in the store).
#[derive(Default)]
struct Watch {
    /// Since when the cause is there, where no alarm was raised yet.
    pending: HashMap<(i64, i64), Instant>,
    /// Alarms that are not over.
    raised: HashSet<(i64, i64)>,
    /// How many each device has, and how many of them nobody has acknowledged.
    counts: HashMap<i64, (u32, u32)>,
}

/// What a rule says of a device now.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    /// The cause is there: the sentence, and the value.
    Bad(String, Option<f64>),
    /// It is gone.
    Good,
    /// Neither: within the hysteresis, or nothing is known.
    Unclear,
}

/// Looks after alarms for as long as the server runs.
pub async fn keep_watch(app: Arc<App>) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut watch = Watch::default();
    let started = Instant::now();
    loop {
        tick.tick().await;
        if let Err(error) = look(&app, &mut watch, started.elapsed()).await {
            warn!(%error, "the alarms could not be looked after");
            // Once in a while is enough to say so.
            tokio::time::sleep(TICK * 10).await;
        }
    }
}

async fn look(app: &App, watch: &mut Watch, uptime: Duration) -> Result<(), StoreError> {
    let (rules, open) = app.store.read(|db| Ok((table::rules(db)?, table::open(db)?))).await?;
    count(app, watch, &open);
    watch.raised = open.into_iter().map(|open| (open.rule, open.device)).collect();
    if rules.is_empty() && watch.raised.is_empty() {
        watch.pending.clear();
        return Ok(());
    }
    let devices = app.fleet.all().await;
    let (mut raise, mut clear) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for device in &devices {
        let snapshot = device.snapshot();
        // Read once, and only if a rule wants it.
        let mut sample = None;
        for rule in rules.iter().filter(|rule| rule.device_id.as_ref().is_none_or(|id| *id == device.id)) {
            let verdict = judge(rule, &snapshot, &mut sample, uptime);
            let key = (rule.id, device.key);
            seen.insert(key);
            match verdict {
                Verdict::Bad(message, value) if !watch.raised.contains(&key) => {
                    let since = *watch.pending.entry(key).or_insert_with(Instant::now);
                    if since.elapsed().as_secs_f64() >= delay(rule) {
                        raise.push(NewAlarm { rule: rule.clone(), device: device.key, message, value });
                    }
                }
                Verdict::Good => {
                    watch.pending.remove(&key);
                    if watch.raised.contains(&key) {
                        clear.push((device.key, rule.id));
                    }
                }
                // It must be so all the time until the alarm is raised.
                Verdict::Unclear => {
                    watch.pending.remove(&key);
                }
                Verdict::Bad(..) => {}
            }
        }
    }
    // Nothing is heard any more of a device that was removed, or of a rule.
    clear.extend(watch.raised.difference(&seen).map(|&(rule, device)| (device, rule)));
    watch.pending.retain(|key, _| seen.contains(key));
    if raise.is_empty() && clear.is_empty() {
        return Ok(());
    }
    let now = clock::now().millis();
    let changed = app.store.write(move |db| {
        let (told, mut changed) = (Told::load(db)?, Vec::new());
        for new in &raise {
            if let Some(alarm) = table::raise(db, new, now)? {
                report(db, &told, webhooks::ALARM_RAISED, &alarm, now)?;
                changed.push(alarm);
            }
        }
        for (device, rule) in clear {
            if let Some(alarm) = table::clear(db, device, rule, now)? {
                report(db, &told, webhooks::ALARM_CLEARED, &alarm, now)?;
                changed.push(alarm);
            }
        }
        Ok(changed)
    });
    for alarm in changed.await? {
        info!(device_id = %alarm.device_id, alarm = alarm.id, raised = alarm.cleared_at.is_none(), "{}", alarm.message);
        tell(app, &alarm);
    }
    Ok(())
}

/// Has the rows of the fleet show how many alarms each device has.
fn count(app: &App, watch: &mut Watch, open: &[Open]) {
    let mut counts: HashMap<i64, (u32, u32)> = HashMap::new();
    for alarm in open {
        let (all, unseen) = counts.entry(alarm.device).or_default();
        *all += 1;
        *unseen += u32::from(!alarm.acknowledged);
    }
    if counts != watch.counts {
        for device in app.fleet.present() {
            device.set_alarms(counts.get(&device.key).copied().unwrap_or_default());
        }
        watch.counts = counts;
    }
}

/// Queues what happened to an alarm for those who are told over HTTP.
pub fn report(db: &Connection, told: &Told, event: &str, alarm: &Alarm, now: i64) -> rusqlite::Result<()> {
    told.enqueue(db, event, &alarm.device_id, &json!(alarm), now)
}

/// Tells an alarm to those who are in the room.
pub fn tell(app: &App, alarm: &Alarm) {
    let message = encode("alarm", alarm).into();
    app.hub.event(Topic::Alarms, Some(&alarm.device_id), &message);
}

/// The time in an offline or no-data rule is part of its condition already.
fn delay(rule: &Rule) -> f64 {
    if matches!(rule.kind, Kind::Offline | Kind::NoData) { 0.0 } else { rule.for_s }
}

fn judge(rule: &Rule, device: &Snapshot, sample: &mut Option<Value>, uptime: Duration) -> Verdict {
    match rule.kind {
        Kind::Offline if device.status.online => Verdict::Good,
        Kind::Offline => silent(rule, age(device.status.since.millis()), uptime, "offline"),
        Kind::NoData => match device.status.last_seen {
            // A device that was never there is not missed.
            None => Verdict::Unclear,
            Some(at) => silent(rule, age(at.millis()), uptime, "without data"),
        },
        Kind::Fault => faults(latest(device, sample)),
        Kind::Below | Kind::Above => threshold(rule, latest(device, sample)),
    }
}

fn latest<'a>(device: &Snapshot, sample: &'a mut Option<Value>) -> &'a Value {
    sample.get_or_insert_with(|| {
        let text = device.latest.as_ref().map(|frame| frame.bare().as_str());
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    })
}

/// In s, by the server's clock on both ends.
fn age(at: i64) -> f64 {
    (clock::now().millis() - at).max(0) as f64 / 1e3
}

/// Silence while the server was down is nobody's fault: devices have as long as ever to come back.
fn silent(rule: &Rule, seconds: f64, uptime: Duration, words: &str) -> Verdict {
    let limit = rule.for_s.max(1.0);
    if seconds < limit {
        Verdict::Good
    } else if uptime.as_secs_f64() < limit {
        Verdict::Unclear
    } else {
        Verdict::Bad(format!("{words} for {}", span(limit)), None)
    }
}

/// A time as a rule has it, in words: `45 s`, `10 min`, `1 h 30 min`. Exact to the second, as people set it.
fn span(seconds: f64) -> String {
    // In range: a rule takes at most a year.
    let whole = Duration::try_from_secs_f64(seconds.round()).unwrap_or_default().as_secs();
    let parts =
        [(whole / 86_400, "d"), (whole / 3_600 % 24, "h"), (whole / 60 % 60, "min"), (whole % 60, "s")];
    let words: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    words.join(" ")
}

fn faults(sample: &Value) -> Verdict {
    let lists = ["/battery/faults", "/system_status/error_flags"].map(|path| sample.pointer(path));
    let all: Vec<&str> =
        lists.into_iter().flatten().filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
    match (sample.is_object(), all.is_empty()) {
        (false, _) => Verdict::Unclear,
        (true, true) => Verdict::Good,
        (true, false) => Verdict::Bad(format!("the device says {}", all.join(", ")), None),
    }
}

fn threshold(rule: &Rule, sample: &Value) -> Verdict {
    let field = rule.field.as_deref().unwrap_or_default();
    let value = sample.pointer(&format!("/{}", field.replace('.', "/"))).and_then(Value::as_f64);
    let (Some(value), Some(limit)) = (value, rule.threshold) else { return Verdict::Unclear };
    let (bad, word, good) = match rule.kind {
        Kind::Below => (value < limit, "below", value >= limit + rule.hysteresis),
        _ => (value > limit, "above", value <= limit - rule.hysteresis),
    };
    match (bad, good) {
        (true, _) => Verdict::Bad(format!("{field} is {value}, {word} {limit}"), Some(value)),
        (false, true) => Verdict::Good,
        (false, false) => Verdict::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ems_protocol::Severity;

    fn rule(kind: Kind) -> Rule {
        Rule {
            id: 1,
            name: "n".into(),
            device_id: None,
            kind,
            field: Some("battery.soc".into()),
            threshold: Some(20.0),
            hysteresis: 5.0,
            for_s: 0.0,
            severity: Severity::Warning,
        }
    }

    #[test]
    fn an_alarm_is_over_only_beyond_the_hysteresis_and_nothing_is_said_without_a_value() {
        let soc = |soc: f64| threshold(&rule(Kind::Below), &json!({"battery": {"soc": soc}}));
        assert_eq!(soc(19.9), Verdict::Bad("battery.soc is 19.9, below 20".into(), Some(19.9)));
        assert_eq!([soc(20.0), soc(24.9), soc(25.0)], [Verdict::Unclear, Verdict::Unclear, Verdict::Good]);
        let above = |soc: f64| threshold(&rule(Kind::Above), &json!({"battery": {"soc": soc}}));
        assert_eq!([above(20.0), above(15.0)], [Verdict::Unclear, Verdict::Good]);
        assert!(matches!(above(20.1), Verdict::Bad(..)));
        for sample in [json!(null), json!({}), json!({"battery": {"soc": "20"}})] {
            assert_eq!(threshold(&rule(Kind::Below), &sample), Verdict::Unclear);
        }
    }

    #[test]
    fn a_device_is_not_missed_before_the_server_has_waited_for_it_as_long_as_the_rule_says() {
        let rule = Rule { for_s: 60.0, ..rule(Kind::Offline) };
        let silent = |seconds, uptime| silent(&rule, seconds, Duration::from_secs(uptime), "offline");
        assert_eq!(silent(7_200.0, 5), Verdict::Unclear);
        assert_eq!(silent(7_200.0, 60), Verdict::Bad("offline for 1 min".into(), None));
        assert_eq!([silent(59.0, 5), silent(59.0, 600)], [Verdict::Good, Verdict::Good]);
    }

    #[test]
    fn a_time_is_told_in_the_units_that_people_use() {
        for (seconds, words) in
            [(1.0, "1 s"), (45.0, "45 s"), (600.0, "10 min"), (90.0, "1 min 30 s"), (5_400.0, "1 h 30 min")]
        {
            assert_eq!(span(seconds), words);
        }
        assert_eq!(span(31_536_000.0), "365 d");
    }

    #[test]
    fn faults_and_flags_are_a_cause_and_their_absence_is_none() {
        assert_eq!(faults(&Value::Null), Verdict::Unclear);
        assert_eq!(faults(&json!({"battery": {"faults": []}})), Verdict::Good);
        let both = json!({"battery": {"faults": ["OVER_VOLTAGE"]}, "system_status": {"error_flags": ["SENSOR_LOST"]}});
        assert_eq!(faults(&both), Verdict::Bad("the device says OVER_VOLTAGE, SENSOR_LOST".into(), None));
    }
}
