//! Connections that never say who they are, a byte at a time, from one address, beside devices that work.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::sleep;

use super::{WARM_UP, all, measure};
use crate::Failure;
use crate::arguments::{Strangers, Target};
use crate::device::{Counts, Device, add};
use crate::dial::Dialer;
use crate::process::Processes;

/// Between two bytes of a stranger, and between its end and its next connection.
const DRIP: Duration = Duration::from_secs(1);

pub(crate) async fn run(target: &Target, strangers: &Strangers) -> Result<Value, Failure> {
    let dialer = Rc::new(Dialer::new(target)?);
    let processes = Processes::new(&target.pids);
    let counts = Rc::<Counts>::default();
    let mut tasks = JoinSet::new();
    for identity in dialer.some(strangers.devices)?.to_vec() {
        let (dialer, counts) = (dialer.clone(), counts.clone());
        tasks.spawn_local(async move {
            Device::connect(&dialer, &identity, 0, &counts).await.map_err(|error| error.to_string())
        });
    }
    let devices = all(tasks).await?;
    let before = processes.cost()?.resident;
    let start = Instant::now();
    let end = start + WARM_UP + Duration::from_secs_f64(strangers.seconds);
    let count = devices.len();
    for (place, device) in devices.into_iter().enumerate() {
        let first = start + Duration::from_secs_f64(place as f64 / count as f64);
        spawn_local(device.publish(first, Duration::from_secs(1), end));
    }
    let met = Rc::<Counts>::default();
    for _ in 0..strangers.count {
        spawn_local(stranger(dialer.clone(), end, met.clone()));
    }
    let window =
        measure(&processes, &counts, end, |counts| counts.acknowledged.get() >= counts.sent.get()).await?;
    Ok(json!({
        "strangers": strangers.count,
        "strangers_opened": met.sent.get(),
        "strangers_ended_by_server": met.ended.get(),
        "sent": counts.sent.get(),
        "acknowledged": counts.acknowledged.get(),
        "devices_ended": counts.ended.get(),
        "each_message": window.costs(window.sent()),
        "acknowledgement": counts.acknowledgements.borrow_mut().percentiles(),
        "resident_kb_each_stranger":
            ((window.end.cost.resident.saturating_sub(before)) as f64 / strangers.count as f64 * 10.0).round() / 10.0,
    }))
}

async fn stranger(dialer: Rc<Dialer>, end: Instant, counts: Rc<Counts>) {
    while Instant::now() < end {
        if let Ok(mut stream) = dialer.tcp(None).await {
            add(&counts.sent, 1);
            let mut alive = stream.write_all(b"GET /ws HTTP/1.1\r\nx: ").await.is_ok();
            while alive && Instant::now() < end {
                sleep(DRIP.mul_f64(0.5 + fastrand::f64())).await;
                alive = stream.write_all(b"x").await.is_ok();
            }
            if !alive {
                add(&counts.ended, 1);
            }
        }
        sleep(DRIP.mul_f64(fastrand::f64())).await;
    }
}
