//! All devices lose their server and come back as the daemon does: the first attempt spread over the window that the
//! server has asked for, the next ones with a growing wait.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::all;
use crate::Failure;
use crate::arguments::{Reconnect, Target};
use crate::clock::monotonic;
use crate::device::{Counts, Device};
use crate::dial::{Dialer, Identity};
use crate::process::Processes;
use crate::sample;

/// As the daemon's (`src/uplink/backoff.rs`).
const FLOOR: Duration = Duration::from_millis(500);
const CAP: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Story {
    /// When each device lost its connection, and when its first sample after that was acknowledged; by
    /// `CLOCK_MONOTONIC`.
    lost: RefCell<Vec<f64>>,
    back: RefCell<Vec<f64>>,
    attempts: RefCell<u64>,
    windows: RefCell<Vec<u64>>,
    changed: Notify,
}

#[expect(clippy::print_stdout, reason = "tells who restarts the server that all are connected")]
pub(crate) async fn run(target: &Target, reconnect: &Reconnect) -> Result<Value, Failure> {
    let dialer = Rc::new(Dialer::new(target)?);
    let (counts, story) = (Rc::<Counts>::default(), Rc::<Story>::default());
    let mut tasks = JoinSet::new();
    for identity in dialer.some(reconnect.devices)?.to_vec() {
        let (dialer, counts) = (dialer.clone(), counts.clone());
        tasks.spawn_local(async move {
            let device = arrive(&dialer, &identity, &counts).await.map_err(|error| error.to_string())?;
            Ok((identity, device))
        });
    }
    let devices = all(tasks).await?;
    let count = devices.len();
    let processes = Processes::new(&target.pids);
    let connected = processes.cost()?;
    println!("connected");
    for (identity, device) in devices {
        spawn_local(live_on(dialer.clone(), identity, device, counts.clone(), story.clone()));
    }
    let everybody = async {
        while story.back.borrow().len() < count {
            story.changed.notified().await;
        }
    };
    // Some may be missing at the end: then the count says so.
    let _ = timeout(Duration::from_secs_f64(reconnect.seconds), everybody).await;
    let (mut lost, mut back) = (story.lost.take(), story.back.take());
    lost.sort_by(f64::total_cmp);
    back.sort_by(f64::total_cmp);
    let place = |all: &[f64], percent: usize| all.get(all.len() * percent / 100).or(all.last()).copied();
    let windows = story.windows.take();
    // Moments are seconds of CLOCK_MONOTONIC, which whoever restarted the server reads as well.
    Ok(json!({
        "devices": count,
        "lost": lost.len(),
        "back": back.len(),
        "attempts": story.attempts.take(),
        "retry_window_s": { "min": windows.iter().min(), "max": windows.iter().max() },
        "resident_kb_connected": connected.resident,
        "first_lost_at": lost.first(),
        "last_lost_at": lost.last(),
        "first_back_at": back.first(),
        "half_back_at": place(&back, 50),
        "p99_back_at": place(&back, 99),
        "all_back_at": back.last(),
    }))
}

/// Connects, and has a sample stored.
async fn arrive(dialer: &Dialer, identity: &Identity, counts: &Rc<Counts>) -> Result<Device, Failure> {
    let mut device = Device::connect(dialer, identity, 0, counts).await?;
    device.store_one().await?;
    Ok(device)
}

async fn live_on(
    dialer: Rc<Dialer>,
    identity: Identity,
    mut device: Device,
    counts: Rc<Counts>,
    story: Rc<Story>,
) {
    let told = device.ended().await;
    story.lost.borrow_mut().push(monotonic());
    let asked = told.as_ref().and_then(|(_, reason)| sample::retry_window(reason.as_bytes()));
    let window = asked.unwrap_or(device.retry_window);
    story.windows.borrow_mut().push(window);
    drop(device);
    sleep(jittered(FLOOR) + Duration::from_secs(window).mul_f64(fastrand::f64())).await;
    let mut wait = FLOOR;
    loop {
        *story.attempts.borrow_mut() += 1;
        if let Ok(mut device) = arrive(&dialer, &identity, &counts).await {
            story.back.borrow_mut().push(monotonic());
            story.changed.notify_one();
            // It stays.
            device.ended().await;
            return;
        }
        wait = (wait * 2).min(CAP);
        sleep(jittered(wait)).await;
    }
}

fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.5 + fastrand::f64())
}
