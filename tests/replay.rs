//! `ems-edge replay` on input that cannot be right.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

const PACK: &str = r#"{"chemistry": "lfp", "series": 16, "capacity_Ah": 100, "sensor": "ina228",
    "shunt_ohm": 0.002, "divider": 1.0, "charge_voltage_per_cell_V": 3.55}"#;
const HEAD: &str = "t_s,v_bat_V,i_bat_A\n";

fn replay(pack: &str, trace: &[u8], options: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pack.json");
    fs::write(&path, pack).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ems-edge"))
        .args(["replay", "--pack"])
        .arg(&path)
        .args(options)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its options does not read.
    let _ = child.stdin.take().unwrap().write_all(trace);
    child.wait_with_output().unwrap()
}

/// Rows of one voltage and current at these times.
fn trace_at(times: &[impl AsRef<str>]) -> String {
    let rows: Vec<String> = times.iter().map(|time| format!("{},52.0,1.0\n", time.as_ref())).collect();
    format!("{HEAD}{}", rows.concat())
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

fn assert_estimates(stdout: &str, rows: usize) {
    let mut lines = stdout.lines();
    assert_eq!(lines.next(), Some("t_s,soc_est,soc_low,soc_high,synced"));
    let numbers: Vec<Vec<f64>> =
        lines.map(|line| line.split(',').map(|field| field.parse().unwrap()).collect()).collect();
    assert_eq!(numbers.len(), rows, "{stdout}");
    for row in numbers {
        let [_, soc, low, high, synced] = row[..] else { panic!("{row:?}") };
        assert!(0.0 <= low && low <= soc && soc <= high && high <= 100.0 && [0.0, 1.0].contains(&synced));
    }
}

#[test]
fn bad_rows_are_named_with_their_line_and_the_rest_is_estimated() {
    for (row, words) in [
        ("1,nan,1", "v_bat_V is nan"),
        ("1,52.0,inf", "i_bat_A is inf"),
        ("1,52.0", "has no i_bat_A"),
        ("1,,1", "v_bat_V is empty"),
        ("x,52,1", "t_s is x"),
        ("0,52,1", "time must go on"),
        ("-5,52,1", "time must go on"),
        ("1,\"52\",1", "which is no number"),
        ("1,5\u{0}2,1", "which is no number"),
    ] {
        let trace = format!("{HEAD}0,52.0,1.0\n{row}\n2,52.0,1.0\n");
        let output = replay(PACK, trace.as_bytes(), &[]);
        let (stdout, stderr) = texts(&output);
        assert_eq!(output.status.code(), Some(65), "{row}: {stderr}");
        assert!(stderr.contains("line 3") && stderr.contains(words), "{row}: {stderr}");
        assert_estimates(&stdout, 2);
    }
}

#[test]
fn a_row_far_in_the_future_is_named_and_those_after_it_are_used() {
    for (times, bad) in [
        (&["0", "1", "1e9", "2", "3"][..], &[("line 4", "from 1 to 1000000000")][..]),
        (&["1.7e308", "0", "1", "2"], &[("line 2", "to 17")]),
        (&["0", "1", "2", "9e9", "3"], &[("line 5", "from 2 to 9000000000")]),
        (&["0", "1", "1e9", "1e6", "2", "3"], &[("line 4", "to 1000000000"), ("line 5", "to 1000000")]),
        (&["0", "1", "1e9", "1e9", "2", "3"], &[("line 4", "from 1"), ("line 5", "time must go on")]),
        (&["0", "1", "1e9", "x", "2", "3"], &[("line 4", "from 1"), ("line 5", "t_s is x")]),
        (&["0", "1", "2", "1.5", "3", "4"], &[("line 5", "from 2 to 1.5")]),
        (&["0", "1", "2", "0.5", "3", "4"], &[("line 5", "from 2 to 0.5")]),
        (&["0", "1", "1e9", "1000000001", "1000000002"], &[]),
    ] {
        let output = replay(PACK, trace_at(times).as_bytes(), &["--initial-soc", "50"]);
        let (stdout, stderr) = texts(&output);
        assert_estimates(&stdout, times.len() - bad.len());
        let named: Vec<&str> = stderr.lines().filter(|line| line.contains("; left out")).collect();
        assert_eq!(named.len(), bad.len(), "{times:?}: {stderr}");
        for (line, words) in bad {
            let is_named = named.iter().any(|named| named.contains(line) && named.contains(words));
            assert!(is_named, "{times:?}, {line}: {stderr}");
        }
        let used = stdout.lines().skip(1).map(|line| line.split(',').next().unwrap().parse::<f64>().unwrap());
        assert!(used.is_sorted_by(|one, next| one < next), "{stdout}");
    }
}

#[test]
fn rows_in_falling_order_are_named_and_nothing_is_kept_of_them() {
    let times: Vec<String> = (0..100_000).rev().map(|time| time.to_string()).collect();
    let (stdout, stderr) = texts(&replay(PACK, trace_at(&times).as_bytes(), &[]));
    assert_estimates(&stdout, 1);
    assert!(stderr.lines().count() < 20 && stderr.contains("99999 rows could not be used"), "{stderr}");
}

#[test]
fn a_million_bad_rows_are_counted_and_not_all_named() {
    let trace = format!("{HEAD}{}", "1,2\n".repeat(100_000));
    let (stdout, stderr) = texts(&replay(PACK, trace.as_bytes(), &[]));
    assert_estimates(&stdout, 0);
    assert!(stderr.lines().count() < 20 && stderr.contains("100000 rows could not be used"), "{stderr}");
}

#[test]
fn jumps_in_time_voltage_and_current_are_survived() {
    let mut trace = HEAD.to_owned();
    for row in ["0,52,1", "1,1e308,1", "2,52,-1e300", "3,-52,0", "1e9,52,1", "1e300,52,1e9", "1.7e308,0,0"] {
        trace.push_str(row);
        trace.push('\n');
    }
    let output = replay(PACK, trace.as_bytes(), &["--initial-soc", "50"]);
    assert!(output.status.success(), "{:?}", texts(&output));
    assert_estimates(&texts(&output).0, 7);
}

#[test]
fn columns_are_found_by_name_and_others_passed_over() {
    let plain = replay(PACK, b"t_s,v_bat_V,i_bat_A\n0,52,1\n1,52,1\n", &[]);
    let mixed = replay(
        PACK,
        b"\xef\xbb\xbf# exported\r\n\r\nsoc_true,i_bat_A,t_s,v_bat_V\r\n1,1,0,52\r\n2,1,1,52\r\n",
        &[],
    );
    assert!(mixed.status.success(), "{:?}", texts(&mixed));
    assert_eq!(plain.stdout, mixed.stdout);
}

#[test]
fn what_is_no_trace_is_refused_in_a_sentence() {
    for (trace, words) in [
        (&b""[..], "is empty"),
        (b"\n\n", "is empty"),
        (b"time,volts\n", "no column t_s"),
        (b"t_s,v_bat_V,i_bat_A\n", "has no samples"),
        (&vec![0xFF; 300_000], "no column t_s"),
        (b"t_s;v_bat_V;i_bat_A\n0;52;1\n", "with commas between"),
        (b"t_s,v_bat_V,i_bat_A,v_bat_V\n0,52,1,26\n", "names v_bat_V twice"),
    ] {
        let output = replay(PACK, trace, &[]);
        let (_, stderr) = texts(&output);
        assert!(output.status.code() == Some(65) && stderr.contains(words), "{stderr}");
        assert!(stderr.lines().count() == 1, "{stderr}");
    }
}

#[test]
fn a_pack_that_cannot_be_is_refused_with_the_field() {
    for (from, to, words) in [
        ("\"lfp\"", "\"lipo\"", "chemistry"),
        ("16,", "0,", "series"),
        ("16,", "-3,", "series"),
        ("100,", "1e99,", "capacity_Ah"),
        ("0.002", "0", "shunt_ohm"),
        ("3.55", "36", "charge_voltage_per_cell_V"),
        ("\"series\": 16,", "", "series"),
        ("\"series\": 16,", "\"series\": 16, \"series\": 4,", "duplicate field `series`"),
        ("16,", "16.5,", "whole number"),
        ("16,", "true,", "series is true: it must be 1 to 400"),
        ("16,", "\"16\",", "it must be 1 to 400"),
        ("100,", "null,", "has no capacity_Ah: it must be 0.1 to 100000"),
        ("100,", "-5,", "capacity_Ah is -5: it must be 0.1 to 100000"),
        ("\"ina228\"", "228", "sensor is 228: it must be a word in quotes"),
        ("{", "[", "is no JSON object"),
        (PACK, "", "is no JSON object"),
        ("}", "} x", "is no JSON"),
    ] {
        let output = replay(&PACK.replace(from, to), HEAD.as_bytes(), &[]);
        let (_, stderr) = texts(&output);
        assert!(output.status.code() == Some(65) && stderr.contains(words), "{to}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    let (_, stderr) = texts(&replay(&PACK.replace("ina228", "acme7"), b"t_s,v_bat_V,i_bat_A\n0,52,1\n", &[]));
    assert!(stderr.contains("acme7 is not known"), "{stderr}");
}

#[test]
fn a_pack_as_other_programs_write_it_is_the_same_pack() {
    let trace = b"t_s,v_bat_V,i_bat_A\n0,52,1\n1,52,1\n";
    let plain = replay(PACK, trace, &[]);
    for pack in [
        PACK.replace("16,", "16.0,"),
        PACK.replace("\"lfp\"", "\"LFP\""),
        format!("\u{feff}\n{PACK}\n"),
        PACK.replace('{', "{\"hidden\": {\"q_true_Ah\": 7}, \"soc_true\": [1], "),
        PACK.replace("\"divider\": 1.0,", ""),
    ] {
        let output = replay(&pack, b"\"t_s\",\"v_bat_V\",\"i_bat_A\"\n0,52,1\n1,52,1\n", &[]);
        assert!(output.status.success() && output.stdout == plain.stdout, "{pack}: {:?}", texts(&output));
    }
}

#[test]
fn an_initial_state_of_charge_that_is_no_percentage_is_refused() {
    for soc in ["-1", "101", "nan", "many"] {
        let output = replay(PACK, HEAD.as_bytes(), &["--initial-soc", soc]);
        assert_eq!(output.status.code(), Some(64), "{soc}: {:?}", texts(&output));
    }
}
