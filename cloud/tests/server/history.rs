//! History over HTTP: plots, and the same answers before, while and after samples are packed.

use std::sync::Arc;
use std::time::Duration;

use crate::support::client::{Client, User};
use crate::support::{Server, Site, eventually};
use ems_cloud::sealer::{Policy, Sealer};
use ems_cloud::store::{Arrival, Store, devices};
use serde_json::{Value, json};

#[path = "../../examples/year/device.rs"]
mod device;

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
async fn an_export_holds_every_sample_once_whatever_is_packed_meanwhile() {
    let site = Site::new();
    let token = site.add("ems_001");
    let server = site.serve_as(&["--seal-after", "1"]);
    let user = User::login(&server).await;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    send(&mut device, 0..9000).await;
    let span = format!("from={}&to={}", time(100), time(8899));
    let get = async |path: &str| {
        let response =
            user.http.get(server.url(&format!("/api/devices/ems_001/{path}"))).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        (header("content-type"), header("content-disposition"), response.text().await.unwrap())
    };
    // While the hours are being packed, and after it.
    for packed in [false, true] {
        if packed {
            all_packed(&site).await;
        }
        let (kind, disposition, text) = get(&format!("telemetry.ndjson?{span}")).await;
        assert_eq!(kind, "application/x-ndjson");
        assert_eq!(disposition, "attachment; filename=\"ems_001_2026-02-02_2026-02-02.ndjson\"");
        let mut numbers = 100..8900;
        for line in text.lines() {
            let mut found: Value = serde_json::from_str(line).unwrap();
            found.as_object_mut().unwrap().remove("received_at").unwrap();
            assert_eq!(found, second(numbers.next().unwrap()));
        }
        assert_eq!(numbers.next(), None);

        let (kind, _, text) = get(&format!("telemetry.csv?{span}")).await;
        assert!(kind.starts_with("text/csv"), "{kind}");
        let mut lines = text.split_terminator("\r\n");
        assert!(lines.next().unwrap().starts_with("timestamp,received_at,boot_id,seq,"));
        let mut rows = 100..8900;
        for (line, row) in lines.by_ref().zip(rows.by_ref()) {
            assert!(
                line.starts_with(&time(row)) && line.contains(&format!(",boot-a,{row},synced,")),
                "{line}"
            );
        }
        assert_eq!((lines.next(), rows.next()), (None, None));

        let (_, _, text) = get(&format!("telemetry.ndjson?{span}&step=60")).await;
        let plot = user.get(&server, &format!("/api/devices/ems_001/history?{span}&step=60")).await;
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), plot["at"].as_array().unwrap().len());
        for (n, line) in lines.iter().enumerate() {
            assert_eq!(line["samples"], plot["samples"][n]);
            assert!(same(&line["energy"]["in_wh"], &plot["energy"]["in_wh"][n]), "{line}");
            assert!(
                same(&line["battery.voltage"]["mean"], &plot["series"]["battery.voltage"]["mean"][n]),
                "{line}"
            );
        }
        let (_, _, text) = get(&format!("telemetry.csv?{span}&step=minute")).await;
        assert_eq!(text.split_terminator("\r\n").count(), lines.len() + 1);
    }
    let (_, _, nothing) = get("telemetry.ndjson?from=1999-01-01T00:00:00Z&to=1999-12-31T00:00:00Z").await;
    assert_eq!(nothing, "");
    let (_, _, head) = get("telemetry.csv?from=1999-01-01T00:00:00Z&to=1999-12-31T00:00:00Z&step=hour").await;
    assert_eq!(head.lines().count(), 1);
}

#[tokio::test]
async fn an_export_that_is_not_read_holds_one_part_of_it_and_ends_with_its_session() {
    let site = Site::new();
    let token = site.add("ems_001");
    let server = site.serve();
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let padded = |seq: i64| {
        let mut sample = second(seq);
        sample["padding"] = "x".repeat(20_000).into();
        sample
    };
    for first in (0..2000).step_by(10) {
        device.store(&(first..first + 10).map(padded).collect::<Vec<_>>()).await;
    }
    let user = User::login(&server).await;
    let path = format!("/api/devices/ems_001/telemetry.ndjson?from={}&to={}", time(0), time(9999));
    let whole = user.http.get(server.url(&path)).send().await.unwrap().bytes().await.unwrap();
    assert!(whole.len() > 40_000_000, "{}", whole.len());
    let before = server.memory();
    let mut exports = Vec::new();
    for _ in 0..5 {
        let mut response = user.http.get(server.url(&path)).send().await.unwrap();
        response.chunk().await.unwrap().unwrap();
        exports.push(response);
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let more = server.memory().saturating_sub(before);
    assert!(more < 100_000, "5 exports of 40 MB that wait hold {more} kB");

    assert_eq!(user.post(&server, "/api/logout", &json!({})).await.status(), 204);
    for mut response in exports {
        let mut bytes = 0;
        let end = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes += chunk.len(),
                Ok(None) => break "whole",
                Err(_) => break "broken off",
            }
        };
        assert_eq!(end, "broken off", "after {bytes} bytes");
    }
    eventually("nothing is left of them", async || {
        server.log().matches("an export was broken off").count() == 5
    })
    .await;
}

