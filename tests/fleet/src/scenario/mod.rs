//! What can be played, and what all of it has in common.

pub(crate) mod fanout;
pub(crate) mod idle;
pub(crate) mod ingest;
pub(crate) mod reconnect;
pub(crate) mod slow;
pub(crate) mod strangers;

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use crate::Failure;
use crate::device::Counts;
use crate::process::{self, Cost, Processes};

/// Traffic that is not measured, first: connections settle, caches fill.
const WARM_UP: Duration = Duration::from_secs(3);
/// How long what was sent last may take to arrive.
const LAST: Duration = Duration::from_secs(15);

/// Waits for tasks that open connections; the first failure ends the run.
async fn all<T: 'static>(mut tasks: JoinSet<Result<T, String>>) -> Result<Vec<T>, Failure> {
    let mut done = Vec::new();
    while let Some(result) = tasks.join_next().await {
        done.push(result??);
    }
    Ok(done)
}

/// What was counted and what it cost between two moments.
struct Window {
    begin: Mark,
    end: Mark,
}

#[derive(Clone, Copy)]
struct Mark {
    at: Instant,
    cost: Cost,
    own_cpu: f64,
    sent: u64,
    delivered: u64,
}

impl Mark {
    fn now(processes: &Processes, counts: &Counts) -> Result<Self, Failure> {
        Ok(Self {
            at: Instant::now(),
            cost: processes.cost()?,
            own_cpu: process::own_cpu()?,
            sent: counts.sent.get(),
            delivered: counts.delivered.get(),
        })
    }
}

/// Lets traffic that has begun warm up, then measures it until `end`, then waits until all has arrived.
async fn measure(
    processes: &Processes,
    counts: &Rc<Counts>,
    end: Instant,
    arrived: impl Fn(&Counts) -> bool,
) -> Result<Window, Failure> {
    sleep(WARM_UP).await;
    counts.measuring.set(true);
    let begin = Mark::now(processes, counts)?;
    sleep_until(end.into()).await;
    let end = Mark::now(processes, counts)?;
    counts.measuring.set(false);
    let deadline = Instant::now() + LAST;
    while !arrived(counts) && Instant::now() < deadline {
        sleep(Duration::from_millis(50)).await;
    }
    Ok(Window { begin, end })
}

impl Window {
    fn sent(&self) -> u64 {
        self.end.sent - self.begin.sent
    }

    fn delivered(&self) -> u64 {
        self.end.delivered - self.begin.delivered
    }

    /// What each of `count` cost the server and this program, µs.
    fn costs(&self, count: u64) -> Value {
        let each = |seconds: f64| (seconds * 1e7 / count.max(1) as f64).round() / 10.0;
        let seconds = (self.end.at - self.begin.at).as_secs_f64();
        json!({
            "cpu_us": each(self.end.cost.cpu - self.begin.cost.cpu),
            "generator_cpu_us": each(self.end.own_cpu - self.begin.own_cpu),
            "server_load": ((self.end.cost.cpu - self.begin.cost.cpu) / seconds * 100.0).round() / 100.0,
            "seconds": seconds.round(),
            "resident_kb": self.end.cost.resident,
        })
    }
}
