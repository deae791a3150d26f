//! The daemon beside the battery and its technician's command line, in one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    ems_edge::cli::main()
}
