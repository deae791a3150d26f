//! `kill -9` at any instant: what a process has taken outlives it.

use std::thread::sleep;
use std::time::Duration;

use ems_test_harness::{Cloud, Cut, Edge, Proxy};

use crate::{assert_all_arrived, fast, last_taken};

const KILLS: usize = 200;

#[test]
fn two_hundred_kills_online_and_offline_lose_no_sample_and_double_none() {
    let cloud = Cloud::start();
    let proxy = Proxy::start(cloud.tls());
    let mut edge = Edge::start(&fast(cloud.device()).to(proxy.address(), &cloud.ca_file()));
    let first = last_taken(&edge);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for kill in 0..KILLS {
        // Runs of ten kills with a connection, without one, and with one that hangs.
        match (kill % 10, kill / 10 % 3) {
            (0, 0) => proxy.pass(),
            (0, 1) => {
                proxy.refuse();
                proxy.cut(Cut::Reset);
            }
            (0, _) => {
                proxy.pass();
                proxy.hold_answers();
            }
            _ => {}
        }
        sleep(Duration::from_millis(random.u64(0..700)));
        edge.kill();
        edge.launch_again();
    }
    proxy.pass();
    // Nobody has waited for the last one to answer.
    edge.kill_and_restart();
    let samples = assert_all_arrived("200 kills", &cloud, &edge);
    assert!(samples[0].seq() <= first, "the first ones are missing");
    println!("{KILLS} kills: {} samples", samples.len());
}
