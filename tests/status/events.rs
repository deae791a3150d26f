//! The record of events, here and at the cloud.

use ems_test_harness::{Cloud, Edge, run, until};
use serde_json::Value;

use crate::{screen, with_cloud};

#[test]
fn events_are_on_record_in_local_time_and_reach_the_cloud() {
    let cloud = Cloud::start();
    let edge = Edge::start(&with_cloud(&cloud));
    let listed = until("a connection on record", || {
        let mut ask = edge.subcommand("status --events");
        ask.env("TZ", "IST-5:30");
        let seen = run(ask);
        assert_eq!(seen.status, 0, "{seen:?}");
        seen.stdout.contains("LINK_CONNECTED").then_some(seen.stdout)
    });
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].contains("DAEMON_STARTED"), "oldest first: {listed}");
    assert!(lines.iter().all(|line| line.contains(" +05:30")), "{listed}");
    let one = run(edge.subcommand("status --json --events 1")).expect_success("ems-edge status --events 1");
    let one: Vec<Value> = serde_json::from_str(&one).unwrap();
    assert_eq!(one.len(), 1);

    until("the events at the cloud", || {
        let events = cloud.api().get("/api/devices/ems_001/events").body;
        let has = |code: &str| events["events"].as_array().unwrap().iter().any(|event| event["code"] == code);
        (has("DAEMON_STARTED") && has("LINK_CONNECTED")).then_some(())
    });
}

#[test]
fn events_of_an_outage_reach_the_cloud_when_it_is_back() {
    let mut cloud = Cloud::start();
    let edge = Edge::start(&with_cloud(&cloud));
    screen(&edge, "a connection", |seen| seen.stdout.contains("connected to 127.0.0.1:"));
    cloud.kill();
    until("the loss on record", || {
        run(edge.subcommand("status --events")).stdout.contains("LINK_DISCONNECTED").then_some(())
    });
    cloud.start_again();
    until("the loss at the cloud", || {
        let events = cloud.api().get("/api/devices/ems_001/events").body;
        let lost = |event: &Value| event["code"] == "LINK_DISCONNECTED";
        events["events"].as_array().unwrap().iter().any(lost).then_some(())
    });
}
