//! What every door does with its socket: signs of life, and sending.

use std::ops::ControlFlow;
use std::time::Duration;

use ems_protocol::{CloseCode, Heartbeat, encode, kind};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::app::App;
use crate::clock;
use crate::metrics::{Door, Metrics};
use crate::socket::{Gone, Socket, Utf8Bytes};

/// The rhythm of an open socket: every second beat a Ping, every third a heartbeat.
const BEAT: Duration = Duration::from_secs(10);
const PING_BEATS: u64 = 2;
const HEARTBEAT_BEATS: u64 = 3;

/// Why a connection ends; nothing where the peer has gone.
pub(super) type End = Option<(CloseCode, &'static str)>;

/// The beats of one socket.
pub(super) fn beats() -> Interval {
    let mut beats = interval_at(Instant::now() + BEAT, BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beats
}

/// The beat of that number: a Ping, a heartbeat for those who take one, and the end of a peer from which nothing comes.
pub(super) async fn beat(
    socket: &mut Socket,
    app: &App,
    door: Door,
    count: u64,
    heartbeats: bool,
) -> ControlFlow<End> {
    if socket.is_dead() {
        return ControlFlow::Break(None);
    }
    if heartbeats && count.is_multiple_of(HEARTBEAT_BEATS) {
        send(socket, &app.metrics, door, heartbeat(app)).await?;
    }
    if count.is_multiple_of(PING_BEATS) && socket.ping().await.is_err() {
        return ControlFlow::Break(None);
    }
    ControlFlow::Continue(())
}

/// Sends a text and counts it.
pub(super) async fn send(
    socket: &mut Socket,
    metrics: &Metrics,
    door: Door,
    text: Utf8Bytes,
) -> ControlFlow<End> {
    let size = text.len();
    match socket.send(text).await {
        Ok(()) => {
            metrics.sent(door, size);
            ControlFlow::Continue(())
        }
        Err(Gone) => ControlFlow::Break(None),
    }
}

fn heartbeat(app: &App) -> Utf8Bytes {
    let now = clock::now();
    let uptime_seconds = app.started.elapsed().as_secs();
    encode(kind::HEARTBEAT, &Heartbeat { timestamp: now, server_time: now, uptime_seconds }).into()
}
