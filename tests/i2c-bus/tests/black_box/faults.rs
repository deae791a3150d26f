//! Faults that the control file puts on the bus, and changes of it while a program runs.

use std::thread::sleep;
use std::time::Duration;

use crate::bench::{Bench, CHIPS, eventually, text};

const READ: &str = "read 0x42 0x02 2";
const GOOD: &str = "ok 1f42";

#[test]
fn a_fault_of_the_bus_fails_every_transfer_until_its_line_is_gone() {
    let bench = Bench::new(CHIPS);
    let mut client = bench.client();
    for errno in [121, 110, 5] {
        bench.control(&format!("{CHIPS}fault {errno}"));
        assert_eq!(client.ask(READ), format!("errno {errno}"));
        assert_eq!(client.ask("word 0x40 0xfe"), format!("errno {errno}"));
    }
    bench.control(CHIPS);
    assert_eq!(client.ask(READ), GOOD);
}

#[test]
fn a_fault_of_one_address_leaves_the_others_alone_and_overrides_that_of_the_bus() {
    let bench = Bench::new(&format!("{CHIPS}fault 0x40 110"));
    let mut client = bench.client();
    assert_eq!(client.ask("read 0x40 0x02 2"), "errno 110");
    assert_eq!(client.ask(READ), GOOD);
    bench.control(&format!("{CHIPS}fault 121\nfault 0x40 110"));
    assert_eq!(client.ask("read 0x40 0x02 2"), "errno 110");
    assert_eq!(client.ask(READ), "errno 121");
}

#[test]
fn a_delayed_transfer_comes_late_and_holds_up_nobody() {
    let bench = Bench::new(&format!("{CHIPS}delay_ms 0x40 3600000"));
    let mut client = bench.client();
    let slow = client.begin("read 0x40 0xfe 2");
    for _ in 0..5 {
        assert_eq!(client.ask(READ), GOOD);
    }
    assert!(!client.is_answered(slow));
    // The transfer has taken longer than a delay of 1 ms by now.
    bench.control(&format!("{CHIPS}delay_ms 0x40 1"));
    assert_eq!(client.answer(slow), "ok 5449");
}

#[test]
fn a_hanging_transfer_returns_only_when_its_line_is_gone_and_holds_up_nobody() {
    let bench = Bench::new(&format!("{CHIPS}hang 0x40"));
    let mut client = bench.client();
    let hanging = client.begin("read 0x40 0xfe 2");
    eventually("the transfer hangs", || bench.log().iter().any(|line| line == "w@0x40:fe r@0x40:?2 hangs"));
    assert_eq!(client.ask(READ), GOOD);
    sleep(Duration::from_millis(100));
    assert!(!client.is_answered(hanging));
    bench.control(CHIPS);
    assert_eq!(client.answer(hanging), "ok 5449");
    assert_eq!(bench.log().last().unwrap(), "w@0x40:fe r@0x40:5449 ok");
}

#[test]
fn a_program_can_be_killed_while_its_transfer_hangs() {
    let bench = Bench::new(&format!("{CHIPS}hang"));
    let device = bench.path("dev/i2c-1");
    let client = env!("CARGO_BIN_EXE_i2c-client");
    // The shell outlives the client, so that the transfer's thread is seen to end.
    let script = format!(
        "echo 1 {READ} | {client} {} & until grep -q hangs {log}; do sleep 0.01; done
         kill -9 $!; wait $!; echo $?; until grep -q 'errno 4' {log}; do sleep 0.01; done",
        device.display(),
        log = bench.path("log").display(),
    );
    let output = bench.run(&["timeout", "60", "sh", "-c", &script]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "137\n"));
}

#[test]
fn a_changed_counter_is_a_brown_out_of_its_chip_alone() {
    let bench = Bench::new(&format!("{CHIPS}reset 0x40 1"));
    let mut client = bench.client();
    for chip in ["0x40", "0x41"] {
        assert_eq!(client.ask(&format!("write {chip} 0x00 0x41 0x20")), "ok");
        assert_eq!(client.ask(&format!("read {chip} 0x00 2")), "ok 4120".replace("41", first_byte(chip)));
    }
    assert_eq!(client.ask("write 0x42 0x02 0x12 0x34"), "ok");
    bench.control(&format!("{CHIPS}reset 0x40 2"));
    assert_eq!(client.ask("read 0x40 0x00 2"), "ok 4127");
    assert_eq!(client.ask("read 0x41 0x00 2"), "ok 0120");
    bench.control(&format!("{CHIPS}reset 0x40 2\nreset 0x41 1\nreset 0x42 1"));
    assert_eq!(client.ask("read 0x41 0x00 2"), "ok 399f");
    assert_eq!(client.ask(READ), GOOD);
}

/// The INA219 has no bit 14.
fn first_byte(chip: &str) -> &str {
    if chip == "0x41" { "01" } else { "41" }
}

#[test]
fn new_voltages_leave_a_chip_its_registers_and_another_kind_does_not() {
    let bench = Bench::new("chip 0x40 ina226 volts=26.6");
    let mut client = bench.client();
    assert_eq!(client.ask("write 0x40 0x00 0x40 0x07"), "ok");
    bench.control("chip 0x40 ina226 volts=13.3");
    eventually("13.3 V are measured", || client.ask("read 0x40 0x02 2") == "ok 2990");
    assert_eq!(client.ask("read 0x40 0x00 2"), "ok 4007");
    bench.control("chip 0x40 ina226 volts=13.3\nid 0x40 0x5449 0x9999");
    assert_eq!(client.ask("read 0x40 0xff 2"), "ok 9999");
    assert_eq!(client.ask("read 0x40 0x00 2"), "ok 4127");
    bench.control("# unplugged");
    assert_eq!(client.ask("read 0x40 0x00 2"), "errno 121");
}

#[test]
fn the_simulated_pack_can_be_measured_and_loses_its_configuration() {
    let bench = Bench::new("pack 0x44");
    let mut client = bench.client();
    assert_eq!(client.ask("read 0x44 0xff 2"), "ok 2260");
    assert_eq!(client.ask("write 0x44 0x00 0x45 0x6f"), "ok");
    assert_eq!(client.ask("read 0x44 0x00 2"), "ok 456f");
    bench.control("pack 0x44\nreset 0x44 1");
    assert_eq!(client.ask("read 0x44 0x00 2"), "ok 4127");
}

#[test]
fn a_bad_control_file_while_running_is_reported_once_and_changes_nothing() {
    let bench = Bench::new(CHIPS);
    let mut client = bench.client();
    bench.control("fault 121\nchip 0x42 ina999");
    assert_eq!(client.ask(READ), GOOD);
    assert_eq!(client.ask(READ), GOOD);
    // As it looks between being truncated and being written.
    bench.control("");
    assert_eq!(client.ask(READ), GOOD);
    std::fs::remove_file(bench.path("control")).unwrap();
    assert_eq!(client.ask(READ), GOOD);
    bench.control(CHIPS);
    assert_eq!(client.ask(READ), GOOD);
    let stderr = client.finish();
    assert_eq!(stderr.matches("line 2, `chip 0x42 ina999`: no such chip as `ina999`").count(), 1, "{stderr}");
    assert_eq!(stderr.matches("cannot read the control file").count(), 1, "{stderr}");
    assert_eq!(stderr.matches("the bus stays as it was").count(), 2, "{stderr}");
}
