//! The opening handshake.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::response::Response;
use ems_protocol::SUBPROTOCOL;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::Socket;
use crate::app::App;
use crate::limits::Seat;

/// Whether the client offers typed mode.
pub fn offers_typed(request: &Request) -> bool {
    request
        .headers()
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim() == SUBPROTOCOL)
}

/// Answers the opening handshake and runs `serve` on the socket, as one of the server's tasks.
///
/// # Errors
/// What is wrong with the handshake.
pub fn upgrade<F>(
    mut request: Request,
    typed: bool,
    app: &App,
    serve: impl FnOnce(Socket) -> F + Send + 'static,
) -> Result<Response, Error>
where
    F: Future<Output = ()> + Send,
{
    let mut response = create_response_with_body(&request, Body::empty)?;
    if typed {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    let seat = request.extensions().get::<Arc<Seat<()>>>().cloned();
    let upgrade = hyper::upgrade::on(&mut request);
    drop(request);
    let retry = app.retry.clone();
    app.tasks.spawn(async move {
        // An error: the peer left before the handshake's answer. Nothing of these lines is kept while it is served: it
        // would be part of every connection's future.
        let Ok(upgraded) = upgrade.await else { return };
        let Some(socket) = Socket::new(upgraded, seat, retry).await else { return };
        serve(socket).await;
    });
    Ok(response)
}
