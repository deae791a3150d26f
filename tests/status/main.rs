//! `ems-edge status` of the real daemon: the screen, JSON, the event record, exit statuses, who may ask, and clients
//! that do not behave.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod door;
mod events;
mod screen;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use ems_test_harness::{Cloud, Device, Edge, Finished, Settings, run, until};
use serde_json::Value;

const TOKEN: &str = "sk_live_Hk2Vt8Qm5Zr0_of_this_test";

/// `EX_UNAVAILABLE` of sysexits.h.
const EX_UNAVAILABLE: i32 = 69;

/// A port at which nobody listens.
fn nobody_listens() -> SocketAddr {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    taken.local_addr().unwrap()
}

fn alone() -> Settings {
    let device = Device { id: "ems_001".to_owned(), token: TOKEN.to_owned() };
    let server = format!("ws://{}", nobody_listens());
    Settings::of(&device).with("SERVER_URL", &server).with("SAMPLE_INTERVAL", "100ms")
}

fn with_cloud(cloud: &Cloud) -> Settings {
    Settings::of(cloud.device()).to(cloud.tls(), &cloud.ca_file()).with("SAMPLE_INTERVAL", "100ms")
}

fn status(edge: &Edge) -> Finished {
    run(edge.subcommand("status"))
}

#[track_caller]
fn snapshot(edge: &Edge) -> Value {
    let finished = run(edge.subcommand("status --json"));
    serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("no JSON: {finished:?}"))
}

/// Waits for a screen that fits.
#[track_caller]
fn screen(edge: &Edge, what: &str, fits: impl Fn(&Finished) -> bool) -> Finished {
    until(what, || Some(status(edge)).filter(&fits))
}

fn socket(settings: &Settings) -> PathBuf {
    Path::new(settings.get("RUNTIME_DIR")).join("ems_001/status.sock")
}

fn seq(edge: &Edge) -> u64 {
    snapshot(edge)["reading"]["seq"].as_u64().unwrap_or(0)
}

#[track_caller]
fn samples_go_on(edge: &Edge) {
    let before = seq(edge);
    until("newer samples", || (seq(edge) >= before + 5).then_some(()));
}
