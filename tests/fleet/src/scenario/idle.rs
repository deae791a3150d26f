//! Connections that are authenticated and say nothing.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::all;
use crate::Failure;
use crate::arguments::{Idle, Target};
use crate::dial::Dialer;
use crate::process::{Processes, own_cpu};

/// The server's memory settles, and what it does after a handshake is done.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) async fn run(target: &Target, idle: &Idle) -> Result<Value, Failure> {
    let dialer = Rc::new(Dialer::new(target)?);
    let processes = Processes::new(&target.pids);
    // The first connection pays for what is made once.
    let first = dialer.some(1)?.first().ok_or("no devices")?.clone();
    drop(dialer.device(&first).await?);
    sleep(SETTLE).await;
    let (before, own_before, start) = (processes.cost()?, own_cpu()?, Instant::now());
    let mut tasks = JoinSet::new();
    for identity in dialer.some(idle.connections)?.to_vec() {
        let dialer = dialer.clone();
        tasks.spawn_local(async move { dialer.device(&identity).await.map_err(|error| error.to_string()) });
    }
    let sockets = all(tasks).await?;
    let took = start.elapsed();
    sleep(SETTLE).await;
    let (after, own_after) = (processes.cost()?, own_cpu()?);
    sleep(Duration::from_secs_f64(idle.seconds)).await;
    let held = processes.cost()?;
    let count = sockets.len() as f64;
    Ok(json!({
        "connections": sockets.len(),
        "resident_kb_each": ((held.resident as f64 - before.resident as f64) / count * 100.0).round() / 100.0,
        "resident_kb": held.resident,
        "cpu_us_each": ((after.cpu - before.cpu) * 1e6 / count).round(),
        "generator_cpu_us_each": ((own_after - own_before) * 1e6 / count).round(),
        "connects_per_second": (count / took.as_secs_f64()).round(),
        "idle_cpu_percent": ((held.cpu - after.cpu) / idle.seconds * 1e3).round() / 10.0,
    }))
}
