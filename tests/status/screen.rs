//! What people and programs are shown.

use std::process::Command;

use ems_test_harness::{Bus, Cloud, Edge, program, run, until};
use serde_json::Value;

use crate::{EX_UNAVAILABLE, TOKEN, alone, samples_go_on, screen, snapshot, socket, status, with_cloud};

#[test]
fn the_screen_of_a_daemon_that_is_well_says_so_in_80_columns_without_colour() {
    let cloud = Cloud::start();
    let edge = Edge::start(&with_cloud(&cloud));
    let complete = |text: &str| text.contains("connected to 127.0.0.1:") && text.contains(" V, ");
    let seen = screen(&edge, "a connection and a reading", |seen| complete(&seen.stdout));
    let text = &seen.stdout;
    assert_eq!(seen.status, 0, "{seen:?}");
    assert!(text.starts_with("All is well: "), "{text}");
    for words in
        ["ems_001", " V, ", " W", " % (between ", ": answers, ", " failed", "acknowledged", "room for"]
    {
        assert!(text.contains(words), "{words:?} is missing:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn the_json_tells_the_same_to_programs_and_its_sample_advances() {
    let cloud = Cloud::start();
    let edge = Edge::start(&with_cloud(&cloud));
    let seen = until("a connection and a reading", || {
        let seen = snapshot(&edge);
        (seen["link"]["phase"] == "connected" && seen["reading"].is_object()).then_some(seen)
    });
    assert_eq!(seen["device_id"], "ems_001");
    assert_eq!(seen["link"]["mode"], "typed");
    assert_eq!(seen["problems"], Value::Array(vec![]));
    assert_eq!(seen["sensor"]["answers"], true);
    assert!((40.0..60.0).contains(&seen["reading"]["voltage"].as_f64().unwrap()), "{seen}");
    assert!(seen["backlog"]["room_hours"].as_f64().unwrap() > 0.0, "{seen}");
    samples_go_on(&edge);
}

#[test]
fn without_a_daemon_it_says_how_to_start_one_and_a_killed_ones_socket_is_replaced() {
    let mut edge = Edge::start(&alone());
    samples_go_on(&edge);
    edge.process().kill();
    assert!(socket(edge.settings()).exists(), "a kill leaves the socket");
    let seen = status(&edge);
    assert_eq!(seen.status, EX_UNAVAILABLE, "{seen:?}");
    assert!(
        seen.stderr.contains("does not run") && seen.stderr.contains("systemctl start ems-edge"),
        "{seen:?}"
    );

    edge.kill_and_restart();
    samples_go_on(&edge);
    assert!(edge.stop().success());
    assert!(!socket(edge.settings()).exists(), "an orderly end removes the socket");
    assert_eq!(status(&edge).status, EX_UNAVAILABLE);
}

#[test]
fn a_sensor_that_does_not_answer_is_the_first_line_and_status_1() {
    let bus = Bus::new("# no chip");
    let edge = Edge::start_on(&bus, &alone().measuring("ina226", &bus.node(), 4));
    let seen = screen(&edge, "the trouble", |seen| seen.status == 1);
    assert!(seen.stdout.starts_with("Trouble: no readings for "), "{}", seen.stdout);
    let first = seen.stdout.split("\n\n").next().unwrap().replace('\n', " ");
    assert!(first.contains("INA226 at 0x40") && first.contains("check power, SDA/SCL"), "{first}");
    assert!(seen.stdout.contains("Last errors"), "{}", seen.stdout);
    assert!(seen.stdout.lines().all(|line| line.chars().count() <= 80), "{}", seen.stdout);
}

#[test]
fn a_connection_that_is_not_there_yet_is_shown_with_its_error_and_is_no_trouble_for_a_minute() {
    let edge = Edge::start(&alone());
    let seen = screen(&edge, "the error", |seen| seen.stdout.contains("Connection refused"));
    assert_eq!(seen.status, 0, "{seen:?}");
    assert!(seen.stdout.contains("not connected yet") && seen.stdout.contains("attempt"), "{}", seen.stdout);
    let waiting =
        until("some that wait", || snapshot(&edge)["backlog"]["memory"].as_u64().filter(|n| *n > 5));
    assert!(snapshot(&edge)["backlog"]["hours"].as_f64().unwrap() >= waiting as f64 * 0.1 / 3600.0);
}

#[test]
fn a_server_that_refuses_the_device_is_trouble_with_its_remedy_and_no_output_holds_the_token() {
    let cloud = Cloud::start();
    let edge = Edge::start(&with_cloud(&cloud).with("API_TOKEN", TOKEN));
    let seen = screen(&edge, "the refusal", |seen| seen.status == 1);
    let first = seen.stdout.split("\n\n").next().unwrap().replace('\n', " ");
    assert!(first.contains("refuses this device") && first.contains("API_TOKEN"), "{first}");
    for words in ["status", "status --json", "status --events", "status --json --events"] {
        let seen = run(edge.subcommand(words));
        assert!(!seen.stdout.contains("Hk2Vt8Qm5Zr0") && !seen.stderr.contains("Hk2Vt8Qm5Zr0"), "{words}");
    }
}

#[test]
fn a_changed_device_id_is_told_apart_from_a_daemon_that_does_not_run() {
    let edge = Edge::start(&alone());
    samples_go_on(&edge);
    let mut ask = edge.subcommand("status");
    ask.env("DEVICE_ID", "ems_002");
    let seen = run(ask);
    assert_eq!(seen.status, EX_UNAVAILABLE);
    assert!(seen.stderr.contains("one runs as ems_001") && seen.stderr.contains("restart"), "{seen:?}");
}

#[test]
fn the_help_names_every_exit_status_and_wrong_arguments_are_64() {
    let ask = |words: &[&str]| {
        let mut command = Command::new(program("ems-edge"));
        command.env_clear().arg("status").args(words);
        run(command)
    };
    let help = ask(&["--help"]).expect_success("ems-edge status --help");
    for words in ["Exit status: 0", "\n             1 ", "64", "69", "Examples:"] {
        assert!(help.contains(words), "{words:?} is missing:\n{help}");
    }
    assert_eq!(ask(&["--events", "many"]).status, 64);
}
