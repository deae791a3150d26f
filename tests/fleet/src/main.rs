//! A fleet of devices and dashboards in one thread, cheap enough to load a server without being the limit itself.
//!
//! It plays a scenario, bounded in count and time, and prints what it saw as one JSON object. With `--pid` it also
//! says what the server's processes cost meanwhile.

mod arguments;
mod clock;
mod device;
mod dial;
mod process;
mod sample;
mod scenario;
mod socket;
mod subscriber;
mod tally;

use std::process::ExitCode;

use clap::Parser;
use tokio::task::LocalSet;

use arguments::{Arguments, Scenario};

/// Why a run says nothing.
pub(crate) type Failure = Box<dyn std::error::Error>;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is its purpose")]
fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ems-fleet: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<serde_json::Value, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // One thread, so that nothing is shared with locks.
    LocalSet::new().block_on(&runtime, async {
        let Arguments { target, scenario } = arguments;
        match scenario {
            Scenario::Idle(idle) => scenario::idle::run(&target, &idle).await,
            Scenario::Ingest(ingest) => scenario::ingest::run(&target, &ingest).await,
            Scenario::Fanout(fanout) => scenario::fanout::run(&target, &fanout).await,
            Scenario::Reconnect(reconnect) => scenario::reconnect::run(&target, &reconnect).await,
            Scenario::Slow(slow) => scenario::slow::run(&target, &slow).await,
            Scenario::Strangers(strangers) => scenario::strangers::run(&target, &strangers).await,
        }
    })
}
