//! What the black-box tests share: the built programs, foreign peers, a proxy and a bus with faults, each started
//! in a folder of its own on ports of its own, and ended with the value that stands for it.
//!
//! A failure in here is a failed test: the harness panics, and each program that the test had started shows the
//! end of its log.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    reason = "a harness that cannot do its part fails the test"
)]

mod allocations;
mod api;
mod bench;
mod browser;
mod bus;
mod certificates;
mod cloud;
mod dwm1001;
mod edge;
mod fake_clock;
mod faults;
mod foreign;
mod handshake;
mod impostor;
mod namespace;
mod notify;
mod pins;
mod process;
mod programs;
mod proxy;
mod pty;
mod sample;
mod settings;
mod socket;
mod tls_server;
mod trap;
mod wait;
mod wrapper;

pub use allocations::CountedAllocator;
pub use api::{Answer, Api};
pub use bench::Bench;
pub use browser::Browser;
pub use bus::Bus;
pub use certificates::{Certificates, Flaw};
pub use cloud::{ADMIN, Cloud, Device};
pub use dwm1001::Dwm1001;
pub use edge::Edge;
pub use fake_clock::FakeClock;
pub use faults::{FAULTS, Fault, assert_whole, numbers};
pub use foreign::{PythonScript, python};
pub use handshake::{Handshake, Refusal};
pub use impostor::Impostor;
pub use namespace::Namespace;
pub use notify::Notify;
pub use pins::{Edge as PinEdge, Pins};
pub use process::{Finished, Process, run};
pub use programs::{chromium, program, repository, target_dir};
pub use proxy::{Cut, Proxy};
pub use pty::Pty;
pub use sample::Sample;
pub use settings::Settings;
pub use socket::{Frame, Received, Socket};
pub use tls_server::TlsServer;
pub use trap::{Trap, Witness};
pub use wait::{PATIENCE, poll, until, until_within, wall_clock_ms};
pub use wrapper::{Wrapper, tool};
