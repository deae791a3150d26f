//! What happens is told to other servers: a receiver of the test, which can be as bad as real ones are.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::client::{Client, User, sample};
use crate::support::{Server, Site, contents, eventually};
use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that keeps what it is told and answers as it is told.
struct Receiver {
    port: u16,
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<Answers>>,
}

#[derive(Clone, Debug)]
struct Got {
    head: String,
    body: String,
}

/// The next answers; the last one stands.
struct Answers(Vec<Answer>);

#[derive(Clone, Copy)]
enum Answer {
    Status(u16),
    /// After a while.
    Slow(u16),
    /// Nothing at all.
    Hang,
    /// A head, and then bytes for ever.
    Endless,
    /// A head shortly before the time is up, and then not all of what it promises.
    Late,
}

impl Receiver {
    async fn new(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (got, answers) = (Arc::default(), Arc::new(Mutex::new(Answers(answers.to_vec()))));
        let receiver = Self { port, got, answers };
        let (got, answers) = (receiver.got.clone(), receiver.answers.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answers.lock().unwrap().next();
                tokio::spawn(serve(stream, got.clone(), answer));
            }
        });
        receiver
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    async fn wait_for(&self, count: usize) -> Vec<Got> {
        eventually("the receiver is told", async || self.got().len() >= count).await;
        self.got()
    }
}

