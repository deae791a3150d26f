//! `ems-cloud webhook`, beside a running server and without one.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::receiver::{Answer, Receiver};
use super::{ALLOW, delivery, test};
use crate::support::client::{Client, User};
use crate::support::{Site, contents, text};
use serde_json::{Value, json};

/// What a command that succeeds says.
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The value of a line such as `secret       whsec_… (shown only now)`.
fn value(lines: &str, name: &str) -> String {
    let line = lines.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name}: {lines}")).split_whitespace().next().unwrap().to_owned()
}

/// Runs a command that may take as long as the server does, off the runtime.
async fn run(site: &Site, arguments: &[&str]) -> Output {
    let (data, arguments) = (site.data(), arguments.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
    let ask =
        move || crate::support::ems_cloud(&data, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(ask).await.unwrap()
}

#[tokio::test]
async fn a_webhook_of_the_command_line_is_told_at_once_and_its_secret_is_shown_once() {
    let site = Site::new();
    let server = site.serve_as(ALLOW);
    let user = User::login(&server).await;
    let token = site.add("ems_001");
    let receiver = Receiver::new(&[Answer::Status(200)]).await;
    let url = receiver.url("/hook");
    let added = said(
        &run(&site, &["webhook", "add", "ops", &url, "--event", "device.event", "--device", "ems_001"]).await,
    );
    let (id, secret) = (value(&added, "webhook "), value(&added, "secret "));
    assert!(secret.starts_with("whsec_") && added.contains("--webhook-allow"), "{added}");

    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let event =
        json!({"timestamp": "2026-02-03T12:00:00Z", "severity": "info", "code": "HELLO", "message": "m"});
    device.say(json!({"type": "device.event", "payload": event})).await;
    let told = receiver.wait_for(1).await.remove(0);
    assert!(told.is_signed_with(&secret), "{}", told.head);
    let tested: Value = serde_json::from_str(&said(&run(&site, &["webhook", "test", &id]).await)).unwrap();
    assert_eq!((&tested["state"], &tested["response_status"]), (&json!("delivered"), &json!(200)));
    assert_eq!(receiver.got()[1].json()["data"]["asked_by"], "command line");

    let list = said(&run(&site, &["webhook", "list"]).await);
    let row: Vec<&str> = list.trim_end().split('\t').collect();
    assert_eq!((row[0], row[1], row[3], row[4]), (id.as_str(), "enabled", "ops", url.as_str()));
    assert_eq!((row[5], row[6], row[7]), ("device.event", "ems_001", "0 waiting"));
    let audit = user.get(&server, "/api/audit").await.to_string();
    assert!(audit.contains("webhook added") && audit.contains("webhook tested"), "{audit}");
    assert!(audit.contains("command line"), "{audit}");
    for shown in [list, audit, server.log()] {
        assert!(!shown.contains(&secret[6..]), "{shown}");
    }
    assert!(!contents(&site.data()).windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));

    said(&run(&site, &["webhook", "remove", &id]).await);
    let left = user.get(&server, "/api/webhooks").await;
    assert!(left["webhooks"].as_array().unwrap().is_empty(), "{left}");
}

#[tokio::test]
async fn a_test_says_what_was_answered_and_a_webhook_that_410_has_disabled_is_enabled_again() {
    let site = Site::new();
    let server = site.serve_as(ALLOW);
    let user = User::login(&server).await;
    let receiver = Receiver::new(&[Answer::Status(410), Answer::Status(200)]).await;
    let id = value(&said(&run(&site, &["webhook", "add", "ops", &receiver.url("/")]).await), "webhook ");
    let gone = run(&site, &["webhook", "test", &id]).await;
    assert_eq!(gone.status.code(), Some(1));
    assert!(text(&gone.stderr).contains("answered 410"), "{}", text(&gone.stderr));
    let refused = run(&site, &["webhook", "test", &id]).await;
    assert_eq!(refused.status.code(), Some(64));
    assert!(text(&refused.stderr).contains(&format!("webhook enable {id}")), "{}", text(&refused.stderr));
    said(&run(&site, &["webhook", "enable", &id]).await);
    let number = id.parse().unwrap();
    test(&user, &server, number).await;
    delivery(&user, &server, number, |newest| newest["state"] == "delivered").await;
    said(&run(&site, &["webhook", "disable", &id]).await);
    assert!(said(&run(&site, &["webhook", "list"]).await).contains("disabled"));
    assert_eq!(user.get(&server, "/api/webhooks").await["webhooks"][0]["enabled"], false);
}

#[test]
fn an_address_that_holds_a_secret_comes_from_standard_input() {
    let site = Site::new();
    let add = |input: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ems-cloud"))
            .args(["webhook", "add", "ops\tin\u{1b}[2J two", "-", "--group", "roof", "--data"])
            .arg(site.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let wrong = add("ftp://example.org/known-token\n");
    assert_eq!(wrong.status.code(), Some(64));
    assert!(text(&wrong.stderr).contains("URL: the address must begin with"), "{}", text(&wrong.stderr));
    assert!(!text(&wrong.stderr).contains("known-token"), "{}", text(&wrong.stderr));
    let added = said(&add("https://example.org/known-token\n"));
    assert!(!added.contains("known-token") && !added.contains("note"), "{added}");
    let list = said(&site.run(&["webhook", "list"]));
    assert_eq!((list.lines().count(), list.split('\t').count()), (1, 9), "{list}");
    assert!(!list.contains('\u{1b}') && list.contains("\tgroup roof\t"), "{list}");
    assert!(list.contains("alarm.acknowledged,alarm.cleared,alarm.raised,device.event"), "{list}");

    // Nobody sends it; it waits for the server.
    let queued = said(&site.run(&["webhook", "test", "1", "--no-wait"]));
    assert!(queued.contains("\"pending\"") && said(&site.run(&["webhook", "list"])).contains("1 waiting"));
}

#[test]
fn each_mistake_about_a_webhook_has_its_sentence_and_its_exit_status() {
    let site = Site::new();
    let long = "x".repeat(201);
    let cases: &[(&[&str], &str)] = &[
        (&["webhook"], "Usage"),
        (&["webhook", "add", "ops"], "URL"),
        (&["webhook", "add", "", "https://example.org/"], "NAME: expected 1 to 200 bytes"),
        (&["webhook", "add", &long, "https://example.org/"], "NAME: expected 1 to 200 bytes"),
        (&["webhook", "add", "ops", "example.org"], "https://"),
        (&["webhook", "add", "ops", "http://a:b@example.org/"], "user name"),
        (&["webhook", "add", "ops", "https://example.org/", "--event", "odd"], "alarm.raised"),
        (&["webhook", "add", "ops", "https://example.org/", "--device", "Bad Id"], "a-z"),
        (&["webhook", "add", "ops", "-"], "URL: "),
        (&["webhook", "remove", "7"], "there is no webhook 7"),
        (&["webhook", "enable", "7"], "there is no webhook 7"),
        (&["webhook", "disable", "7"], "there is no webhook 7"),
        (&["webhook", "test", "7"], "there is no webhook 7"),
        (&["webhook", "test", "first"], "first"),
    ];
    for (arguments, words) in cases {
        let output = site.run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(said.contains(words) && !said.contains("panicked"), "{arguments:?}: {said}");
    }
    let none = tempfile::tempdir().unwrap();
    let output = site.run(&["webhook", "list", "--data", none.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78), "{}", text(&output.stderr));
    for n in 0..50 {
        said(&site.run(&["webhook", "add", &format!("hook {n}"), "https://example.org/"]));
    }
    let full = site.run(&["webhook", "add", "one more", "https://example.org/"]);
    assert_eq!(full.status.code(), Some(64));
    assert!(text(&full.stderr).contains("at most 50 webhooks"), "{}", text(&full.stderr));
}
