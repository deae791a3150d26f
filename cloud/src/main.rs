//! The server that devices report to and dashboards watch.

use std::process::ExitCode;

fn main() -> ExitCode {
    ems_cloud::cli::run()
}