impl Answers {
    fn next(&mut self) -> Answer {
        if self.0.len() > 1 { self.0.remove(0) } else { self.0[0] }
    }
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        });
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether the signature is right, by Python's HMAC.
    fn is_signed_with(&self, secret: &str) -> bool {
        let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
        let program = "import base64,hashlib,hmac,sys; key=bytes.fromhex(sys.argv[1]); \
            print('v1,'+base64.b64encode(hmac.new(key,sys.stdin.buffer.read(),hashlib.sha256).digest()).decode())";
        let key = data_encoding::HEXLOWER.encode(&key);
        let mut python = Command::new("python3")
            .args(["-c", program, &key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let signed =
            format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        python.stdin.take().unwrap().write_all(signed.as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success());
        crate::support::text(&output.stdout).trim() == self.header("webhook-signature")
    }
}

async fn serve(mut stream: TcpStream, got: Arc<Mutex<Vec<Got>>>, answer: Answer) {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
            _ => return,
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        break (head.to_owned(), length.unwrap_or(0));
    };
    while bytes.len() < head.len() + 4 + length {
        let mut chunk = [0; 4096];
        let Ok(count) = stream.read(&mut chunk).await else { return };
        bytes.extend_from_slice(&chunk[..count]);
    }
    let body = String::from_utf8(bytes[head.len() + 4..].to_vec()).unwrap();
    got.lock().unwrap().push(Got { head, body });
    if let Answer::Slow(_) = answer {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    match answer {
        Answer::Status(status) | Answer::Slow(status) => {
            let answer = format!(
                "HTTP/1.1 {status} X\r\nlocation: http://127.0.0.1:1/elsewhere\r\ncontent-length: 0\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Answer::Hang => tokio::time::sleep(Duration::from_secs(60)).await,
        Answer::Late => {
            tokio::time::sleep(Duration::from_millis(8500)).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx").await;
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        Answer::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await;
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
    }
}

const ALLOW: &[&str] = &["--webhook-allow", "127.0.0.0/8"];

/// A webhook of the admin's; its id and its secret.
async fn add(user: &User, server: &Server, url: &str, events: &[&str], more: Value) -> (i64, String) {
    let mut new = json!({"name": "ops", "url": url, "events": events});
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = user.post(server, "/api/webhooks", &new).await;
    assert_eq!(answer.status(), 201);
    let made: Value = answer.json().await.unwrap();
    (made["id"].as_i64().unwrap(), made["secret"].as_str().unwrap().to_owned())
}

async fn deliveries(user: &User, server: &Server, id: i64) -> Vec<Value> {
    let mut found = user.get(server, &format!("/api/webhooks/{id}/deliveries")).await;
    found["deliveries"].take().as_array().unwrap().clone()
}

async fn test(user: &User, server: &Server, id: i64) {
    assert_eq!(user.post(server, &format!("/api/webhooks/{id}/test"), &json!({})).await.status(), 202);
}

/// The newest delivery, once it is as wanted.
async fn delivery(user: &User, server: &Server, id: i64, wanted: impl Fn(&Value) -> bool) -> Value {
    let found = Mutex::new(Value::Null);
    eventually("the delivery is as wanted", async || {
        let Some(newest) = deliveries(user, server, id).await.into_iter().next() else { return false };
        *found.lock().unwrap() = newest.clone();
        wanted(&newest)
    })
    .await;
    found.into_inner().unwrap()
}

#[tokio::test]
async fn alarms_and_events_are_told_signed_and_the_secret_is_shown_once() {
    let site = Site::new();
    let server = site.serve_as(ALLOW);
    let user = User::login(&server).await;
    let tokens = [site.add("ems_001"), site.add("ems_002")];
    let receiver = Receiver::new(&[Answer::Status(204)]).await;
    let all = ["alarm.raised", "alarm.cleared", "alarm.acknowledged", "device.event"];
    let (id, secret) =
        add(&user, &server, &receiver.url("/hook?k=v"), &all, json!({"device_ids": ["ems_001"]})).await;
    let roof = Receiver::new(&[Answer::Status(200)]).await;
    user.http
        .put(server.url("/api/groups/roof"))
        .json(&json!({"device_ids": ["ems_002"]}))
        .send()
        .await
        .unwrap();
    add(&user, &server, &roof.url("/"), &["device.event"], json!({"groups": ["roof"]})).await;

    let rule = json!({"name": "low", "kind": "below", "field": "battery.soc", "threshold": 20, "severity": "warning"});
    user.post(&server, "/api/alarms/rules", &rule).await;
    let mut devices = Vec::new();
    for (name, token) in ["ems_001", "ems_002"].iter().zip(&tokens) {
        let mut device = Client::greeted_device(&site, &server, name, token, "boot-a").await;
        let event = json!({"timestamp": "2026-02-03T12:00:00Z", "severity": "info", "code": "HELLO", "message": format!("of {name}"), "details": {"n": 1}});
        device.say(json!({"type": "device.event", "payload": event})).await;
        devices.push(device);
    }
    let event = receiver.wait_for(1).await.remove(0);
    assert_eq!(event.head.lines().next().unwrap(), "POST /hook?k=v HTTP/1.1");
    assert_eq!(event.header("content-type"), "application/json");
    let body = event.json();
    assert_eq!(
        (&body["type"], &body["data"]["device_id"], &body["data"]["details"]["n"]),
        (&json!("device.event"), &json!("ems_001"), &json!(1))
    );
    assert!(body["timestamp"].is_string(), "{body}");
    let mut low = sample("ems_001", "boot-a", 1);
    low["battery"]["soc"] = json!(10);
    devices[0].say(json!({"type": "telemetry", "payload": low})).await;
    let raised = receiver.wait_for(2).await.remove(1);
    assert_eq!(
        (&raised.json()["type"], &raised.json()["data"]["name"]),
        (&json!("alarm.raised"), &json!("low"))
    );
    let alarm = raised.json()["data"]["id"].as_i64().unwrap();
    for _ in 0..2 {
        // The second one changes nothing, so nothing is told of it.
        user.post(&server, &format!("/api/alarms/{alarm}/acknowledge"), &json!({})).await;
    }
    devices[0].say(json!({"type": "telemetry", "payload": sample("ems_001", "boot-a", 2)})).await;
    let got = receiver.wait_for(4).await;
    let kinds: Vec<Value> = got.iter().map(|got| got.json()["type"].take()).collect();
    assert_eq!(kinds, ["device.event", "alarm.raised", "alarm.acknowledged", "alarm.cleared"]);
    assert_eq!(got[2].json()["data"]["acknowledged_by"], "admin");
    for got in &got {
        assert!(got.is_signed_with(&secret), "{}", got.head);
        assert!(got.header("webhook-id").starts_with("msg_"), "{}", got.head);
    }
    let ids: std::collections::BTreeSet<_> =
        got.iter().map(|got| got.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 4, "each its own");
    let other = roof.wait_for(1).await;
    assert_eq!((other.len(), &other[0].json()["data"]["device_id"]), (1, &json!("ems_002")));
    let done = delivery(&user, &server, id, |newest| newest["state"] == "delivered").await;
    assert_eq!(
        (&done["attempts"], &done["response_status"], &done["error"]),
        (&json!(1), &json!(204), &Value::Null)
    );

    // The secret: once, and neither in a list nor in the log nor in the audit.
    let listed = user.get(&server, "/api/webhooks").await;
    let audit = user.get(&server, "/api/audit").await;
    assert_eq!(listed["webhooks"].as_array().unwrap().len(), 2);
    for text in [listed.to_string(), audit.to_string(), server.log()] {
        assert!(!text.contains(&secret[6..]), "{text}");
    }
    assert!(audit.to_string().contains("webhook added"));
    assert!(!server.log().contains("/hook"), "an address may hold a secret");
    assert!(!contents(&site.data()).windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    // It is disabled, changed and removed.
    let path = format!("/api/webhooks/{id}");
    let patch = async |change: Value| user.http.patch(server.url(&path)).json(&change).send().await.unwrap();
    let changed: Value = patch(json!({"enabled": false, "device_ids": null})).await.json().await.unwrap();
    assert_eq!(
        (&changed["enabled"], &changed["device_ids"], &changed["name"]),
        (&json!(false), &Value::Null, &json!("ops"))
    );
    assert_eq!(user.post(&server, &format!("{path}/test"), &json!({})).await.status(), 409);
    assert_eq!(patch(json!({"events": ["odd"]})).await.status(), 400);
    assert_eq!(user.http.delete(server.url(&path)).send().await.unwrap().status(), 204);
    assert_eq!(user.http.delete(server.url(&path)).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_also_by_the_server_after_a_restart() {
    let site = Site::new();
    let server = site.serve_as(ALLOW);
    let user = User::login(&server).await;
    let receiver = Receiver::new(&[Answer::Status(500), Answer::Status(302), Answer::Status(200)]).await;
    let (id, secret) = add(&user, &server, &receiver.url("/"), &["device.event"], json!({})).await;
    test(&user, &server, id).await;
    let failed =
        delivery(&user, &server, id, |newest| newest["attempts"] == 1 && newest["error"].is_string()).await;
    assert_eq!(
        (&failed["state"], &failed["response_status"], &failed["event"]),
        (&json!("pending"), &json!(500), &json!("webhook.test"))
    );
    assert!(
        failed["next_attempt_at"].is_string() && failed["error"].as_str().unwrap().contains("500"),
        "{failed}"
    );
    server.kill();
    let server = site.serve_as(ALLOW);
    let user = User::login(&server).await;
    let moved =
        delivery(&user, &server, id, |newest| newest["attempts"] == 2 && newest["error"].is_string()).await;
    assert!(moved["error"].as_str().unwrap().contains("redirects are not followed"), "{moved}");
    // The third attempt comes after a quarter of a minute.
    let done = delivery(&user, &server, id, |newest| newest["state"] == "delivered").await;
    assert_eq!((&done["attempts"], &done["next_attempt_at"]), (&json!(3), &Value::Null));
    let got = receiver.got();
    assert!(got.len() == 3 && got.iter().all(|got| got.body == got_body(&receiver)), "the same each time");
    assert!(got.iter().all(|one| one.header("webhook-id") == got[0].header("webhook-id")));
    assert!(got.iter().all(|got| got.is_signed_with(&secret)));
}

fn got_body(receiver: &Receiver) -> String {
    receiver.got()[0].body.clone()
}

#[tokio::test]
async fn bad_receivers_hold_up_nobody_and_say_what_is_wrong() {
    let site = Site::new();
    let server = site.serve_as(ALLOW);
    let user = User::login(&server).await;
    let hanging = Receiver::new(&[Answer::Hang]).await;
    let endless = Receiver::new(&[Answer::Endless]).await;
    let gone = Receiver::new(&[Answer::Status(410)]).await;
    let good = Receiver::new(&[Answer::Status(200)]).await;
    let late = Receiver::new(&[Answer::Late]).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = |receiver: &Receiver| receiver.url("/");
    let urls = [
        url(&hanging),
        url(&endless),
        url(&gone),
        format!("http://127.0.0.1:{closed}/"),
        "http://no-such-host.invalid/".to_owned(),
        // A certificate of an authority that nobody knows.
        format!("https://{}/", server.tls),
        "http://[::1]:1/".to_owned(),
        url(&late),
        url(&good),
    ];
    let mut ids = Vec::new();
    for url in &urls {
        if url.contains("::1") {
            let new = json!({"name": "ops", "url": url, "events": ["device.event"]});
            let answer = user.post(&server, "/api/webhooks", &new).await;
            assert_eq!(answer.status(), 400);
            assert!(answer.text().await.unwrap().contains("--webhook-allow"));
            ids.push(0);
            continue;
        }
        let (id, _) = add(&user, &server, url, &["device.event"], json!({})).await;
        test(&user, &server, id).await;
        ids.push(id);
    }
    // The good one is told while the first one hangs.
    good.wait_for(1).await;
    let hangs = deliveries(&user, &server, ids[0]).await.remove(0);
    assert_eq!((&hangs["attempts"], &hangs["duration_ms"]), (&json!(1), &Value::Null), "{hangs}");
    let tried =
        async |n: usize| delivery(&user, &server, ids[n], |newest| newest["duration_ms"].is_number()).await;
    let (answered, ended) = (tried(1).await, tried(2).await);
    assert_eq!((&answered["state"], &answered["response_status"]), (&json!("delivered"), &json!(200)));
    assert_eq!((&ended["state"], &ended["next_attempt_at"]), (&json!("failed"), &Value::Null));
    for (n, words) in
        [(3, "no connection"), (4, "cannot be resolved"), (5, "no TLS"), (0, "no answer within 10 s")]
    {
        let failed = tried(n).await;
        assert!(failed["error"].as_str().unwrap().contains(words), "{words}: {failed}");
        assert_eq!(failed["state"], "pending", "{failed}");
    }
    let taken = tried(7).await;
    assert_eq!((&taken["state"], &taken["response_status"]), (&json!("delivered"), &json!(200)), "{taken}");
    let listed = user.get(&server, "/api/webhooks").await;
    let gone = listed["webhooks"].as_array().unwrap().iter().find(|hook| hook["id"] == ids[2]).unwrap();
    assert_eq!(gone["enabled"], false, "410 says that it is not wanted any more");
}

#[tokio::test]
async fn without_leave_a_webhook_reaches_the_public_internet_alone() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    let receiver = Receiver::new(&[Answer::Status(200)]).await;
    for url in [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "ftp://example.org/",
        "http://a:b@example.org/",
    ] {
        let new = json!({"name": "n", "url": url, "events": ["device.event"]});
        let answer = user.post(&server, "/api/webhooks", &new).await;
        assert_eq!(answer.status(), 400, "{url}");
        assert_eq!(answer.json::<Value>().await.unwrap()["field"], "url");
    }
    // A name is as good as its address, and numbers in disguise are addresses too.
    for host in ["localhost", "2130706433", "0x7f.1"] {
        let (id, _) =
            add(&user, &server, &format!("http://{host}:{}/", receiver.port), &["device.event"], json!({}))
                .await;
        test(&user, &server, id).await;
        let refused = delivery(&user, &server, id, |newest| newest["error"].is_string()).await;
        let error = refused["error"].as_str().unwrap();
        assert!(
            error.contains("no address that may be reached") || error.contains("cannot be resolved"),
            "{error}"
        );
    }
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn an_address_that_was_left_does_not_disable_the_new_one() {
    let site = Site::new();
    let server = site.serve_as(ALLOW);
    let user = User::login(&server).await;
    let old = Receiver::new(&[Answer::Slow(410)]).await;
    let new = Receiver::new(&[Answer::Status(200)]).await;
    let (id, _) = add(&user, &server, &old.url("/"), &["device.event"], json!({})).await;
    test(&user, &server, id).await;
    old.wait_for(1).await;
    let change = json!({"url": new.url("/")});
    let path = server.url(&format!("/api/webhooks/{id}"));
    assert_eq!(user.http.patch(path).json(&change).send().await.unwrap().status(), 200);
    let done = delivery(&user, &server, id, |newest| newest["state"] != "pending").await;
    assert_eq!((&done["state"], &done["attempts"]), (&json!("delivered"), &json!(2)));
    assert_eq!((old.got().len(), new.got().len()), (1, 1));
    assert_eq!(user.get(&server, "/api/webhooks").await["webhooks"][0]["enabled"], true);
}
