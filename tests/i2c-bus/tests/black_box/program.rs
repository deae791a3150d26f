//! How the program under test is started, ended, and what `i2c-bus` says when it cannot run it.

use std::fs;
use std::process::{Command, Stdio};

use crate::bench::{Bench, CHIPS, end_of, eventually, send, text};

#[test]
fn the_exit_status_of_the_program_is_passed_on() {
    let bench = Bench::new(CHIPS);
    for (script, status) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 128 + 9)] {
        assert_eq!(bench.run(&["sh", "-c", script]).status.code(), Some(status), "{script}");
    }
}

#[test]
fn a_program_that_cannot_be_run_is_named() {
    let bench = Bench::new(CHIPS);
    for (program, status) in [("/nowhere/at-all", 127), ("/dev/null", 126)] {
        let output = bench.run(&[program]);
        assert_eq!(output.status.code(), Some(status));
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with(&format!("i2c-bus: cannot run {program}: ")), "{stderr}");
    }
}

#[test]
fn a_bad_control_file_is_one_sentence_and_the_program_is_not_started() {
    for (control, sentence) in [
        ("fault 0", "control, line 1, `fault 0`: the errno must be a number from 1 to 133"),
        ("# fine\nchip 0x40 ina999", "control, line 2, `chip 0x40 ina999`: no such chip as `ina999`"),
        ("", "control is empty: for a bus without chips write a comment"),
    ] {
        let output = Bench::new(control).run(&["echo", "started"]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(125));
        assert_eq!((text(&output.stdout), stderr.lines().count()), ("", 1), "{stderr}");
        assert!(stderr.starts_with("i2c-bus: ") && stderr.contains(sentence), "{stderr}");
    }
    let bench = Bench::new(CHIPS);
    fs::remove_file(bench.path("control")).unwrap();
    let output = bench.run(&["echo", "started"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(125), ""));
    assert!(text(&output.stderr).contains("cannot read the control file"), "{}", text(&output.stderr));
}

#[test]
fn new_privileges_are_given_up_only_by_those_who_must() {
    const CAP_SYS_ADMIN: u64 = 1 << 21;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let held = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    let privileged = u64::from_str_radix(held.trim(), 16).unwrap() & CAP_SYS_ADMIN != 0;

    let bench = Bench::new(CHIPS);
    let device = bench.path("dev/i2c-1");
    let client = env!("CARGO_BIN_EXE_i2c-client");
    let script =
        format!("grep NoNewPrivs /proc/self/status; echo 1 word 0x42 2 | {client} {}", device.display());
    let as_we_are = bench.command(&["sh", "-c", &script]);
    let mut unprivileged = Command::new("setpriv");
    unprivileged.args(["--bounding-set", "-all"]).arg(as_we_are.get_program()).args(as_we_are.get_args());
    let commands = if privileged { vec![(0, as_we_are), (1, unprivileged)] } else { vec![(1, as_we_are)] };
    for (no_new_privileges, mut command) in commands {
        let output = command.output().unwrap();
        assert_eq!(text(&output.stdout), format!("NoNewPrivs:\t{no_new_privileges}\n1 ok 1f42\n"));
    }
}

#[test]
fn signals_are_passed_on_to_the_program() {
    let bench = Bench::new(CHIPS);
    for (signal, status) in [("TERM", 15), ("INT", 2), ("HUP", 1), ("USR1", 10)] {
        let ready = bench.path(signal);
        let script =
            format!("trap 'exit {status}' {signal}; : > {}; while :; do sleep 0.01; done", ready.display());
        let mut tool = bench.command(&["sh", "-c", &script]).spawn().unwrap();
        eventually("the program runs", || ready.exists());
        send(signal, tool.id());
        assert_eq!(end_of(&mut tool).code(), Some(status), "{signal}");
    }
}

#[test]
fn what_the_program_left_running_ends_with_it() {
    let bench = Bench::new(CHIPS);
    let pid = bench.path("pid");
    let script = format!("setsid sh -c 'setsid sleep 1000 & echo $! > {}'", pid.display());
    let output = bench.command(&["sh", "-c", &script]).stdout(Stdio::null()).status().unwrap();
    assert_eq!(output.code(), Some(0));
    assert!(!is_running(&fs::read_to_string(pid).unwrap()));
}

#[test]
fn the_program_ends_with_i2c_bus_even_if_that_is_killed() {
    let bench = Bench::new(CHIPS);
    let pid = bench.path("pid");
    let script = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", pid.display());
    let mut tool = bench.command(&["sh", "-c", &script]).spawn().unwrap();
    eventually("the program runs", || pid.exists());
    tool.kill().unwrap();
    end_of(&mut tool);
    let pid = fs::read_to_string(pid).unwrap();
    eventually("the program has ended too", || !is_running(&pid));
}

#[test]
fn a_client_in_the_middle_of_a_hanging_transfer_ends_with_i2c_bus() {
    let bench = Bench::new(&format!("{CHIPS}hang"));
    let mut client = bench.client();
    client.begin("read 0x40 0 2");
    eventually("the transfer hangs", || !bench.log().is_empty());
    send("TERM", client.id());
    eventually("it has ended", || !is_running(&client.id().to_string()));
}

/// Whether a process runs: one that waits to be collected does not.
fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}