/// `scripts/bench-history` does the same with a year.
#[tokio::test]
async fn half_a_day_of_our_daemon_takes_less_than_64_bytes_a_sample_and_is_plotted_whole() {
    const SAMPLES: i64 = 43_200;
    let site = Site::new();
    site.add("ems_001");
    let file = site.data().join("ems.db");
    let store = Store::open(&file, Arc::default()).unwrap();
    let key = store.read(|db| devices::find(db, &"ems_001".parse().unwrap())).await.unwrap().unwrap().key;
    let mut device = device::Device::new("ems_001".parse().unwrap(), START);
    let mut expected = Vec::new();
    for _ in 0..SAMPLES / 400 {
        let (samples, arrivals): (Vec<_>, Vec<_>) = (0..400).map(|_| device.sample(1)).unzip();
        expected.extend(samples.iter().step_by(400).cloned());
        let arrival = Arrival { device: key, received_at: *arrivals.last().unwrap(), samples };
        store.write_samples(arrival, |stored| assert_eq!(stored.unwrap().new, 400)).await;
    }
    // All of it is committed, so that all of it is sealed.
    store.probe().await.unwrap();
    let policy = Policy { seal_after: Duration::from_secs(60), ..Policy::default() };
    Sealer::without_rests(store.clone(), Arc::default(), policy).pass().await.unwrap();
    store.stop().await;
    let db = rusqlite::Connection::open(&file).unwrap();
    let pragma = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    let bytes = (pragma("page_count") - pragma("freelist_count")) * pragma("page_size") / SAMPLES;
    assert!((5..=64).contains(&bytes), "{bytes} bytes a sample");

    let server = site.serve();
    let user = User::login(&server).await;
    let path = |rest: &str| format!("/api/devices/ems_001/{rest}");
    let span = format!("from={}&to={}", time(0), time(SAMPLES));
    for (query, least, most) in [("width=1000", 900, 1000), ("step=60", 720, 720), ("step=hour", 12, 12)] {
        let plot = user.get(&server, &path(&format!("history?{span}&{query}"))).await;
        let points = plot["at"].as_array().unwrap().len();
        assert!((least..=most).contains(&points), "{query}: {points}");
        let samples: i64 = plot["samples"].as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).sum();
        assert_eq!(samples, SAMPLES, "{query}");
        for field in ["voltage", "current", "power", "soc", "soc_low", "soc_high", "temperature"] {
            assert_eq!(plot["series"][format!("battery.{field}")]["mean"].as_array().unwrap().len(), points);
        }
    }
    for sample in expected {
        let at = sample.timestamp;
        let found = user.get(&server, &path(&format!("telemetry?from={at}&to={at}"))).await;
        let mut found = found["samples"][0].clone();
        found.as_object_mut().unwrap().remove("received_at").unwrap();
        assert_eq!(found, serde_json::to_value(sample).unwrap());
    }

    let damaged = START + 3 * 3_600_000;
    let damage = "UPDATE blocks SET samples = x'00' WHERE hour = ?";
    assert_eq!(db.execute(damage, [damaged / 3_600_000]).unwrap(), 1);
    for _ in 0..2 {
        let plot = user.get(&server, &path(&format!("history?{span}&width=1000"))).await;
        assert_eq!(plot["damaged"], json!([damaged]));
        let at: Vec<i64> = plot["at"].as_array().unwrap().iter().map(|at| at.as_i64().unwrap()).collect();
        assert!((800..950).contains(&at.len()), "{} points", at.len());
        assert!(at.windows(2).any(|pair| pair[1] - pair[0] >= 3_550_000), "the hour is a gap");
    }
    let whole = user.get(&server, &path(&format!("history?{span}&step=60"))).await;
    assert_eq!((whole["at"].as_array().unwrap().len(), whole.get("damaged")), (720, None));
    let said = server.log();
    assert_eq!(said.matches("an hour of the history is damaged").count(), 1, "{said}");
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

