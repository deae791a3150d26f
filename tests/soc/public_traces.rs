//! Six traces of physics models (`tests/traces`), through `ems-edge replay`. The truth in them is for scoring alone.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::recorded::{TRACES, folder, numbers, trace};

/// Plain coulomb counting from a stored state of charge that is 2 % high, RMSE in %.
const COUNTING: [f64; 6] = [2.1, 1.0, 2.4, 2.7, 1.3, 1.2];

struct Run {
    rmse: f64,
    inside: f64,
    width: f64,
    synced: Option<f64>,
}

/// What the program makes of a trace of which it is given the three measured columns alone.
fn replay(name: &str, trace: &str, initial_soc: Option<f64>) -> String {
    let mut samples = String::from("t_s,v_bat_V,i_bat_A\n");
    for line in trace.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        writeln!(samples, "{},{},{}", fields[0], fields[1], fields[2]).unwrap();
    }
    let pack = folder().join(format!("{name}.json"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_ems-edge"));
    command.args(["replay", "--pack"]).arg(pack);
    if let Some(soc) = initial_soc {
        command.args(["--initial-soc", &soc.to_string()]);
    }
    let mut child =
        command.arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(samples.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn score(trace: &str, estimate: &str) -> Run {
    let mut rows = estimate.lines();
    assert_eq!(rows.next(), Some("t_s,soc_est,soc_low,soc_high,synced"));
    let (mut n, mut square, mut inside, mut width, mut synced) = (0.0, 0.0, 0.0, 0.0, (0.0, 0.0));
    for (line, row) in trace.lines().skip(1).zip(rows.by_ref()) {
        let (truth, row) = (numbers(line), numbers(row));
        let [t, soc, low, high, is_synced] = row[..] else { panic!("{row:?}") };
        assert!((truth[0] - t).abs() < 1e-9 && 0.0 <= low && low <= soc && soc <= high && high <= 100.0);
        let error = soc - truth[4];
        n += 1.0;
        square += error * error;
        width += high - low;
        // The truth is rounded to 0.01 %.
        inside += if low - 0.005 <= truth[4] && truth[4] <= high + 0.005 { 100.0 } else { 0.0 };
        if is_synced > 0.0 {
            synced = (synced.0 + error * error, synced.1 + 1.0);
        }
    }
    assert!(rows.next().is_none() && n == trace.lines().skip(1).count() as f64, "one row a sample");
    let synced = (synced.1 > 0.0).then(|| (synced.0 / synced.1).sqrt());
    Run { rmse: (square / n).sqrt(), inside: inside / n, width: width / n, synced }
}

#[test]
fn on_the_recorded_traces_the_estimate_is_close_and_its_interval_holds_the_truth() {
    println!("{:32} warm: RMSE counting inside width | cold: RMSE inside width | synced", "");
    let (mut warm_rmse, mut warm_width, mut cold_rmse) = (0.0, 0.0, 0.0);
    for (name, counting) in TRACES.into_iter().zip(COUNTING) {
        let trace = trace(name);
        let first = numbers(trace.lines().nth(1).unwrap())[4];
        let warm = score(&trace, &replay(name, &trace, Some(first + 2.0)));
        let cold = score(&trace, &replay(name, &trace, None));
        println!(
            "{name:32}       {:4.2} {counting:8.1} {:6.1} {:5.1} |       {:4.2} {:6.1} {:5.1} | {:.2}",
            warm.rmse,
            warm.inside,
            warm.width,
            cold.rmse,
            cold.inside,
            cold.width,
            warm.synced.unwrap_or(f64::NAN),
        );
        assert!(warm.rmse <= 3.0 && warm.rmse <= counting + 0.5, "{name} warm: {:.2}", warm.rmse);
        assert!(warm.inside >= 95.0 && cold.inside >= 95.0, "{name}: {:.1} {:.1}", warm.inside, cold.inside);
        for run in [&warm, &cold] {
            assert!(run.synced.is_none_or(|rmse| rmse <= 2.0), "{name} after a sync: {:?}", run.synced);
        }
        warm_rmse += warm.rmse / 6.0;
        warm_width += warm.width / 6.0;
        cold_rmse += cold.rmse / 6.0;
    }
    println!("{:32}       {warm_rmse:4.2} {:15} {warm_width:5.1} |       {cold_rmse:4.2}", "mean", "");
    assert!(warm_rmse <= 1.6 && cold_rmse <= 4.5 && warm_width <= 11.0);
}

#[test]
fn what_is_hidden_in_the_sidecar_does_not_reach_the_estimator() {
    let name = TRACES[3];
    let trace = trace(name);
    let given: serde_json::Value =
        serde_json::from_slice(&fs::read(folder().join(format!("{name}.json"))).unwrap()).unwrap();
    let mut bare = given.clone();
    for field in ["hidden", "trace", "ocv_table", "profile", "note"] {
        bare.as_object_mut().unwrap().remove(field);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bare.json");
    fs::write(&path, bare.to_string()).unwrap();
    let file = folder.path().join("trace.csv");
    fs::write(&file, &trace).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ems-edge"))
        .args(["replay", "--pack"])
        .arg(&path)
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), replay(name, &trace, None));
}
