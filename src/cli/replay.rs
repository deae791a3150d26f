//! `ems-edge replay`: the state of charge that the estimator makes of recorded samples.

mod fixed;
mod order;
mod rows;
mod sidecar;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::EX_USAGE;
use super::output::EX_IOERR;
use crate::battery::StateOfCharge;
use order::{Order, Sample};
use rows::{Line, Rows};

/// `EX_DATAERR` of sysexits.h: the input is wrong.
const EX_DATAERR: u8 = 65;
/// `EX_NOINPUT`: a file cannot be read.
const EX_NOINPUT: u8 = 66;
/// Bad rows that are named one by one.
const NAMED: u64 = 10;
const BUFFER_BYTES: usize = 256 * 1024;

pub(super) const HELP: &str = "\
Example: ems-edge replay --pack pack.json --initial-soc 80 samples.csv > estimate.csv

TRACE is a CSV file with a line of column names, or - for standard input. t_s (s), v_bat_V (V)
and i_bat_A (A, positive while charging) are read, other columns are passed over. Standard
output gets t_s,soc_est,soc_low,soc_high,synced: one row a sample. A row that cannot be used is
named on standard error and counts as a gap.

SIDECAR has chemistry (lfp, nmc, lead_acid), series, capacity_Ah, sensor, shunt_ohm, divider
(1 without one) and charge_voltage_per_cell_V; other fields are passed over.

Exit status: 0   every row was used
             64  wrong arguments
             65  the pack, or a row of the trace, cannot be used: why
             66  a file cannot be read
             74  the estimate cannot be written";

/// Options of `ems-edge replay`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The pack: a JSON object, whose fields are named below.
    #[arg(long, value_name = "SIDECAR.json")]
    pack: PathBuf,
    /// State of charge at the beginning, 0 to 100 [default: not known].
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    initial_soc: Option<f64>,
    /// The samples, or - for standard input.
    #[arg(value_name = "TRACE.csv")]
    trace: PathBuf,
}

/// Why a replay ended early, with its exit code.
struct Failure(u8, String);

pub(super) fn replay(options: &Options) -> ExitCode {
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, words)) => {
            drop(writeln!(io::stderr(), "ems-edge replay: {words}"));
            ExitCode::from(code)
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let pack = options.pack.display();
    let text = fs::read(&options.pack)
        .map_err(|error| Failure(EX_NOINPUT, format!("cannot read the pack {pack}: {error}")))?;
    let (setup, doubt) =
        sidecar::read(&text).map_err(|why| Failure(EX_DATAERR, format!("the pack {pack}: {why}")))?;
    if let Some(doubt) = doubt {
        drop(writeln!(io::stderr(), "ems-edge replay: the pack {pack}: {doubt}"));
    }
    let mut estimator = StateOfCharge::new(setup);
    if let Some(soc) = options.initial_soc {
        if !(0.0..=100.0).contains(&soc) {
            return Err(Failure(EX_USAGE, format!("--initial-soc {soc} is no percentage: give 0 to 100")));
        }
        estimator.start_at(soc);
    }
    let (input, name) = open(&options.trace)?;
    let output = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    estimate(&mut estimator, input, &name, output)
}

fn open(trace: &Path) -> Result<(Box<dyn BufRead>, String), Failure> {
    if trace == Path::new("-") {
        let input = BufReader::with_capacity(BUFFER_BYTES, io::stdin());
        return Ok((Box::new(input), "standard input".to_owned()));
    }
    let name = trace.display().to_string();
    let file = File::open(trace).map_err(|e| Failure(EX_NOINPUT, format!("cannot read {name}: {e}")))?;
    Ok((Box::new(BufReader::with_capacity(BUFFER_BYTES, file)), name))
}

fn estimate(
    estimator: &mut StateOfCharge,
    input: impl BufRead,
    name: &str,
    output: impl Write,
) -> Result<(), Failure> {
    let mut rows = Rows::open(input).map_err(|words| Failure(EX_DATAERR, format!("{name}: {words}")))?;
    let (mut order, mut bad) = (Order::default(), BadRows { name, count: 0 });
    let mut estimates = Estimates { estimator, output, last: None, text: Vec::with_capacity(128) };
    let mut unread = None;
    let written = estimates.head().and_then(|()| {
        while let Some(line) = rows.next() {
            match line {
                Line::Row(row) => {
                    if let Some(sample) = order.take(&row, |number, why| bad.tell(number, &why)) {
                        estimates.write(sample)?;
                    }
                }
                Line::Bad { number, why } => bad.tell(number, &why),
                Line::Failed(error) => {
                    unread = Some(error);
                    break;
                }
            }
        }
        if let Some(sample) = order.finish(|number, why| bad.tell(number, &why)) {
            estimates.write(sample)?;
        }
        estimates.output.flush()
    });
    match written {
        // Whoever closed the pipe has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(error) => return Err(Failure(EX_IOERR, format!("cannot write the estimate: {error}"))),
        Ok(()) => {}
    }
    if let Some(error) = unread {
        return Err(Failure(EX_NOINPUT, format!("cannot read {name} to its end: {error}")));
    }
    if bad.count > 0 {
        let count = bad.count;
        return Err(Failure(EX_DATAERR, format!("{name}: {count} rows could not be used and were left out")));
    }
    if estimates.last.is_none() {
        return Err(Failure(EX_DATAERR, format!("{name} has no samples after the line of column names")));
    }
    Ok(())
}

/// The rows that are left out.
struct BadRows<'a> {
    name: &'a str,
    count: u64,
}

impl BadRows<'_> {
    fn tell(&mut self, number: u64, why: &str) {
        self.count += 1;
        if self.count <= NAMED {
            let name = self.name;
            drop(writeln!(io::stderr(), "ems-edge replay: {name}, line {number}: {why}; left out"));
        }
    }
}

/// What the estimator makes of the samples, as text.
struct Estimates<'a, W> {
    estimator: &'a mut StateOfCharge,
    output: W,
    /// The time of the last sample in s.
    last: Option<f64>,
    text: Vec<u8>,
}

impl<W: Write> Estimates<'_, W> {
    fn head(&mut self) -> io::Result<()> {
        self.output.write_all(b"t_s,soc_est,soc_low,soc_high,synced\n")
    }

    fn write(&mut self, sample: &Sample) -> io::Result<()> {
        let elapsed = self.last.map_or(0.0, |last| sample.seconds - last);
        let elapsed = Duration::try_from_secs_f64(elapsed).unwrap_or(Duration::MAX);
        let estimate = self.estimator.update(sample.volts, sample.amps, elapsed);
        self.last = Some(sample.seconds);
        self.text.clear();
        self.text.extend_from_slice(&sample.time);
        for percent in [estimate.soc, estimate.low, estimate.high] {
            self.text.push(b',');
            fixed::push(&mut self.text, percent);
        }
        self.text.extend_from_slice(if estimate.synced { b",1\n" } else { b",0\n" });
        self.output.write_all(&self.text)
    }
}
