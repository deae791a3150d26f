//! History over HTTP: plots, samples and events, and the same answers before, while and after samples are packed.

mod export;
mod half_a_day;
mod kept;

use crate::support::client::{Client, User};
use crate::support::{Server, Site, eventually};
use serde_json::{Value, json};

/// 2026-02-02T02:00:00Z.
const START: i64 = 1_769_997_600_000;

fn time(offset_s: i64) -> String {
    ems_protocol::Timestamp::from_millis(START + offset_s * 1000).to_string()
}

/// One sample a second, of a battery that charges with 360 W for ten minutes and is then discharged with as much.
fn second(seq: i64) -> Value {
    let power = if seq % 1200 < 600 { 360.0 } else { -360.0 };
    json!({
        "v": 1, "device_id": "ems_001", "boot_id": "boot-a", "seq": seq, "clock": "synced", "timestamp": time(seq),
        "battery": {"voltage": 50.0 + (seq % 60) as f64 / 100.0, "soc": 50.0, "power": power},
        "site": {"n": seq},
    })
}

async fn send(device: &mut Client, numbers: impl Iterator<Item = i64>) {
    let all: Vec<Value> = numbers.map(second).collect();
    for batch in all.chunks(500) {
        device.store(batch).await;
    }
}

fn sealed_hours(server: &Server) -> u64 {
    let url = server.url("/metrics");
    let text = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap().text().await
        })
    });
    let text = text.join().unwrap().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("ems_sealed_hours_total "));
    line.map_or(0, |count| count.parse().unwrap())
}

fn rows(site: &Site) -> i64 {
    let db = rusqlite::Connection::open(site.data().join("ems.db")).unwrap();
    db.query_row("SELECT count(*) FROM samples", [], |row| row.get(0)).unwrap()
}

async fn all_packed(site: &Site) {
    eventually("the samples are packed", async || rows(site) == 0).await;
}

#[tokio::test]
async fn plots_and_samples_are_the_same_before_and_after_their_hours_are_packed_and_late_ones_join_them() {
    let site = Site::new();
    let token = site.add("ems_001");
    let first = site.serve();
    let mut device = Client::greeted_device(&site, &first, "ems_001", &token, "boot-a").await;
    // Two hours, but for a minute of which half comes late and half never.
    let late = 1800..1830;
    send(&mut device, (0..7200).filter(|n| !(1800..1860).contains(n))).await;
    let user = User::login(&first).await;
    let span = format!("from={}&to={}", time(0), time(7199));
    let paths = [
        format!("history?{span}&width=500"),
        format!("history?{span}&step=minute"),
        format!("history?{span}&step=hour&fields=battery.power,battery.temperature"),
        format!("history?from={}&to={}&step=60", time(61), time(3700)),
        format!("history?from={}&to={}&width=100", time(1790), time(1870)),
        format!("telemetry?{span}&limit=20000"),
        format!("telemetry?{span}&step=minute"),
    ];
    let answers = async |server: &Server, user: &User| {
        let mut answers = Vec::new();
        for path in &paths {
            answers.push(user.get(server, &format!("/api/devices/ems_001/{path}")).await);
        }
        answers
    };
    let before = answers(&first, &user).await;
    check(&before);
    // The same file, by a server that packs at once.
    drop(device);
    first.terminate();
    first.wait();
    let second = site.serve_as(&["--seal-after", "1"]);
    let user = User::login(&second).await;
    all_packed(&site).await;
    assert!(sealed_hours(&second) >= 2);
    assert_same(&answers(&second, &user).await, &before);

    let mut device = Client::greeted_device(&site, &second, "ems_001", &token, "boot-a").await;
    // Once more what is packed, with what is missing.
    send(&mut device, late.clone().chain(3590..3610)).await;
    let path = format!("/api/devices/ems_001/history?{span}&step=minute");
    let with_late = user.get(&second, &path).await;
    let minute = with_late["at"].as_array().unwrap().iter().position(|at| *at == START + 1_800_000).unwrap();
    assert_eq!(with_late["samples"][minute], 30);
    assert_eq!(
        with_late["samples"].as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).sum::<i64>(),
        7170
    );
    all_packed(&site).await;
    assert_same(&[user.get(&second, &path).await], &[with_late]);
    let samples = user.samples(&second, "ems_001").await;
    let expected: Vec<Value> = (0..7200).filter(|n| !(1830..1860).contains(n)).map(self::second).collect();
    assert_eq!(samples.len(), expected.len());
    for (mut found, expected) in samples.into_iter().zip(expected) {
        found.as_object_mut().unwrap().remove("received_at").unwrap();
        assert_eq!(found, expected);
    }
    let device = user.get(&second, "/api/devices/ems_001").await;
    assert_eq!(device["latest"]["seq"], 7199);
}

