//! Accepts connections and hands them to the router.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::{debug, warn};

use super::{DRAIN, StartError};
use crate::app::App;
use crate::auth::limiter::network;
use crate::http::Peer;
use crate::limits::Seat;
use crate::sync::Locked;
use crate::tls::Tls;

/// From the first byte to the end of the TLS handshake, and again to the end of a request's headers.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A request's line and headers, in bytes. Also what an idle connection may hold.
const HEADERS: usize = 16 * 1024;
/// What was sent may wait so long to be taken by the peer, in ms: as long as a dead WebSocket is given.
const UNREAD_MS: u32 = 60_000;

/// An address that is listened on.
pub(super) struct Listener {
    socket: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<Arc<Tls>>,
}

impl Listener {
    pub(super) async fn bind(address: SocketAddr, tls: Option<Arc<Tls>>) -> Result<Self, StartError> {
        let failed = |error| StartError::Listen { address, error };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address, tls })
    }

    pub(super) async fn accept(self, router: Router, app: Arc<App>, requests: TaskTracker) {
        loop {
            let (stream, address) = match self.socket.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, mostly: some will be closed.
                    warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Some(seat) = app.limits.connections.take(()) else {
                // Closed at once: whoever waits in vain would cost more.
                app.metrics.dropped("connections");
                continue;
            };
            let silent = app.limits.silent.take(network(address.ip()));
            // Behind a proxy all have one address, and it does not pass on what says nothing.
            if silent.is_none() && !app.proxies.trusts(address.ip()) {
                app.metrics.dropped("silent_connections_per_address");
                continue;
            }
            let seats = Seats { all: Arc::new(seat), silent };
            let tls = self.tls.as_ref().map(|tls| tls.acceptor());
            let (router, app) = (router.clone(), app.clone());
            requests.spawn(async move {
                tokio::select! {
                    () = serve(stream, address, tls, router, &app, seats) => {}
                    // A request under way is given its answer; see `serve_http`.
                    () = async { app.stop.cancelled().await; sleep(DRAIN).await } => {}
                }
            });
        }
    }
}

/// A connection's places.
struct Seats {
    /// Among all connections.
    all: Arc<Seat<()>>,
    /// Among those of its address on which nothing was asked yet; given back with the first request.
    silent: Option<Seat<IpAddr>>,
}

async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    app: &Arc<App>,
    seats: Seats,
) {
    prepare(&stream);
    let peer = Peer { address, tls: tls.is_some() };
    match tls {
        None => serve_http(stream, peer, router, app, seats).await,
        Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => serve_http(stream, peer, router, app, seats).await,
            Ok(Err(error)) => debug!(%address, %error, "TLS handshake failed"),
            Err(_) => debug!(%address, "TLS handshake took too long"),
        },
    }
}

/// Small frames leave at once. A peer that takes nothing of an answer for a minute is given up, as hyper would wait for
/// it for ever. A socket that refuses an option works all the same.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = set_tcp_user_timeout(stream, UNREAD_MS);
}

async fn serve_http<S>(stream: S, peer: Peer, router: Router, app: &Arc<App>, seats: Seats)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stop = app.stop.clone();
    let believed = app.clone();
    let (seat, silent) = (seats.all, Mutex::new(seats.silent));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        drop(silent.locked().take());
        let peer = believed.proxies.origin_of(peer, request.headers());
        request.extensions_mut().insert(peer);
        // An upgraded connection keeps it.
        request.extensions_mut().insert(seat.clone());
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE)
        .max_buf_size(HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!(address = %peer.address, %error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_peer_that_stops_reading_is_given_up_by_the_kernel() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (peer, accepted) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (stream, _) = accepted.unwrap();
        prepare(&stream);
        let limit = rustix::net::sockopt::tcp_user_timeout(&stream).unwrap();
        assert_eq!(limit, UNREAD_MS);
        drop(peer);
    }
}
