//! Samples as files.

use super::{all_packed, same, second, send, time};
use crate::support::client::{Client, User};
use crate::support::{Site, eventually};
use serde_json::{Value, json};

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
