//! Where each WebSocket comes in: devices and dashboards at the same address, told apart by what they show.

mod credentials;
mod dashboard;
mod device;
mod device_frames;
pub mod events;
mod line;

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use ems_protocol::{CloseCode, DeviceId, ErrorMessage, encode, kind};
use tracing::{debug, info};

use crate::app::App;
use crate::audit;
use crate::auth::limiter::network;
use crate::auth::sessions::{By, Ended, User};
use crate::auth::token::TokenHash;
use crate::bell::OnCall;
use crate::http::Peer;
use crate::http::id::RawId;
use crate::http::problem::Problem;
use crate::limits::Seat;
use crate::metrics::Door;
use crate::socket::{self, Utf8Bytes};
pub use credentials::{COOKIE_NAME, Credential, REFRESH_COOKIE_NAME, cookie, cookie_token, origin_is_ours};

/// `GET /ws/device/{id}`: a device with its token, or a user.
pub async fn device_or_user(State(app): State<Arc<App>>, RawId(id): RawId, request: Request) -> Response {
    match Credential::of(request.headers(), &app.allowed_origins) {
        Credential::DeviceToken(token) => open_device(&app, &id, &token, request).await,
        Credential::Bearer(token) => open_dashboard(app, &id, (&token, By::Token), request).await,
        Credential::Cookie(token) => open_dashboard(app, &id, (&token, By::Session), request).await,
        Credential::ForeignCookie | Credential::Unusable | Credential::None => {
            // The same work as for a wrong token.
            let _ = app.fleet.authenticate(None, &TokenHash::of("")).await;
            refuse(&app, Door::Device, &id)
        }
    }
}

/// `GET /ws/dashboard/{id}`: a user.
pub async fn user(State(app): State<Arc<App>>, RawId(id): RawId, request: Request) -> Response {
    match Credential::of(request.headers(), &app.allowed_origins) {
        Credential::Bearer(token) => open_dashboard(app, &id, (&token, By::Token), request).await,
        Credential::Cookie(token) => open_dashboard(app, &id, (&token, By::Session), request).await,
        _ => refuse(&app, Door::Dashboard, &id),
    }
}

async fn open_device(app: &Arc<App>, id: &str, token: &str, request: Request) -> Response {
    let hash = TokenHash::of(token);
    let name: Option<DeviceId> = id.parse().ok();
    let Some(device) = app.fleet.authenticate(name.as_ref(), &hash).await else {
        return refuse(app, Door::Device, id);
    };
    let typed = socket::offers_typed(&request);
    let serving = app.clone();
    socket::upgrade(request, typed, app, move |socket| device::serve(serving, device, hash, typed, socket))
        .unwrap_or_else(|error| Problem::handshake(&error).into_response())
}

async fn open_dashboard(app: Arc<App>, id: &str, (token, by): (&str, By), request: Request) -> Response {
    let user = match app.sessions.authenticate(token).await {
        Ok(Some(user)) => user,
        Ok(None) => return refuse(&app, Door::Dashboard, id),
        Err(error) => return Problem::from(error).into_response(),
    };
    let name = id.parse::<DeviceId>().ok();
    if user.devices.is_some() && !name.as_ref().is_some_and(|id| user.may_see(id)) {
        audit::refused(&app, &user, request.uri().path(), "this user may not see this device").await;
        return Problem::forbidden().into_response();
    }
    let device = match name {
        Some(id) => app.fleet.find(&id).await,
        None => None,
    };
    let Some(device) = device else { return Problem::no_device(id).into_response() };
    let typed = socket::offers_typed(&request);
    let (serving, peer) = (app.clone(), peer(&request));
    let watch = app.sessions.watch(&user, by);
    socket::upgrade(request, typed, &app, move |socket| {
        info!(device_id = %device.id, user = user.username, typed, "dashboard connected");
        dashboard::serve(serving, device, watch, typed, peer, socket)
    })
    .unwrap_or_else(|error| Problem::handshake(&error).into_response())
}

/// Room for one more socket of this user at this address; otherwise the reason with which it is closed. A browser
/// tells its page nothing of an HTTP status, so the limit is told after the upgrade.
fn seats(app: &App, user: &User, peer: &Peer) -> Result<(Seat<String>, Seat<IpAddr>), &'static str> {
    let Some(of_user) = app.limits.users.take(user.username.clone()) else {
        app.metrics.dropped("connections_per_user");
        return Err("limit reached: connections per user");
    };
    let Some(of_address) = app.limits.addresses.take(network(peer.address.ip())) else {
        app.metrics.dropped("connections_per_address");
        return Err("limit reached: connections per address");
    };
    Ok((of_user, of_address))
}

/// Where a request came in.
fn peer(request: &Request) -> Peer {
    let unknown = Peer { address: ([0, 0, 0, 0], 0).into(), tls: false };
    request.extensions().get().copied().unwrap_or(unknown)
}

/// What happens to a connection seldom, and to all alike.
enum Occasion {
    /// Time for a sign of life.
    Beat,
    /// It has to be closed.
    End((CloseCode, &'static str)),
}

/// The next occasion. What it looks at is kept between two waits, and looked at only when it has called: at each turn of
/// a connection's loop all of it would cost as much as a frame.
async fn occasion(
    on_call: &OnCall,
    beats: &mut tokio::time::Interval,
    mut end: Pin<&mut impl Future<Output = (CloseCode, &'static str)>>,
) -> Occasion {
    poll_fn(|context| {
        on_call.poll(context, |context| match beats.poll_tick(context) {
            Poll::Ready(_) => Poll::Ready(Occasion::Beat),
            Poll::Pending => end.as_mut().poll(context).map(Occasion::End),
        })
    })
    .await
}

/// Returns when the server stops and it is this socket's turn, with how to close it.
async fn stopping(app: &App, place: f64) -> (CloseCode, &'static str) {
    app.drain.turn(place).await;
    (CloseCode::ServiceRestart, "the server restarts")
}

/// One answer for all who may not pass: it must not tell which devices exist.
fn refuse(app: &App, door: Door, id: &str) -> Response {
    app.metrics.refused(door);
    // The path may hold anything; the name of a possible device is all that is worth a line.
    if let Ok(id) = id.parse::<DeviceId>() {
        info!(device_id = %id, ?door, "refused: no valid credentials");
    } else {
        debug!(?door, "refused: no valid credentials");
    }
    Problem::forbidden().into_response()
}

/// How a socket is closed that has lost its session.
const fn closing(ended: Ended) -> (CloseCode, &'static str) {
    match ended {
        Ended::Session => (CloseCode::SessionEnded, "the session ended: log in again"),
        Ended::Token => (CloseCode::SessionEnded, "the token ran out: refresh it and connect again"),
        Ended::Rights => (CloseCode::GoingAway, "the user's rights have changed: connect again"),
    }
}

fn error_frame(error: &ErrorMessage) -> Utf8Bytes {
    encode(kind::ERROR, error).into()
}