#[tokio::test]
async fn a_server_that_is_killed_while_it_packs_loses_and_doubles_nothing() {
    let site = Site::new();
    let token = site.add("ems_001");
    let server = site.serve();
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    send(&mut device, 0..7_200).await;
    let user = User::login(&server).await;
    let span = format!("from={}&to={}&step=minute", time(0), time(15_000));
    let before = user.get(&server, &format!("/api/devices/ems_001/history?{span}")).await;
    server.kill();
    let mut kills = 0;
    while rows(&site) > 0 {
        let server = site.serve_as(&["--seal-after", "1"]);
        let left = rows(&site);
        // Killed as soon as something has been done, at another step each time.
        // Near the end so many are not left: then it is done.
        let goal = (left - 300 * (kills % 5)).max(1);
        eventually("it goes on", async || rows(&site) < goal).await;
        server.kill();
        kills += 1;
        assert!(kills < 60, "{} rows are left", rows(&site));
        let server = site.serve();
        let user = User::login(&server).await;
        assert_same(
            &[user.get(&server, &format!("/api/devices/ems_001/history?{span}")).await],
            std::slice::from_ref(&before),
        );
        assert_eq!(user.samples(&server, "ems_001").await.len(), 7_200);
        server.kill();
    }
    assert!(kills >= 4, "{kills}");
}

#[tokio::test]
async fn a_backup_has_what_is_packed_and_a_device_of_the_same_name_has_none_of_it() {
    let site = Site::new();
    let token = site.add("ems_001");
    let server = site.serve_as(&["--seal-after", "1"]);
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    send(&mut device, 0..4000).await;
    all_packed(&site).await;
    let user = User::login(&server).await;
    let path = format!("/api/devices/ems_001/history?from={}&to={}", time(0), time(4000));
    let packed = user.get(&server, &path).await;
    let copy = site.data().with_file_name("copy");
    let made = site.run(&["backup", copy.to_str().unwrap()]);
    assert!(made.status.success(), "{}", crate::support::text(&made.stderr));

    let removed = user.http.delete(server.url("/api/devices/ems_001")).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    let token = site.add("ems_001");
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    assert_eq!(user.get(&server, &path).await["at"], json!([]));
    send(&mut device, 0..1).await;
    assert_eq!(user.samples(&server, "ems_001").await.len(), 1);
    server.kill();

    std::fs::remove_dir_all(site.data()).unwrap();
    std::fs::rename(copy, site.data()).unwrap();
    let server = site.serve();
    let user = User::login(&server).await;
    assert_eq!(user.get(&server, &path).await, packed);
    assert_eq!(user.samples(&server, "ems_001").await.len(), 4000);
    assert_eq!(user.get(&server, "/api/devices/ems_001").await["latest"]["seq"], 3999);
}

#[tokio::test]
async fn samples_are_kept_as_long_as_is_asked_and_roll_ups_longer() {
    let site = Site::new();
    let token = site.add("ems_001");
    let server = site.serve_as(&["--seal-after", "1"]);
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    send(&mut device, 0..7200).await;
    all_packed(&site).await;
    let user = User::login(&server).await;
    let path =
        |step: &str| format!("/api/devices/ems_001/history?from={}&to={}&step={step}", time(0), time(7200));
    let (minutes, hours) = (user.get(&server, &path("minute")).await, user.get(&server, &path("hour")).await);
    server.kill();
    let make_older = |table: &str| {
        let db = rusqlite::Connection::open(site.data().join("ems.db")).unwrap();
        db.execute(&format!("UPDATE {table} SET newest = newest - 10 * 86400000"), []).unwrap();
    };
    make_older("blocks");
    let short = ["--seal-after", "1", "--keep-samples", "5", "--keep-minutes", "5", "--keep-hours", "100"];
    let server = site.serve_as(&short);
    let user = User::login(&server).await;
    eventually("the samples are removed", async || user.samples(&server, "ems_001").await.is_empty()).await;
    assert_same(&[user.get(&server, &path("minute")).await], &[minutes]);
    server.kill();
    make_older("minutes");
    let server = site.serve_as(&short);
    let user = User::login(&server).await;
    eventually("the minutes are removed", async || {
        user.get(&server, &path("minute")).await["source"] == "hour"
    })
    .await;
    assert_same(&[user.get(&server, &path("hour")).await], &[hours]);
    drop(server);

    let wrong = site.run(&["serve", "--keep-samples", "0"]);
    assert_eq!(wrong.status.code(), Some(64));
    assert!(crate::support::text(&wrong.stderr).contains("raise --keep-minutes"));
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
