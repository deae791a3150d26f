//! Outputs: the real program drives the pins of a Raspberry Pi through its registers. What is watched are the edges.

use std::thread::sleep;
use std::time::{Duration, Instant};

use ems_test_harness::{Edge, Impostor, Pins, Settings, until};
use serde_json::{Value, json};

use super::{Desk, published_to};

const CHARGE: u8 = 17;
/// Its output is on when the pin is low.
const LOAD: u8 = 27;
const PUMP: u8 = 22;
const LAMP: u8 = 23;

fn with_outputs(settings: Settings) -> Settings {
    settings
        .with("OUTPUTS", "charge:17,load:27:low,pump:22,identify:23")
        .with("OUTPUT_MIN_ON", "0s")
        .with("OUTPUT_MIN_OFF", "0s")
        .with("COMMANDS_ALLOW", "all")
}

fn wait(pins: &Pins, gpio: u8, is_high: bool) {
    until(&format!("GPIO {gpio} at {is_high}"), || (pins.is_high(gpio) == is_high).then_some(()));
}

fn refused(answer: &Value, code: &str) {
    assert_eq!(answer["reason_code"], code, "{answer}");
    assert!(answer["status"] == "REJECTED" && answer["reason"].as_str().unwrap().len() > 20, "{answer}");
}

/// Whether all outputs are as they are while no daemon runs.
fn are_safe(pins: &Pins) -> bool {
    !pins.is_high(CHARGE) && pins.is_high(LOAD) && !pins.is_high(PUMP) && !pins.is_high(LAMP)
}

#[test]
fn modes_and_outputs_follow_the_operator_and_a_stop_makes_them_safe() {
    for typed in [true, false] {
        let (server, pins) = (Impostor::listen(), Pins::new());
        let mut edge = Edge::start_under(&pins.wrapper(), &with_outputs(published_to(&server)));
        let mut desk = Desk::take(server, typed);
        wait(&pins, CHARGE, true);
        wait(&pins, LOAD, false);
        refused(&desk.ask("a", "SET_OUTPUT", &json!({"output": "charge", "on": false})), "STATE_FORBIDS");
        let mode = |desk: &mut Desk, mode: &str| {
            let answer = desk.ask(mode, "SET_MODE", &json!({"target_mode": mode}));
            assert_eq!(answer["status"], "SUCCEEDED", "{answer}");
            [pins.is_high(CHARGE), !pins.is_high(LOAD)]
        };
        assert_eq!(mode(&mut desk, "MANUAL_IDLE"), [false, false]);
        let read = desk.ask("r", "READ_NOW", &json!({}));
        assert_eq!(read["result"]["system_status"]["mode"], "MANUAL");
        assert_eq!(mode(&mut desk, "MANUAL_CHARGE"), [true, false]);
        assert_eq!(mode(&mut desk, "MANUAL_DISCHARGE"), [false, true]);
        let answer = desk.ask("b", "SET_OUTPUT", &json!({"output": "load", "on": false, "for_s": 0.5}));
        assert_eq!((&answer["status"], pins.is_high(LOAD)), (&json!("SUCCEEDED"), true), "{answer}");
        wait(&pins, LOAD, false);
        assert_eq!(mode(&mut desk, "AUTO"), [true, true]);
        let power = json!({"target_mode": "MANUAL_CHARGE", "target_power": 500});
        refused(&desk.ask("c", "SET_MODE", &power), "UNSUPPORTED");
        refused(&desk.ask("d", "SET_OUTPUT", &json!({"output": "gate", "on": true})), "INVALID_PAYLOAD");
        assert_eq!(desk.ask("e", "IDENTIFY", &json!({"seconds": 1}))["status"], "SUCCEEDED");
        assert!(pins.rises(LAMP) >= 2 && !pins.is_high(LAMP));
        let (pump, rises) = (json!({"output": "pump", "on": true}), pins.rises(PUMP));
        let answer = desk.ask("f", "SET_OUTPUT", &pump);
        assert_eq!((&answer["status"], pins.is_high(PUMP)), (&json!("SUCCEEDED"), true), "{answer}");
        assert_eq!((desk.ask("f", "SET_OUTPUT", &pump), pins.rises(PUMP)), (answer, rises + 1));
        assert_eq!(desk.ask("g", "RESET_ERROR", &json!({}))["status"], "SUCCEEDED");
        edge.stop();
        assert!(are_safe(&pins), "after a stop");
    }
}

