//! Answers at the status socket. A client that hangs, babbles or floods costs a few kilobytes and never a sample.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use nix::unistd::Uid;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::collect::Stages;
use super::door::Door;
use super::message::{Answer, Order, Request};
use crate::daemon::Asker;
use crate::events::Reporter;
use crate::journal::LogRing;
use crate::sample::FIRMWARE_VERSION;

/// The task behind the socket.
pub struct Server {
    /// What is asked for.
    pub stages: Rc<Stages>,
    /// The way to the event record.
    pub events: Reporter,
    /// The last lines of the log.
    pub log: LogRing,
    /// Who asks for a reload waits here. Owned by the daemon; bound 1: one at a time.
    pub reloads: mpsc::Sender<Asker>,
}

/// Clients at once. One more, and the oldest has to go: those who only hang about do not keep others out.
const CLIENTS: usize = 4;
/// Time for one client, from its coming to its end.
const CLIENT_LIMIT: Duration = Duration::from_secs(2);
/// Between two clients: a flood of them leaves the daemon its processor.
const PAUSE: Duration = Duration::from_millis(10);
/// The longest request, in bytes.
const REQUEST_LIMIT: usize = 4096;
/// The most events in one answer.
const MAX_EVENTS: usize = 1000;

impl Server {
    /// Runs for ever; without a socket it says so and ends.
    pub async fn run(self, door: Door) {
        let listener = match door.listener().and_then(UnixListener::from_std) {
            Ok(listener) => listener,
            Err(error) => return warn!("the status socket does not work: {error}"),
        };
        let this = Rc::new(self);
        let mut clients = Clients::default();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => clients.admit(Rc::clone(&this), stream),
                // Out of file descriptors: they come back when clients end.
                Err(error) => debug!("a status client could not be let in: {error}"),
            }
            sleep(PAUSE).await;
        }
    }

    async fn serve(&self, mut stream: UnixStream) {
        let work = async {
            let answer = match read_request(&mut stream).await? {
                Ok(Ask::Get(request)) => self.answer(request).await,
                Ok(Ask::Do(order)) => self.obey(order, &stream).await,
                Err(words) => Answer::error(words),
            };
            stream.write_all(answer.to_line().as_bytes()).await
        };
        if let Ok(Err(error)) = timeout(CLIENT_LIMIT, work).await {
            debug!("a status client has gone: {error}");
        }
    }

    async fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Status => Answer::status(self.stages.snapshot()),
            Request::Log => Answer::log(self.log.lines()),
            Request::Events { limit } => Answer::events(self.events.recent(limit.min(MAX_EVENTS)).await),
        }
    }

    async fn obey(&self, order: Order, client: &UnixStream) -> Answer {
        if !may_order(client) {
            return Answer::error("only root and the service itself may order something: use sudo");
        }
        let Order::Reload = order;
        let (sender, outcome) = oneshot::channel();
        // Both fail only while the daemon stops.
        match self.reloads.send(sender).await.ok().and(outcome.await.ok()) {
            Some(Ok(words)) => Answer::done(words),
            Some(Err(words)) => Answer::error(words),
            None => Answer::error("ems-edge is stopping"),
        }
    }
}

/// One line of a client.
#[derive(Deserialize)]
#[serde(untagged)]
enum Ask {
    Get(Request),
    Do(Order),
}

/// Whether the client is root or the daemon's own user (`SO_PEERCRED`): the group may look, and change nothing.
fn may_order(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == Uid::effective().as_raw())
}

/// The clients that are being served, oldest first; they end with this value.
#[derive(Default)]
struct Clients {
    tasks: JoinSet<()>,
    order: VecDeque<AbortHandle>,
}

impl Clients {
    fn admit(&mut self, server: Rc<Server>, stream: UnixStream) {
        self.order.retain(|client| !client.is_finished());
        while self.order.len() >= CLIENTS
            && let Some(oldest) = self.order.pop_front()
        {
            oldest.abort();
        }
        while self.tasks.try_join_next().is_some() {}
        self.order.push_back(self.tasks.spawn_local(async move { server.serve(stream).await }));
    }
}

/// A request, or what is wrong with it.
async fn read_request(stream: &mut UnixStream) -> io::Result<Result<Ask, String>> {
    let mut line = Vec::new();
    let mut limited = BufReader::with_capacity(512, stream.take(REQUEST_LIMIT as u64 + 1));
    limited.read_until(b'\n', &mut line).await?;
    if line.len() > REQUEST_LIMIT {
        return Ok(Err(format!("the request is longer than {REQUEST_LIMIT} bytes")));
    }
    let known = r#"{"get":"status"} or {"get":"events","limit":20}"#;
    Ok(serde_json::from_slice(&line).map_err(|error| {
        format!("ems-edge {FIRMWARE_VERSION} cannot answer this ({error}): send one line, {known}")
    }))
}
