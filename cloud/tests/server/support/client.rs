//! Devices and users as a test plays them.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use reqwest::{Response, StatusCode};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async, client_async_with_config};

use super::{PASSWORD, PATIENCE, Server, Site};

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A WebSocket client.
pub(crate) struct Client(pub(crate) WebSocketStream<Box<dyn Stream>>);

/// How an upgrade was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Client {
    /// Opens `path` with `headers` over TLS, trusting the site's CA.
    pub(crate) async fn open(
        site: &Site,
        server: &Server,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Refusal> {
        let stream = tls(site, server).await;
        let mut request = format!("wss://localhost{path}").into_client_request().unwrap();
        add(request.headers_mut(), headers);
        upgraded(client_async(request, Box::new(stream) as Box<dyn Stream>).await)
    }

    /// The same in cleartext; `buffer` bounds what the client's kernel takes without being read.
    pub(crate) async fn open_plain(
        server: &Server,
        path: &str,
        headers: &[(&'static str, &str)],
        buffer: Option<u32>,
    ) -> Result<Self, Refusal> {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = socket.connect(server.http).await.unwrap();
        let mut request = format!("ws://{}{path}", server.http).into_client_request().unwrap();
        add(request.headers_mut(), headers);
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        upgraded(client_async_with_config(request, Box::new(stream) as Box<dyn Stream>, Some(config)).await)
    }

    /// A socket, unless the server closes the connection without an answer.
    pub(crate) async fn try_plain(
        server: &Server,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Option<Self> {
        let stream = TcpStream::connect(server.http).await.ok()?;
        let mut request = format!("ws://{}{path}", server.http).into_client_request().unwrap();
        add(request.headers_mut(), headers);
        let opened = client_async(request, Box::new(stream) as Box<dyn Stream>).await;
        opened.ok().map(|(socket, _)| Self(socket))
    }

    /// A device in plain mode.
    pub(crate) async fn device(site: &Site, server: &Server, id: &str, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        Self::open(site, server, &format!("/ws/device/{id}"), &[("authorization", &bearer)]).await.unwrap()
    }

    /// A device in typed mode that has not said hello.
    pub(crate) async fn typed_device(site: &Site, server: &Server, id: &str, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("sec-websocket-protocol", "ems.v1")];
        Self::open(site, server, &format!("/ws/device/{id}"), &headers).await.unwrap()
    }

    /// A device in typed mode that was welcomed.
    pub(crate) async fn greeted_device(
        site: &Site,
        server: &Server,
        id: &str,
        token: &str,
        boot: &str,
    ) -> Self {
        let mut device = Self::typed_device(site, server, id, token).await;
        device.hello(boot).await;
        assert_eq!(device.json().await["type"], "device.welcome");
        device
    }

    pub(crate) async fn hello(&mut self, boot: &str) {
        self.say(json!({"type": "device.hello", "payload": {"boot_id": boot, "firmware_version": "1.0.0"}}))
            .await;
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.send(message.to_string()).await;
    }

    pub(crate) async fn send(&mut self, text: impl Into<String>) {
        timeout(PATIENCE, self.0.send(Message::Text(text.into().into()))).await.unwrap().unwrap();
    }

    pub(crate) async fn message(&mut self) -> Message {
        loop {
            match timeout(PATIENCE, self.0.next())
                .await
                .expect("nothing came")
                .expect("the stream ended")
                .unwrap()
            {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The next frame, which must be text.
    pub(crate) async fn text(&mut self) -> String {
        match self.message().await {
            Message::Text(text) => text.to_string(),
            other => panic!("expected text, got {other:?}"),
        }
    }

    pub(crate) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The next message of `kind`; others are passed over.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let found = async {
            loop {
                let mut message = self.json().await;
                if message["type"] == kind {
                    return message["payload"].take();
                }
            }
        };
        // Of the whole: heartbeats keep coming.
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("no {kind} came"))
    }

    /// The code with which the server closes; frames before it are passed over.
    pub(crate) async fn close_code(&mut self) -> u16 {
        let closed = async {
            loop {
                if let Message::Close(frame) = self.message().await {
                    return frame.expect("a reason").code.into();
                }
            }
        };
        timeout(PATIENCE, closed).await.expect("the server does not close")
    }

    /// Sends samples in one batch and waits until the server has acknowledged all of them.
    pub(crate) async fn store(&mut self, samples: &[Value]) {
        self.say(json!({"type": "telemetry.batch", "payload": {"samples": samples}})).await;
        let mut missing: std::collections::BTreeSet<u64> =
            samples.iter().map(|sample| sample["seq"].as_u64().unwrap()).collect();
        while !missing.is_empty() {
            for range in self.expect("telemetry.ack").await["ranges"].as_array().unwrap() {
                let (first, last) = (range[0].as_u64().unwrap(), range[1].as_u64().unwrap());
                missing.retain(|seq| !(first..=last).contains(seq));
            }
        }
    }

    /// Whether nothing comes for a moment, checked with a Ping: its Pong comes after whatever was sent before.
    pub(crate) async fn is_silent(&mut self) -> bool {
        self.0.send(Message::Ping("mark".into())).await.unwrap();
        loop {
            match timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap() {
                Message::Pong(mark) if mark == "mark" => return true,
                Message::Ping(_) | Message::Pong(_) => {}
                _ => return false,
            }
        }
    }
}

fn add(all: &mut HeaderMap, headers: &[(&'static str, &str)]) {
    for (name, value) in headers {
        all.append(*name, HeaderValue::from_str(value).unwrap());
    }
}

fn upgraded<R>(result: Result<(WebSocketStream<Box<dyn Stream>>, R), Error>) -> Result<Client, Refusal> {
    match result {
        Ok((stream, _)) => Ok(Client(stream)),
        Err(Error::Http(response)) => Err(Refusal {
            status: response.status().as_u16(),
            headers: response
                .headers()
                .iter()
                .filter(|(name, _)| *name != "date")
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
            body: response.into_body().map(|body| super::text(&body)).unwrap_or_default(),
        }),
        Err(error) => panic!("{error}"),
    }
}

/// A TLS connection that trusts only the site's CA.
pub(crate) async fn tls(site: &Site, server: &Server) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let ca = rustls::pki_types::CertificateDer::from_pem_file(site.data().join("ca.pem")).unwrap();
    roots.add(ca).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.tls).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// A user with a cookie.
pub(crate) struct User {
    pub(crate) http: reqwest::Client,
    pub(crate) cookie: String,
}

impl User {
    /// Logs the admin in.
    pub(crate) async fn login(server: &Server) -> Self {
        Self::login_as(server, "admin").await
    }

    /// Logs a user in.
    pub(crate) async fn login_as(server: &Server, name: &str) -> Self {
        let http = reqwest::Client::builder().cookie_store(true).no_proxy().build().unwrap();
        let login = json!({"username": name, "password": PASSWORD});
        let response = http.post(server.url("/api/login")).json(&login).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { http, cookie }
    }

    pub(crate) async fn get(&self, server: &Server, path: &str) -> Value {
        let response = self.http.get(server.url(path)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    pub(crate) async fn post(&self, server: &Server, path: &str, body: &Value) -> Response {
        self.http.post(server.url(path)).json(body).send().await.unwrap()
    }

    /// All stored samples of a device, whatever their time.
    pub(crate) async fn samples(&self, server: &Server, id: &str) -> Vec<Value> {
        let path = format!(
            "/api/devices/{id}/telemetry?from=1970-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&limit=20000"
        );
        let mut history = self.get(server, &path).await;
        assert_eq!(history["truncated"], false);
        history["samples"].take().as_array().unwrap().clone()
    }

    /// Watches a device as a page of ours does.
    pub(crate) async fn watch(&self, server: &Server, id: &str, typed: bool) -> Client {
        self.watch_slowly(server, id, typed, None).await
    }

    /// Opens the event door as a page of ours does.
    pub(crate) async fn enter(&self, server: &Server, path: &str) -> Client {
        let origin = format!("http://{}", server.http);
        let headers = [("cookie", self.cookie.as_str()), ("origin", origin.as_str())];
        Client::open_plain(server, path, &headers, None).await.unwrap()
    }

    /// The access token.
    pub(crate) fn token(&self) -> &str {
        self.cookie.trim_start_matches("ems_session=")
    }

    pub(crate) async fn watch_slowly(
        &self,
        server: &Server,
        id: &str,
        typed: bool,
        buffer: Option<u32>,
    ) -> Client {
        let origin = format!("http://{}", server.http);
        let mut headers = vec![("cookie", self.cookie.as_str()), ("origin", origin.as_str())];
        if typed {
            headers.push(("sec-websocket-protocol", "ems.v1"));
        }
        Client::open_plain(server, &format!("/ws/device/{id}"), &headers, buffer).await.unwrap()
    }
}

/// A sample as our daemon sends it.
pub(crate) fn sample(id: &str, boot: &str, seq: u64) -> Value {
    json!({
        "v": 1, "device_id": id, "boot_id": boot, "seq": seq, "clock": "synced",
        "timestamp": ems_protocol::Timestamp::from_millis(1_770_000_000_000 + seq.cast_signed() * 1000),
        "battery": {"voltage": 53.25, "soc": 85.5, "current": -1.5},
    })
}

/// The sample of the EMS guide.
pub(crate) fn guide(id: &str) -> String {
    format!(
        r#"{{"device_id": "{id}", "timestamp": "2026-02-03T12:00:00Z", "battery": {{"voltage": 53.2, "soc": 85}}}}"#
    )
}