#[test]
fn a_machine_without_gpio_says_so_and_goes_on() {
    let server = Impostor::listen();
    let mut edge = Edge::start(&with_outputs(published_to(&server)));
    let mut desk = Desk::take(server, true);
    for (id, action) in [("a", "SET_OUTPUT"), ("b", "SET_MODE")] {
        let answer = desk.ask(id, action, &json!({"output": "pump", "on": true, "target_mode": "AUTO"}));
        refused(&answer, "UNSUPPORTED");
        assert!(answer["reason"].as_str().unwrap().contains("no GPIO"), "{answer}");
    }
    desk.socket.next_of("telemetry");
    // A running daemon's outputs are its own.
    let refused = ems_test_harness::run(edge.subcommand("outputs-safe"));
    assert!(refused.status == 1 && refused.stderr.contains("stop it"), "{}", refused.stderr);
    edge.stop();
    assert!(ems_test_harness::run(edge.subcommand("outputs-safe")).status == 0);
}

#[test]
fn a_shorted_pin_is_a_fault_and_is_not_driven_on() {
    let (server, pins) = (Impostor::listen(), Pins::new());
    let edge = Edge::start_under(&pins.wrapper(), &with_outputs(published_to(&server)));
    let mut desk = Desk::take(server, true);
    pins.short(PUMP);
    let answer = desk.ask("a", "SET_OUTPUT", &json!({"output": "pump", "on": true}));
    assert_eq!(
        (&answer["status"], &answer["reason_code"]),
        (&json!("FAILED"), &json!("HARDWARE")),
        "{answer}"
    );
    assert!(edge.log().contains("GPIO 22 does not follow"), "{}", edge.log());
    // It is tried anew, and told once.
    let answer = desk.ask("b", "SET_OUTPUT", &json!({"output": "pump", "on": true}));
    assert_eq!(answer["reason_code"], "HARDWARE", "{answer}");
    assert_eq!(edge.log().matches("GPIO 22 does not follow").count(), 1, "{}", edge.log());
}

#[test]
fn a_short_that_outlasts_a_restart_leaves_the_other_outputs_at_work() {
    let (server, pins) = (Impostor::listen(), Pins::new());
    let mut edge = Edge::start_under(&pins.wrapper(), &with_outputs(published_to(&server)));
    let mut desk = Desk::take(server, true);
    wait(&pins, CHARGE, true);
    // Its safe level is high: the short holds it low.
    pins.short(LOAD);
    edge.kill();
    edge.launch_again();
    desk.take_again();
    let answer = desk.ask("a", "SET_OUTPUT", &json!({"output": "pump", "on": true}));
    assert_eq!(answer["status"], "SUCCEEDED", "{answer}");
    let log = edge.log();
    assert!(log.contains("an output of the run before is not off") && log.contains("GPIO 27"), "{log}");
}

#[test]
fn a_minute_of_silence_in_a_manual_mode_gives_charge_and_load_back_to_the_protection() {
    let (server, pins) = (Impostor::listen(), Pins::new());
    let _edge = Edge::start_under(&pins.wrapper(), &with_outputs(published_to(&server)));
    let mut desk = Desk::take(server, true);
    wait(&pins, CHARGE, true);
    assert_eq!(desk.ask("a", "SET_MODE", &json!({"target_mode": "MANUAL_IDLE"}))["status"], "SUCCEEDED");
    let start = Instant::now();
    assert!(!pins.is_high(CHARGE));
    // Nothing is read from here on: not even the Pongs go out.
    wait(&pins, CHARGE, true);
    println!("AUTO again after {:.1} s of silence", start.elapsed().as_secs_f64());
    assert!(start.elapsed() >= Duration::from_secs(55), "too early: {:?}", start.elapsed());
}

/// Four LFP cells behind an INA226, with the voltage of each cell and the current into the battery.
fn battery(cell_volts: f64, amps: f64) -> String {
    format!("chip 0x40 ina226 volts={} shunt_mv={}", 4.0 * cell_volts, amps * 0.75)
}

