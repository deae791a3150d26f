//! Programs that use the bus through `linux-embedded-hal`, on an ordinary file named `i2c-1`.

use crate::bench::{Bench, CHIPS, eventually, text};

#[test]
fn a_register_is_read_in_one_transfer() {
    let bench = Bench::new(CHIPS);
    let mut client = bench.client();
    assert_eq!(client.ask("read 0x40 0xfe 2"), "ok 5449");
    assert_eq!(client.ask("read 0x41 0x00 2"), "ok 399f");
    assert_eq!(client.ask("read 0x42 0x02 2"), "ok 1f42");
    assert_eq!(bench.log().last().unwrap(), "w@0x42:02 r@0x42:1f42 ok");
}

#[test]
fn a_register_keeps_what_was_written_to_it() {
    let bench = Bench::new(CHIPS);
    let mut client = bench.client();
    assert_eq!(client.ask("write 0x40 0x00 0x45 0x6f"), "ok");
    assert_eq!(client.ask("read 0x40 0x00 2"), "ok 456f");
    assert_eq!(bench.log().first().unwrap(), "w@0x40:00456f ok");
}

#[test]
fn the_chips_measure_what_the_control_file_says() {
    let bench = Bench::new(CHIPS);
    let mut client = bench.client();
    // 26.6 V in steps of 1.25 mV, -7.5 mV in steps of 2.5 µV, 12.4 V in steps of 4 mV.
    eventually("the first conversion is done", || client.ask("read 0x40 0x02 2") == "ok 5320");
    assert_eq!(client.ask("read 0x40 0x01 2"), "ok f448");
    eventually("the first conversion is done", || client.ask("read 0x41 0x02 2").starts_with("ok 60e"));
}

#[test]
fn an_address_without_a_chip_does_not_answer() {
    let bench = Bench::new(CHIPS);
    assert_eq!(bench.client().ask("read 0x50 0x02 2"), "errno 121");
    assert_eq!(bench.log(), ["w@0x50:02 r@0x50:?2 errno 121"]);
}

#[test]
fn a_read_that_is_not_the_last_message_is_refused_as_by_the_pi_unless_switched_off() {
    let bench = Bench::new(CHIPS);
    let mut client = bench.client();
    assert_eq!(client.ask("two-reads 0x42"), "errno 95");
    bench.control(&format!("{CHIPS}reject_read_not_last off"));
    client.ask("read 0x42 0x02 2");
    assert_eq!(client.ask("two-reads 0x42"), "ok 1f421f42");
}

#[test]
fn the_address_chosen_with_i2c_slave_belongs_to_the_open_file() {
    let bench = Bench::new(CHIPS);
    let mut client = bench.client();
    let both = [client.begin("word 0x42 0x02"), client.begin("word 0x40 0xfe")];
    assert_eq!(both.map(|tag| client.answer(tag)), ["ok 1f42", "ok 5449"]);
    for _ in 0..100 {
        assert_eq!(client.ask("word 0x42 0x02"), "ok 1f42");
    }
}

#[test]
fn addresses_beyond_7_bits_and_those_of_a_kernel_driver_cannot_be_chosen() {
    let bench = Bench::new(&format!("{CHIPS}busy 0x41"));
    let mut client = bench.client();
    assert_eq!(client.ask("slave 0x80"), "errno 22");
    assert_eq!(client.ask("slave 0x41"), "errno 16");
    assert_eq!(client.ask("slave 0x40"), "ok");
}

#[test]
fn the_limits_of_the_kernel_hold() {
    let bench = Bench::new(CHIPS);
    let mut client = bench.client();
    assert_eq!(client.ask("messages 0x42 42"), "ok");
    assert_eq!(client.ask("messages 0x42 43"), "errno 22");
    assert_eq!(client.ask("bytes 0x42 8192"), "ok 2000");
    assert_eq!(client.ask("bytes 0x42 8193"), "errno 22");
}

#[test]
fn requests_and_pointers_that_make_no_sense_are_refused_as_by_the_kernel() {
    let bench = Bench::new(CHIPS);
    // Perl passes a number on as it is: here as a value, or as a pointer to nowhere.
    for (request, argument, errno) in [
        ("0x0701", "3", 0),
        ("0x0701", "-1", 22),
        ("0x0702", "100", 0),
        ("0x0702", "-1", 22),
        ("0x0704", "1", 0),
        ("0x0708", "1", 0),
        ("0x0705", "16", 14),
        ("0x0707", "16", 14),
        ("0x0707", "-16", 14),
        ("0x0720", "16", 14),
        ("0x073f", "0", 25),
    ] {
        let script =
            "open(BUS, '+<', $ARGV[0]) or die; ioctl(BUS, eval $ARGV[1], 0 + $ARGV[2]) or print $!+0";
        let device = bench.path("dev/i2c-1");
        let output = bench.run(&["perl", "-e", script, device.to_str().unwrap(), request, argument]);
        let found = if errno == 0 { String::new() } else { errno.to_string() };
        assert_eq!(text(&output.stdout), found, "{request} {argument}: {}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn many_processes_and_threads_use_the_bus_at_once() {
    let bench = Bench::new(CHIPS);
    let device = bench.path("dev/i2c-1");
    let (client, device) = (env!("CARGO_BIN_EXE_i2c-client"), device.to_str().unwrap());
    let script = format!(
        "for p in 1 2 3 4; do
           for r in 1 2 3 4 5 6 7 8; do echo $p$r read 0x42 $p$r 2; done |
             {client} {device} & done; wait"
    );
    bench.control(&format!("{CHIPS}chip 0x43 registers"));
    let output = bench.run(&["sh", "-c", &script]);
    assert_eq!(text(&output.stdout).matches(" ok 0000").count(), 32);
    assert_eq!(bench.log().len(), 32);
}

#[test]
fn an_ordinary_file_with_another_name_is_left_to_the_kernel() {
    let bench = Bench::new(CHIPS);
    std::fs::write(bench.path("dev/notes"), "").unwrap();
    let notes = bench.path("dev/notes");
    let client = env!("CARGO_BIN_EXE_i2c-client");
    let script = format!("echo 1 read 0x42 2 2 | {client} {}", notes.display());
    let output = bench.run(&["sh", "-c", &script]);
    assert_eq!(text(&output.stdout), "1 errno 25\n");
}
