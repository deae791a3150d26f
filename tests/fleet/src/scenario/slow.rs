//! Dashboards that stop reading, while a crowd goes on.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{sleep, sleep_until};

use super::all;
use crate::Failure;
use crate::arguments::{Slow, Target};
use crate::device::{Counts, Device};
use crate::dial::Dialer;
use crate::process::Processes;
use crate::subscriber;

/// The memory of the server is looked at so many times.
const LOOKS: u32 = 20;
/// A stuck reader shows that it lives, so that only its not reading is to blame.
const SIGN: Duration = Duration::from_secs(5);

pub(crate) async fn run(target: &Target, slow: &Slow) -> Result<Value, Failure> {
    let dialer = Rc::new(Dialer::new(target)?);
    let processes = Processes::new(&target.pids);
    let counts = Rc::<Counts>::default();
    let identities = dialer.some(slow.devices)?.to_vec();
    let mut devices = Vec::new();
    for identity in &identities {
        devices.push(Device::connect(&dialer, identity, slow.padding, &counts).await?);
    }
    let mut tasks = JoinSet::new();
    for reader in 0..slow.readers {
        let place = reader % devices.len().max(1);
        let (Some(device), Some(identity)) = (devices.get(place), identities.get(place)) else { continue };
        let (dialer, id, departures) = (dialer.clone(), identity.id.clone(), device.departures());
        tasks.spawn_local(async move {
            Ok((dialer.dashboard(&id).await.map_err(|error| error.to_string())?, departures))
        });
    }
    for (dashboard, departures) in all(tasks).await? {
        spawn_local(subscriber::watch(dashboard, departures, counts.clone()));
    }
    let start = Instant::now();
    let (begin, end) = (
        start + Duration::from_secs_f64(slow.before),
        start + Duration::from_secs_f64(slow.before + slow.seconds),
    );
    let period = Duration::from_secs_f64(1.0 / slow.rate);
    let count = devices.len();
    for (place, device) in devices.into_iter().enumerate() {
        spawn_local(device.publish(start + period.mul_f64(place as f64 / count as f64), period, end));
    }
    // The first seconds are of the connections' making.
    sleep_until((start + Duration::from_secs_f64(slow.before / 4.0)).into()).await;
    counts.measuring.set(true);
    sleep_until(begin.into()).await;
    let before = counts.deliveries.borrow_mut().percentiles();
    let alone = processes.cost()?.resident;
    let ids: Rc<Vec<String>> = Rc::new(identities.into_iter().map(|identity| identity.id).collect());
    let replaced = Rc::<Counts>::default();
    for place in 0..slow.stuck {
        spawn_local(stuck(dialer.clone(), place, ids.clone(), end, replaced.clone()));
    }
    let mut resident = Vec::new();
    for look in 1..=LOOKS {
        sleep_until(
            (begin + Duration::from_secs_f64(slow.seconds).mul_f64(f64::from(look) / f64::from(LOOKS)))
                .into(),
        )
        .await;
        resident.push(processes.cost()?.resident);
    }
    counts.measuring.set(false);
    let during = counts.deliveries.borrow_mut().percentiles();
    sleep(Duration::from_secs(2)).await;
    Ok(json!({
        "readers": slow.readers,
        "stuck": slow.stuck,
        "stuck_ended_by_server": replaced.ended.get(),
        "seconds": slow.seconds,
        "sent": counts.sent.get(),
        "delivered": counts.delivered.get(),
        "skipped": counts.skipped.get(),
        "readers_ended": counts.ended.get(),
        "before": before,
        "during": during,
        "resident_kb_before": alone,
        "resident_kb": resident,
    }))
}

/// Asks for everything, at the event door or at a dashboard's, reads nothing, and comes again when it is thrown out.
async fn stuck(dialer: Rc<Dialer>, place: usize, ids: Rc<Vec<String>>, end: Instant, counts: Rc<Counts>) {
    while Instant::now() < end {
        let path = match ids.get(place) {
            Some(id) if place % 2 == 1 => format!("/ws/dashboard/{id}"),
            _ => "/ws".to_owned(),
        };
        if let Ok(mut socket) = dialer.narrow(&path).await {
            let mut rooms: Vec<String> = ids.iter().map(|id| format!("device/{id}")).collect();
            rooms.extend(["devices", "events", "uwb", "alarms"].map(str::to_owned));
            let subscribe = json!({ "type": "subscribe", "payload": { "rooms": rooms } }).to_string();
            let mut alive = path != "/ws" || socket.send(&subscribe).await.is_ok();
            while alive && Instant::now() < end {
                sleep(SIGN).await;
                alive = socket.ping().await.is_ok();
            }
            if !alive {
                crate::device::add(&counts.ended, 1);
            }
        }
        sleep(Duration::from_secs(1)).await;
    }
}
