//! One device and a crowd of dashboards.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::{JoinSet, spawn_local};

use super::{WARM_UP, all, measure};
use crate::Failure;
use crate::arguments::{Fanout, Target};
use crate::device::{Counts, Device};
use crate::dial::Dialer;
use crate::process::Processes;
use crate::subscriber;

pub(crate) async fn run(target: &Target, fanout: &Fanout) -> Result<Value, Failure> {
    let dialer = Rc::new(Dialer::new(target)?);
    let processes = Processes::new(&target.pids);
    let counts = Rc::<Counts>::default();
    let identity = dialer.some(1)?.first().ok_or("no devices")?.clone();
    let device = Device::connect(&dialer, &identity, 0, &counts).await?;
    let mut tasks = JoinSet::new();
    for _ in 0..fanout.subscribers {
        let (dialer, id) = (dialer.clone(), identity.id.clone());
        tasks.spawn_local(async move { dialer.dashboard(&id).await.map_err(|error| error.to_string()) });
    }
    for dashboard in all(tasks).await? {
        spawn_local(subscriber::watch(dashboard, device.departures(), counts.clone()));
    }
    let start = Instant::now() + Duration::from_millis(500);
    let end = start + WARM_UP + Duration::from_secs_f64(fanout.seconds);
    spawn_local(device.publish(start, Duration::from_secs_f64(1.0 / fanout.rate), end));
    let readers = fanout.subscribers as u64;
    let window = measure(&processes, &counts, end, |counts| {
        counts.delivered.get() + counts.skipped.get() >= counts.sent.get() * readers
    })
    .await?;
    let (due, delivered) = (counts.sent.get() * readers, counts.delivered.get());
    Ok(json!({
        "subscribers": readers,
        "due": due,
        "delivered": delivered,
        "skipped": counts.skipped.get(),
        "lost": due.saturating_sub(delivered + counts.skipped.get()),
        "connections_ended": counts.ended.get(),
        "each_delivery": window.costs(window.delivered()),
        "delivery": counts.deliveries.borrow_mut().percentiles(),
    }))
}
