//! `ems-edge identify`: blinks the board's LED.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::output::{complain, say};
use super::{EX_UNAVAILABLE, IN_TROUBLE};
use crate::led::Led;

/// What was asked for.
#[derive(Args)]
pub(super) struct Options {
    /// For how many seconds: 1 to 3600.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

/// The end of `ems-edge identify --help`.
pub(super) const HELP: &str = "\
Example: sudo ems-edge identify --seconds 60

Exit status: 0   it has blinked
             1   the LED cannot be driven: why, and what to do
             64  wrong arguments
             69  UNSUPPORTED: this board has no LED that can be blinked";

pub(super) fn identify(options: &Options) -> ExitCode {
    let led = match Led::of_board(Path::new("/")) {
        Ok(Some(led)) => led,
        Ok(None) => {
            complain("UNSUPPORTED: this board has no LED that can be blinked (no /sys/class/leds/ACT)");
            return ExitCode::from(EX_UNAVAILABLE);
        }
        Err(error) => return cannot(&error),
    };
    say(&format!("the LED blinks for {} s\n", options.seconds));
    match blink(&led, Duration::from_secs(options.seconds)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cannot(&error),
    }
}

/// Ends early with SIGINT or SIGTERM: the LED has to be given back.
fn blink(led: &Led, time: Duration) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            blinked = led.blink(time) => blinked,
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        }
    })
}

fn cannot(error: &io::Error) -> ExitCode {
    complain(&format!("the LED cannot be driven ({error}): run this with sudo"));
    ExitCode::from(IN_TROUBLE)
}
