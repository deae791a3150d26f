//! The cloud's HTTP interface, as a logged-in user.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Response;

use crate::sample::Sample;
use crate::wait::{PATIENCE, poll};

/// A session of a user.
#[derive(Debug, Clone)]
pub struct Api {
    agent: Agent,
    server: SocketAddr,
    cookie: String,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; `null` if it is no JSON.
    pub body: Value,
}

/// The most that the server gives at once.
const LIMIT: usize = 20_000;

impl Api {
    /// Logs in over the listener without TLS.
    #[track_caller]
    pub fn log_in(server: SocketAddr, user: &str, password: &str) -> Self {
        let agent = agent();
        let request = agent.post(format!("http://{server}/api/login")).header("Origin", origin(server));
        let answer = request.send_json(json!({"username": user, "password": password})).expect("an answer");
        assert_eq!(answer.status(), 200, "the login of {user} is refused");
        let cookies = answer.headers().get_all("set-cookie");
        let cookies: Vec<&str> = cookies
            .iter()
            .map(|cookie| cookie.to_str().expect("a cookie is ASCII").split(';').next().unwrap_or_default())
            .collect();
        assert!(!cookies.is_empty(), "the login gave no cookie");
        Self { agent, server, cookie: cookies.join("; ") }
    }

    /// The value of the header `Cookie`.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// `GET path`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        let request = self.agent.get(format!("http://{}{path}", self.server)).header("Cookie", &self.cookie);
        Answer::of(request.call().expect("an answer"))
    }

    /// `POST path`.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.post(format!("http://{}{path}", self.server));
        let request = request.header("Cookie", &self.cookie).header("Origin", origin(self.server));
        Answer::of(request.send_json(body).expect("an answer"))
    }

    /// As [`Self::get`], nothing while the server is away.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        let request = self.agent.get(format!("http://{}{path}", self.server)).header("Cookie", &self.cookie);
        request.call().ok().map(Answer::of)
    }

    /// As [`Self::post`], nothing if the server is away or goes away meanwhile.
    pub fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        let request = self.agent.post(format!("http://{}{path}", self.server));
        let request = request.header("Cookie", &self.cookie).header("Origin", origin(self.server));
        request.send_json(body).ok().map(Answer::of)
    }

    /// Everything that is stored of `device`, oldest first.
    #[track_caller]
    pub fn samples(&self, device: &str) -> Vec<Sample> {
        let mut samples: Vec<Sample> = Vec::new();
        let mut from = "1970-01-01T00:00:00Z".to_owned();
        loop {
            let all = format!("from={from}&to=2100-01-01T00:00:00Z&limit={LIMIT}");
            let answer = self.get(&format!("/api/devices/{device}/telemetry?{all}"));
            assert_eq!(answer.status, 200, "{}", answer.body);
            let page = answer.body["samples"].as_array();
            let page = page.unwrap_or_else(|| panic!("no `samples` in {}", answer.body));
            // A page begins with the instant at which the one before it ended.
            let known = samples.iter().rev().take_while(|sample| sample.0["timestamp"] == from).count();
            samples.extend(page.iter().skip(known).cloned().map(Sample));
            if answer.body["truncated"] == false {
                return samples;
            }
            let last = samples.last().expect("a page that is not the last holds something");
            last.0["timestamp"].as_str().expect("a timestamp").clone_into(&mut from);
        }
    }

    /// Waits until what is stored of `device` fits, and gives it.
    #[track_caller]
    pub fn wait_for(&self, device: &str, what: &str, fits: impl Fn(&[Sample]) -> bool) -> Vec<Sample> {
        let mut last = Vec::new();
        let found = poll(PATIENCE, || {
            last = self.samples(device);
            fits(&last).then(|| last.clone())
        });
        found.unwrap_or_else(|| {
            let end = &last[last.len().saturating_sub(5)..];
            panic!("{what} did not come; {} samples are stored, the last ones: {end:#?}", last.len())
        })
    }
}

impl Answer {
    fn of(mut response: Response<ureq::Body>) -> Self {
        let body = response.body_mut().with_config().limit(256 << 20).read_json();
        Self { status: response.status().as_u16(), body: body.unwrap_or(Value::Null) }
    }
}

fn origin(server: SocketAddr) -> String {
    format!("http://{server}")
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(0)
        .timeout_global(Some(PATIENCE))
        .timeout_connect(Some(Duration::from_secs(10)))
        .build()
        .into()
}
