//! Every device sends at its rate, and each has one dashboard.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::{JoinSet, spawn_local};

use super::{WARM_UP, all, measure};
use crate::Failure;
use crate::arguments::{Ingest, Target};
use crate::device::{Counts, Device};
use crate::dial::Dialer;
use crate::process::Processes;
use crate::subscriber;

pub(crate) async fn run(target: &Target, ingest: &Ingest) -> Result<Value, Failure> {
    let dialer = Rc::new(Dialer::new(target)?);
    let processes = Processes::new(&target.pids);
    let counts = Rc::<Counts>::default();
    let mut tasks = JoinSet::new();
    for identity in dialer.some(ingest.devices)?.to_vec() {
        let (dialer, counts) = (dialer.clone(), counts.clone());
        tasks.spawn_local(async move {
            let device =
                Device::connect(&dialer, &identity, 0, &counts).await.map_err(|error| error.to_string())?;
            let dashboard = dialer.dashboard(&identity.id).await.map_err(|error| error.to_string())?;
            spawn_local(subscriber::watch(dashboard, device.departures(), counts));
            Ok(device)
        });
    }
    let devices = all(tasks).await?;
    let start = Instant::now() + Duration::from_millis(500);
    let end = start + WARM_UP + Duration::from_secs_f64(ingest.seconds);
    let period = Duration::from_secs_f64(1.0 / ingest.rate);
    let count = devices.len();
    for (place, device) in devices.into_iter().enumerate() {
        // Spread over the period, as the clocks of devices are.
        let first = start + period.mul_f64(place as f64 / count as f64);
        spawn_local(device.publish(first, period, end));
    }
    let typed = dialer.typed;
    let window = measure(&processes, &counts, end, |counts| {
        let all = counts.sent.get();
        counts.delivered.get() + counts.skipped.get() >= all && (!typed || counts.acknowledged.get() >= all)
    })
    .await?;
    let (sent, delivered) = (counts.sent.get(), counts.delivered.get());
    Ok(json!({
        "devices": count,
        "sent": sent,
        "delivered": delivered,
        // What a dashboard was not shown because its server was behind is no loss: the next sample replaced it.
        "skipped": counts.skipped.get(),
        "lost": sent.saturating_sub(delivered + counts.skipped.get()),
        "acknowledged": counts.acknowledged.get(),
        "complaints": counts.complaints.get(),
        "connections_ended": counts.ended.get(),
        "messages_per_second": (window.sent() as f64 / ingest.seconds).round(),
        "each_message": window.costs(window.sent()),
        "delivery": counts.deliveries.borrow_mut().percentiles(),
        "acknowledgement": counts.acknowledgements.borrow_mut().percentiles(),
    }))
}
