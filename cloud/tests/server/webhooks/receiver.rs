//! A receiver of the test, which can be as bad as real ones are.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{eventually, text};
use data_encoding::BASE64;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that keeps what it is told and answers as it is told.
pub(super) struct Receiver {
    pub(super) port: u16,
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<Answers>>,
}

#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) head: String,
    pub(super) body: String,
}

/// The next answers; the last one stands.
struct Answers(Vec<Answer>);

#[derive(Clone, Copy)]
pub(super) enum Answer {
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
    pub(super) async fn new(answers: &[Answer]) -> Self {
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

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    pub(super) async fn wait_for(&self, count: usize) -> Vec<Got> {
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
    pub(super) fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        });
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether the signature is right, by Python's HMAC.
    pub(super) fn is_signed_with(&self, secret: &str) -> bool {
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
        text(&output.stdout).trim() == self.header("webhook-signature")
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
