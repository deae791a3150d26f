//! A network of its own, in which packets vanish without a word and cables are pulled.

use std::thread::{self, sleep};
use std::time::Duration;

use ems_test_harness::{Cloud, Edge, Namespace, Sample, until, wall_clock_ms};

use crate::{assert_all_arrived, fast, let_take};

fn start(network: &Namespace) -> (Cloud, Edge) {
    let cloud = Cloud::start_at(network.host());
    let settings = fast(cloud.device()).to(cloud.tls(), &cloud.ca_file());
    let edge = Edge::start_under(&network.wrapper(), &settings);
    cloud.api().wait_for("ems_001", "the first samples", |samples| samples.len() >= 10);
    (cloud, edge)
}

#[test]
fn packets_that_vanish_for_seconds_or_beyond_the_dead_peer_deadline_cost_no_sample() {
    thread::scope(|scope| {
        for (name, seconds) in [("8 s", 8), ("75 s", 75)] {
            scope.spawn(move || {
                let network = Namespace::new();
                let (cloud, edge) = start(&network);
                network.swallow();
                sleep(Duration::from_secs(seconds));
                network.pass();
                let_take(&edge, 10);
                let samples = assert_all_arrived(name, &cloud, &edge);
                println!("packets vanished for {name}: {} samples", samples.len());
                let noticed = edge.log().contains("no frame came for a minute");
                assert_eq!(noticed, seconds > 60, "{}", edge.log());
            });
        }
    });
}

type Change = fn(&Namespace);

/// How the network goes and comes back, and for how many seconds it is away. In the short ones the connection is still
/// believed to live when the network returns, and TCP would send again only after as long as the outage took; in the
/// last the daemon waits for its next attempt.
const OUTAGES: [(Change, Change, u64); 9] = [
    (Namespace::unplug, Namespace::plug_in, 3),
    (Namespace::take_down, Namespace::bring_up, 3),
    (Namespace::unplug, Namespace::plug_in, 6),
    (Namespace::take_down, Namespace::bring_up, 6),
    (Namespace::unplug, Namespace::plug_in, 12),
    (Namespace::take_down, Namespace::bring_up, 12),
    (Namespace::unplug, Namespace::plug_in, 20),
    (Namespace::unplug, Namespace::plug_in, 20),
    (Namespace::take_down, Namespace::bring_up, 40),
];

#[test]
fn the_returning_network_is_used_at_once() {
    let network = Namespace::new();
    let (cloud, edge) = start(&network);
    let mut waits = Vec::new();
    for (goes, comes, seconds) in OUTAGES {
        goes(&network);
        sleep(Duration::from_secs(seconds));
        let next = edge.status()["link"]["next_attempt_s"].as_u64();
        let back = wall_clock_ms();
        comes(&network);
        let arrived = until("a sample over the returned network", || {
            let stored = cloud.api().samples("ems_001");
            stored.iter().map(Sample::received_millis).filter(|&at| at > back).min()
        });
        println!("samples flow {} ms after {seconds} s; next attempt in {next:?} s", arrived - back);
        waits.push(arrived - back);
        assert_all_arrived("a network that went away", &cloud, &edge);
    }
    waits.sort_unstable();
    println!("median {} ms of {waits:?}", waits[waits.len() / 2]);
    assert!(edge.log().contains("the network came back without this connection"), "{}", edge.log());
}
