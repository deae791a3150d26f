//! Who may publish, and what becomes of what they publish.

use crate::support::client::{Client, User, guide, sample};
use crate::support::{Site, contents};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

#[tokio::test]
async fn everybody_without_the_right_token_gets_the_same_403() {
    let site = Site::new();
    let server = site.serve();
    let (token, other) = (site.add("ems_001"), site.add("ems_002"));
    let disabled = site.add("ems_003");
    assert!(site.run(&["device", "disable", "ems_003"]).status.success());
    let user = User::login(&server).await;

    let bearer = |token: &str| Some(format!("Bearer {token}"));
    let jwt = user.cookie.trim_start_matches("ems_session=");
    let wrong = format!("{}x", &token[..token.len() - 1]);
    let cases = [
        ("ems_001", None),
        ("ems_001", Some("Basic ZW1zXzAwMTp4".to_owned())),
        ("ems_001", Some(token.clone())),
        ("ems_001", bearer("")),
        ("ems_001", bearer(&wrong)),
        ("ems_001", bearer(&other)),
        ("ems_001", bearer("sk_")),
        ("ems_001", bearer("no.jwt.either")),
        ("ems_001", bearer(&format!("{jwt}x"))),
        ("ems_003", bearer(&disabled)),
        ("unknown", bearer(&token)),
        ("unknown", None),
        ("Bad%20Id", bearer(&token)),
        ("..%2f..", None),
        ("%00%ff", bearer(&token)),
    ];
    let mut refusals = Vec::new();
    for (id, authorization) in &cases {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        let path = format!("/ws/device/{id}");
        let refusal = Client::open(&site, &server, &path, &headers).await.err();
        refusals.push(refusal.unwrap_or_else(|| panic!("{id} {authorization:?} was let in")));
    }
    for (refusal, case) in refusals.iter().zip(&cases) {
        assert_eq!(refusal.status, 403, "{case:?}");
        assert_eq!(refusal, &refusals[0], "{case:?}");
    }

    // The right one passes, and can be taken from neither the disk nor the log.
    Client::device(&site, &server, "ems_001", &token).await;
    let files = contents(&site.data());
    for secret in [&token, &other, &disabled, &wrong] {
        let needle = &secret.as_bytes()[8..40];
        assert!(!files.windows(needle.len()).any(|window| window == needle));
        assert!(!server.log().contains(&secret[8..40]));
    }
}

#[tokio::test]
async fn the_guides_client_is_stored_every_time_where_it_arrived() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let mut device = Client::device(&site, &server, "ems_001", &token).await;
    for _ in 0..3 {
        device.send(guide("ems_001")).await;
    }
    let user = User::login(&server).await;
    crate::support::eventually("three samples", async || user.samples(&server, "ems_001").await.len() == 3)
        .await;
    // The default is the last quarter of an hour by the time of receipt, not by the constant timestamp.
    let recent = user.get(&server, "/api/devices/ems_001/telemetry").await;
    assert_eq!(recent["samples"].as_array().unwrap().len(), 3);
    assert_eq!(recent["samples"][0]["timestamp"], "2026-02-03T12:00:00.000Z");
    assert_eq!(recent["samples"][0]["battery"], json!({"voltage": 53.2, "soc": 85.0}));
    assert!(device.is_silent().await, "the guide's client was sent something");
}

#[tokio::test]
async fn a_typed_device_is_welcomed_and_its_samples_are_acknowledged_once_durable() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let mut device = Client::typed_device(&site, &server, "ems_001", &token).await;
    device.hello("boot-a").await;
    let welcome = device.expect("device.welcome").await;
    assert_eq!((&welcome["heartbeat_seconds"], &welcome["max_batch"]), (&json!(30), &json!(500)));
    assert!(welcome["session_id"].as_str().unwrap().len() >= 8);

    device.say(json!({"type": "telemetry", "payload": sample("ems_001", "boot-a", 7)})).await;
    assert_eq!(device.expect("telemetry.ack").await, json!({"boot_id": "boot-a", "ranges": [[7, 7]]}));

    let batch: Vec<Value> = [1, 2, 3, 5, 6].map(|seq| sample("ems_001", "boot-a", seq)).into();
    device.say(json!({"type": "telemetry.batch", "payload": {"samples": batch}})).await;
    assert_eq!(
        device.expect("telemetry.ack").await,
        json!({"boot_id": "boot-a", "ranges": [[1, 3], [5, 6]]})
    );

    let user = User::login(&server).await;
    let seqs: Vec<_> =
        user.samples(&server, "ems_001").await.iter().map(|s| s["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3, 5, 6, 7]);
}

#[tokio::test]
async fn a_sample_that_is_sent_again_and_again_is_stored_once_and_acknowledged_each_time() {
    let site = Site::new();
    let mut server = site.serve();
    let token = site.add("ems_001");
    let batch: Vec<Value> = (0..50).map(|seq| sample("ems_001", "boot-a", seq)).collect();
    for round in 0..3 {
        let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
        device.store(&batch).await;
        device.store(&batch[20..30]).await;
        if round == 1 {
            server.kill();
            server = site.serve();
        }
    }
    let user = User::login(&server).await;
    let stored = user.samples(&server, "ems_001").await;
    assert_eq!(stored.len(), 50);
    assert!(stored.iter().zip(0..).all(|(s, seq)| s["seq"] == seq));
}

#[tokio::test]
async fn one_bad_sample_of_a_batch_is_named_and_the_rest_is_stored() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let mut batch: Vec<Value> = (1..=3).map(|seq| sample("ems_001", "boot-a", seq)).collect();
    batch[1]["battery"]["soc"] = json!(140);
    device.say(json!({"type": "telemetry.batch", "payload": {"samples": batch}})).await;
    let error = device.expect("error").await;
    assert_eq!(error["code"], "invalid_message");
    assert_eq!(error["details"], json!({"field": "battery.soc", "boot_id": "boot-a", "seq": 2}));
    assert_eq!(device.expect("telemetry.ack").await["ranges"], json!([[1, 1], [3, 3]]));
}

