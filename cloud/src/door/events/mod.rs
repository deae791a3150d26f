//! The event door: typed messages to and from users, in rooms.

mod authentication;
mod connection;
mod conversation;
pub mod messages;
pub mod places;
mod recent;
mod tracking;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use super::credentials::Credential;
use crate::app::App;
use crate::audit;
use crate::auth::sessions::By;
use crate::http::id::RawId;
use crate::http::problem::Problem;
use crate::metrics::Door;
use crate::rooms::Room;
use crate::socket;

/// `GET /ws`: no room yet.
pub async fn lobby(State(app): State<Arc<App>>, request: Request) -> Response {
    open(app, None, request).await
}

/// `GET /ws/{room}`: joins that room.
pub async fn room(State(app): State<Arc<App>>, RawId(name): RawId, request: Request) -> Response {
    match Room::named(&name) {
        Some(room @ Room::Topic(_)) => open(app, Some(room), request).await,
        _ => Problem::not_found("there is no such room").into_response(),
    }
}

async fn open(app: Arc<App>, room: Option<Room>, request: Request) -> Response {
    let (token, by) = match Credential::of(request.headers(), &app.allowed_origins) {
        Credential::Bearer(token) => (token, By::Token),
        Credential::Cookie(token) => (token, By::Session),
        Credential::None => return open_unauthenticated(&app, room, request),
        Credential::DeviceToken(_) | Credential::ForeignCookie | Credential::Unusable => {
            return super::refuse(&app, Door::Events, "");
        }
    };
    let user = match app.sessions.authenticate(&token).await {
        Ok(Some(user)) => user,
        Ok(None) => return super::refuse(&app, Door::Events, ""),
        Err(error) => return Problem::from(error).into_response(),
    };
    if let Some(room) = &room
        && let Some(words) = room.refuses(&user)
    {
        audit::refused(&app, &user, &format!("/ws/{room}"), words).await;
        return Problem::forbidden().into_response();
    }
    let watch = app.sessions.watch(&user, by);
    let (serving, peer, typed) = (app.clone(), super::peer(&request), socket::offers_typed(&request));
    socket::upgrade(request, typed, &app, move |socket| async move {
        connection::serve(serving, watch, room, peer, socket).await;
    })
    .unwrap_or_else(|error| Problem::handshake(&error).into_response())
}

fn open_unauthenticated(app: &Arc<App>, room: Option<Room>, request: Request) -> Response {
    let (serving, peer, typed) = (app.clone(), super::peer(&request), socket::offers_typed(&request));
    socket::upgrade(request, typed, app, move |socket| async move {
        let admitted = authentication::first_message(&serving, &peer, room.as_ref(), socket).await;
        if let Some((socket, watch)) = admitted {
            connection::serve(serving, watch, room, peer, socket).await;
        }
    })
    .unwrap_or_else(|error| Problem::handshake(&error).into_response())
}