#[tokio::test]
async fn what_cannot_be_asked_is_answered_with_a_sentence() {
    let site = Site::new();
    site.add("ems_001");
    let server = site.serve();
    let user = User::login(&server).await;
    for (path, words) in [
        ("history?from=yesterday", "RFC 3339"),
        ("history?from=2026-02-02T00:00:00Z&to=2026-02-01T00:00:00Z", "from is after to"),
        ("history?width=1", "from 2 to 10000"),
        ("history?width=many", "from 2 to 10000"),
        ("history?step=0", "number of seconds"),
        ("history?step=week", "number of seconds"),
        ("history?from=2020-01-01T00:00:00Z&step=1", "20000 points"),
        ("history?fields=battery.colour", "battery.voltage"),
        ("telemetry?step=-1", "number of seconds"),
        ("telemetry.csv?step=x", "number of seconds"),
        ("telemetry.ndjson?from=2026-02-02T00:00:00Z&to=2026-02-01T00:00:00Z", "from is after to"),
        ("events?from=2026-02-02T00:00:00Z&to=2026-02-01T00:00:00Z", "from is after to"),
    ] {
        let response =
            user.http.get(server.url(&format!("/api/devices/ems_001/{path}"))).send().await.unwrap();
        assert_eq!(response.status(), 400, "{path}");
        let problem: Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(words), "{path}: {problem}");
    }
    let empty = user.get(&server, "/api/devices/ems_001/history").await;
    assert_eq!((&empty["at"], &empty["series"]), (&json!([]), &json!({})));
    for path in ["history", "telemetry.csv", "telemetry.ndjson"] {
        let response =
            user.http.get(server.url(&format!("/api/devices/ems_002/{path}"))).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn events_are_found_by_their_own_time() {
    let site = Site::new();
    let token = site.add("ems_001");
    let server = site.serve();
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    // Late ones come last.
    for second in [50, 10, 40, 20, 30] {
        let event = json!({"timestamp": time(second), "severity": "info", "code": "TEST", "message": second.to_string()});
        device.say(json!({"type": "device.event", "payload": event})).await;
    }
    let user = User::login(&server).await;
    let messages = async |query: &str| {
        let events = user.get(&server, &format!("/api/devices/ems_001/events?{query}")).await;
        let list = events["events"].as_array().unwrap().clone();
        list.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    eventually("stored", async || messages("").await == "30 20 40 10 50").await;
    assert_eq!(messages(&format!("from={}", time(0))).await, "50 40 30 20 10");
    assert_eq!(messages(&format!("from={}&to={}", time(20), time(40))).await, "40 30 20");
    assert_eq!(messages(&format!("to={}&limit=1", time(40))).await, "40");
}

fn check(answers: &[Value]) {
    let [plot, minutes, hours, part, gap, ..] = answers else { panic!("{answers:?}") };
    assert_eq!((&plot["step_ms"], &plot["source"]), (&json!(15_000), &json!("raw")));
    assert_eq!((minutes["at"].as_array().unwrap().len(), &minutes["source"]), (119, &json!("minute")));
    assert_eq!(minutes["samples"][0], 60);
    let voltage = &minutes["series"]["battery.voltage"];
    assert_eq!(
        [&voltage["min"][0], &voltage["mean"][0], &voltage["max"][0], &voltage["last"][0]],
        [&json!(50.0), &json!(50.295), &json!(50.59), &json!(50.59)]
    );
    assert!(minutes["series"].get("grid.power").is_none(), "a device without a grid has no series of it");
    assert_eq!(
        hours["series"]["battery.temperature"]["mean"],
        json!([null, null]),
        "but one that was asked for"
    );
    assert_eq!(
        (hours["at"].clone(), hours["samples"].clone()),
        (json!([START, START + 3_600_000]), json!([3540, 3600]))
    );
    // Half an hour of 360 W each way, without the minute that nobody saw: from :30 on it was charged.
    let sum = |list: &Value| list.as_array().unwrap().iter().map(|wh| wh.as_f64().unwrap()).sum::<f64>();
    let (charged, discharged) = (sum(&hours["energy"]["in_wh"]), sum(&hours["energy"]["out_wh"]));
    assert!((charged - 360.0).abs() < 0.5, "{charged}");
    assert!((discharged - (360.0 - 6.1)).abs() < 0.5, "{discharged}");
    assert!((sum(&hours["energy"]["covered_s"]) - (7199.0 - 61.0)).abs() < 1e-9);
    // Neither the beginning nor the end is a whole minute.
    let counts: Vec<i64> = part["samples"].as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).collect();
    assert_eq!((counts[0], counts[1], *counts.last().unwrap()), (59, 60, 41));
    assert_eq!(gap["step_ms"], 1000);
    let at: Vec<i64> = gap["at"].as_array().unwrap().iter().map(|at| at.as_i64().unwrap()).collect();
    assert!(at.windows(2).any(|pair| pair[1] - pair[0] == 61_000), "the gap is one: {at:?}");
}

/// Sums may differ in the last digit.
fn assert_same(found: &[Value], expected: &[Value]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(same(found, expected), "{found:.2000}\n{expected:.2000}");
    }
}

fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Number(a), Value::Number(b)) => (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 2e-6,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}