#[tokio::test]
async fn broken_frames_are_answered_and_neither_the_socket_nor_the_server_suffers() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let mut plain = Client::device(&site, &server, "ems_001", &token).await;
    let mut typed = Client::typed_device(&site, &server, "ems_001", &token).await;

    let sample = |path: &str, value: Value| {
        let mut sample: Value = serde_json::from_str(&guide("ems_001")).unwrap();
        *sample.pointer_mut(path).unwrap() = value;
        sample.to_string()
    };
    let broken: Vec<(String, &str)> = vec![
        (String::new(), "JSON object"),
        ("hello".into(), "JSON object"),
        ("{".into(), "JSON object"),
        ("[]".into(), "JSON object"),
        ("null".into(), "JSON object"),
        ("42".into(), "JSON object"),
        ("\"{}\"".into(), "JSON object"),
        ("{}".into(), "device_id"),
        (format!("{0}{0}", guide("ems_001")), "JSON object"),
        ("[".repeat(100_000), "JSON object"),
        ("{\"a\":".repeat(50_000), "JSON object"),
        (guide("ems_001").replace("53.2", "NaN"), "JSON object"),
        (guide("ems_001").replace("53.2", "Infinity"), "JSON object"),
        (guide("ems_001").replace("53.2", "1e999"), ""),
        (guide("ems_001").replace("53.2", "true"), "voltage"),
        (guide("ems_001").replace("53.2", "\"53.2\""), "voltage"),
        (guide("ems_001").replace("53.2", "-1"), "battery.voltage"),
        (guide("ems_001").replace("53.2", "99999"), "battery.voltage"),
        (guide("ems_002"), "device_id"),
        (guide("EMS 1"), "device_id"),
        (sample("/battery/soc", json!(140)), "battery.soc"),
        (sample("/battery/soc", json!(-1)), "battery.soc"),
        (sample("/battery/soc", json!([85])), "soc"),
        (sample("/battery", json!(null)), "battery"),
        (sample("/battery", json!({})), "battery.voltage"),
        (sample("/timestamp", json!("yesterday")), "timestamp"),
        (sample("/timestamp", json!("2026-02-03T12:00:00")), "timestamp"),
        (sample("/timestamp", json!(1_770_000_000)), "timestamp"),
        (r#"{"type":"no.such.type","payload":{}}"#.into(), "no.such.type"),
        (r#"{"type":5}"#.into(), ""),
        (r#"{"type":"telemetry","payload":[]}"#.into(), "JSON object"),
        (r#"{"type":"telemetry.batch","payload":{"samples":5}}"#.into(), "samples"),
        (r#"{"type":"device.hello","payload":{}}"#.into(), "boot_id"),
        (r#"{"type":"device.event","payload":{"code":1}}"#.into(), ""),
        (r#"{"type":"command.ack","payload":{}}"#.into(), "command_id"),
    ];
    assert!(broken.len() >= 30);
    let before = server.memory();
    for round in 0..2 {
        for (frame, expected) in &broken {
            plain.send(frame.clone()).await;
            let error = plain.json().await;
            assert_eq!(error["type"], "error", "{frame:.60}");
            let message = error["payload"]["message"].as_str().unwrap();
            assert!(message.contains(expected), "{frame:.60}: {message}");
            // In typed mode a bare object lacks its type; either way it is answered.
            typed.send(frame.clone()).await;
            assert_eq!(typed.json().await["type"], "error", "{frame:.60}");
        }
        for device in [&mut plain, &mut typed] {
            device.0.send(Message::binary(vec![0; 100])).await.unwrap();
            let error = device.expect("error").await;
            assert!(error["message"].as_str().unwrap().contains("binary"), "{round}");
        }
        if round == 0 {
            // More than the budget for answers in one go would be answered late, not wrongly.
            tokio::time::sleep(std::time::Duration::from_secs(8)).await;
        }
    }
    plain.send(guide("ems_001")).await;
    assert!(plain.is_silent().await);
    typed.hello("boot-a").await;
    typed.expect("device.welcome").await;
    assert!(server.memory() < before + 20_000, "{} kB, then {} kB", before, server.memory());
}

#[tokio::test]
async fn a_frame_beyond_the_limit_is_named_and_closes_with_1009() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let before = server.memory();
    for typed in [false, true] {
        for size in [256 * 1024 + 1, 10 * 1024 * 1024] {
            let mut device = if typed {
                Client::typed_device(&site, &server, "ems_001", &token).await
            } else {
                Client::device(&site, &server, "ems_001", &token).await
            };
            // The server may close before all of it is written.
            let _ = device.0.send(Message::text("x".repeat(size))).await;
            assert_eq!(device.expect("error").await["code"], "too_large");
            assert_eq!(device.close_code().await, 1009);
        }
    }
    assert!(server.memory() < before + 20_000);
    // The reason reaches the peer: the server takes what is still on its way, rather than reset the connection.
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut device = Client::open_plain(&server, "/ws/device/ems_001", &headers, None).await.unwrap();
    device.send("x".repeat(2 * 1024 * 1024)).await;
    assert_eq!(device.close_code().await, 1009);
    assert_eq!(device.0.get_mut().read(&mut [0]).await.unwrap(), 0);
    // Just below it is only wrong.
    let mut device = Client::device(&site, &server, "ems_001", &token).await;
    device.send("x".repeat(256 * 1024)).await;
    assert_eq!(device.expect("error").await["code"], "invalid_json");
}

#[tokio::test]
async fn a_peer_that_says_goodbye_gets_its_goodbye_back() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    let device = Client::device(&site, &server, "ems_001", &token).await;
    for mut client in [device, user.watch(&server, "ems_001", false).await] {
        let frame = CloseFrame { code: 1000.into(), reason: "done".into() };
        client.0.send(Message::Close(Some(frame))).await.unwrap();
        // A browser would call the lack of an answer an unclean end, code 1006.
        assert_eq!(client.close_code().await, 1000);
    }
}

#[tokio::test]
async fn frames_that_break_the_websocket_protocol_close_with_1002() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    let frames: [(&str, &[u8]); 4] = [
        ("not masked", b"\x81\x02{}"),
        ("reserved bits", b"\xc1\x82\0\0\0\0{}"),
        ("reserved opcode", b"\x83\x80\0\0\0\0"),
        ("nothing to continue", b"\x80\x81\0\0\0\0x"),
    ];
    for (what, bytes) in frames {
        let device = Client::device(&site, &server, "ems_001", &token).await;
        for mut client in [device, user.watch(&server, "ems_001", false).await] {
            client.0.get_mut().write_all(bytes).await.unwrap();
            assert_eq!(client.close_code().await, 1002, "{what}");
        }
    }
}

#[tokio::test]
async fn a_flood_of_nonsense_is_not_answered_for_ever() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let mut device = Client::device(&site, &server, "ems_001", &token).await;
    for _ in 0..2_000 {
        device.send("nonsense").await;
    }
    device.0.send(Message::Ping("end".into())).await.unwrap();
    let mut answers = 0;
    loop {
        match futures_util::StreamExt::next(&mut device.0).await.unwrap().unwrap() {
            Message::Text(_) => answers += 1,
            Message::Pong(mark) if mark == "end" => break,
            _ => {}
        }
    }
    assert!((100..1_500).contains(&answers), "{answers}");
}

#[tokio::test]
async fn a_day_of_backlog_is_taken() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let day = 86_400_u64;
    let mut acknowledged = ems_protocol::SeqRanges::new();
    let mut next = 0;
    let mut under_way = 0;
    while !acknowledged.contains(day - 1) || acknowledged.iter().count() != 1 {
        while next < day && under_way < 6 {
            let batch: Vec<Value> =
                (next..day.min(next + 500)).map(|seq| sample("ems_001", "boot-a", seq)).collect();
            next += 500;
            under_way += 1;
            device.say(json!({"type": "telemetry.batch", "payload": {"samples": batch}})).await;
        }
        let ack = device.expect("telemetry.ack").await;
        let ranges: ems_protocol::SeqRanges = serde_json::from_value(ack["ranges"].clone()).unwrap();
        for (first, last) in ranges.iter() {
            under_way -= (last - first + 1).div_ceil(500);
            acknowledged.insert_range(first, last);
        }
    }
    assert_eq!(acknowledged.iter().collect::<Vec<_>>(), [(0, day - 1)]);
}