#[test]
fn charge_and_load_are_off_whenever_the_battery_forbids_it_whatever_is_asked() {
    let (server, pins) = (Impostor::listen(), Pins::new());
    pins.bus().set(&battery(3.3, 0.0));
    let settings = with_outputs(published_to(&server)).measuring("ina226", &pins.bus().node(), 4);
    let _edge = Edge::start_under(&pins.wrapper(), &settings);
    let mut desk = Desk::take(server, true);
    let mut count = 0;
    let mut ask = |desk: &mut Desk, action: &str, payload: Value| {
        count += 1;
        desk.ask(&format!("c{count}"), action, &payload)
    };
    // States, as samples show them, and what they leave on: charge, load.
    let phases = [
        ("grave over-voltage", battery(3.80, 5.0), "ERROR", [false, false]),
        ("that is gone, but not reset", battery(3.30, 0.0), "ERROR", [false, false]),
        ("over-voltage", battery(3.70, 5.0), "FULL", [false, true]),
        ("over-current", battery(3.30, 105.0), "ERROR", [false, false]),
        ("empty", battery(2.50, -1.0), "EMPTY", [true, false]),
        ("no sensor", "fault 121".to_owned(), "", [false, false]),
    ];
    for (what, control, state, allowed) in phases {
        println!("{what}");
        pins.bus().set(&control);
        wait_for(&mut desk, state);
        wait(&pins, CHARGE, allowed[0]);
        wait(&pins, LOAD, !allowed[1]);
        let before = pins.edges().len();
        for (mode, output, is_allowed) in
            [("MANUAL_CHARGE", "charge", allowed[0]), ("MANUAL_DISCHARGE", "load", allowed[1])]
        {
            if is_allowed {
                continue;
            }
            let answer = ask(&mut desk, "SET_MODE", json!({"target_mode": mode}));
            refused(&answer, "STATE_FORBIDS");
            ask(&mut desk, "SET_MODE", json!({"target_mode": "MANUAL_IDLE"}));
            let answer = ask(&mut desk, "SET_OUTPUT", json!({"output": output, "on": true}));
            refused(&answer, "STATE_FORBIDS");
            ask(&mut desk, "SET_MODE", json!({"target_mode": "AUTO"}));
        }
        let forbidden = |gpio, is_high| {
            (gpio == CHARGE && is_high && !allowed[0]) || (gpio == LOAD && !is_high && !allowed[1])
        };
        let edges: Vec<_> = pins.edges().split_off(before);
        assert!(!edges.iter().any(|edge| forbidden(edge.gpio, edge.is_high)), "{what}: {edges:?}");
        let reset = ask(&mut desk, "RESET_ERROR", json!({}));
        match what {
            "grave over-voltage" | "over-current" => refused(&reset, "STATE_FORBIDS"),
            "no sensor" => assert_eq!(reset["reason_code"], "HARDWARE", "{reset}"),
            _ => assert_eq!(reset["status"], "SUCCEEDED", "{reset}"),
        }
        if what == "over-current" {
            pins.bus().set(&battery(3.30, 0.0));
            until("a reading without the over-current", || {
                let answer = ask(&mut desk, "RESET_ERROR", json!({}));
                (answer["status"] == "SUCCEEDED").then_some(())
            });
        }
    }
}

/// Waits for a sample in this state; without a name, for the loss of the sensor to count as an error.
fn wait_for(desk: &mut Desk, state: &str) {
    let start = Instant::now();
    loop {
        let sample = desk.socket.next_of("telemetry");
        let seen = &sample["system_status"];
        if state.is_empty() && seen["error_flags"] == json!(["SENSOR_LOST"]) || seen["state"] == state {
            return;
        }
        assert!(start.elapsed() < ems_test_harness::PATIENCE, "waited for {state}: {sample}");
    }
}

#[test]
fn after_a_kill_at_any_instant_the_outputs_are_made_safe() {
    let (server, pins) = (Impostor::listen(), Pins::new());
    let settings = with_outputs(published_to(&server));
    let mut edge = Edge::start_under(&pins.wrapper(), &settings);
    let mut longest = Duration::ZERO;
    let mut desk = Desk::take(server, true);
    for round in 0..20 {
        desk.send(&json!({"command_id": format!("on{round}"), "action": "SET_OUTPUT", "payload": {"output": "pump", "on": true}}));
        sleep(Duration::from_micros(fastrand::u64(0..40_000)));
        edge.kill();
        let killed = Instant::now();
        edge.make_outputs_safe();
        until("the outputs safe", || are_safe(&pins).then_some(()));
        longest = longest.max(killed.elapsed());
        let before = pins.edges().len();
        edge.launch_again();
        desk.take_again();
        until("outputs in use again", || pins.is_high(CHARGE).then_some(()));
        // Nothing but what AUTO switches on.
        assert!(pins.edges()[before..].iter().all(|edge| [CHARGE, LOAD].contains(&edge.gpio)));
    }
    println!("20 kills: safe within {longest:?}, of which most is the start of a program");
    edge.kill();
}
