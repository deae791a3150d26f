//! Users who show their token in the first message, as programs and pages of other origins do.

use std::time::Duration;

use ems_protocol::{CloseCode, Envelope};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::app::App;
use crate::audit;
use crate::auth::limiter::network;
use crate::auth::sessions::{By, SessionWatch, User};
use crate::http::Peer;
use crate::rooms::Room;
use crate::socket::{Incoming, Socket};

/// How long the first message may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Frames that are passed over while it is waited for.
const MAX_FRAMES: usize = 32;

/// The payload of `auth`. Without `Debug`: it holds a secret.
#[derive(Deserialize)]
struct Auth {
    token: String,
}

/// Waits for `auth`. Nothing else is answered.
pub(super) async fn first_message(
    app: &App,
    peer: &Peer,
    room: Option<&Room>,
    mut socket: Socket,
) -> Option<(Socket, SessionWatch)> {
    let address = peer.address.ip();
    let Some(_seat) = app.limits.strangers.take(network(address)) else {
        let reason = "limit reached: connections that have not authenticated, of this address";
        socket.close(CloseCode::TooMany, reason).await;
        return None;
    };
    let token = tokio::select! {
        token = timeout_at(Instant::now() + PATIENCE, token(&mut socket)) => token,
        () = app.stop.cancelled() => return None,
    };
    let token = match token {
        Ok(Ok(token)) => token,
        Ok(Err(None)) => return None,
        Ok(Err(Some((code, reason)))) => {
            socket.close(code, reason).await;
            return None;
        }
        Err(_) => {
            let reason =
                "no authentication within 5 s: send {\"type\":\"auth\",\"payload\":{\"token\":…}} first";
            socket.close(CloseCode::AuthenticationTimeout, reason).await;
            return None;
        }
    };
    match app.sessions.authenticate(&token).await {
        Ok(Some(user)) => admit(app, room, socket, &user).await,
        Ok(None) => {
            info!(%address, "refused: no valid token in the first message");
            socket.close(CloseCode::PolicyViolation, "the token is not valid: log in again").await;
            None
        }
        Err(error) => {
            warn!(%error, "a token could not be checked");
            socket
                .close(CloseCode::TryAgainLater, "the server's database cannot be used at the moment")
                .await;
            None
        }
    }
}

async fn admit(
    app: &App,
    room: Option<&Room>,
    socket: Socket,
    user: &User,
) -> Option<(Socket, SessionWatch)> {
    if let Some(room) = room
        && let Some(words) = room.refuses(user)
    {
        audit::refused(app, user, &format!("/ws/{room}"), words).await;
        socket.close(CloseCode::PolicyViolation, words).await;
        return None;
    }
    Some((socket, app.sessions.watch(user, By::Token)))
}

type Refusal = Option<(CloseCode, &'static str)>;

async fn token(socket: &mut Socket) -> Result<String, Refusal> {
    for _ in 0..MAX_FRAMES {
        match socket.receive().await {
            Incoming::Text(text) => {
                let auth = Envelope::parse(&text).ok().filter(|envelope| envelope.kind == "auth");
                if let Some(auth) = auth.and_then(|envelope| envelope.payload::<Auth>().ok()) {
                    return Ok(auth.token);
                }
            }
            Incoming::Binary => {}
            Incoming::TooLarge => {
                return Err(Some((CloseCode::MessageTooBig, "the frame is larger than 256 KiB")));
            }
            Incoming::Broken(code, words) => return Err(Some((code, words))),
            Incoming::Closed => return Err(None),
        }
    }
    Err(Some((CloseCode::PolicyViolation, "the first message must be auth")))
}
