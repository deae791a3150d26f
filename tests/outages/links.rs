//! Links that are cut, held, slow or turned away: each sample is stored exactly once.

use std::thread;

use ems_test_harness::{Cloud, Cut, Edge, FAULTS, Impostor, Proxy};

use crate::{assert_all_arrived, fast, let_take};

/// How a server says "not now".
type Refusal = fn(&Impostor);

/// Samples that flow before a trouble.
const BEFORE: usize = 10;

#[test]
fn every_trouble_of_the_network_leaves_every_sample_stored_once() {
    let cloud = Cloud::start();
    let devices: Vec<_> = (0..FAULTS.len()).map(|n| cloud.add_device(&format!("ems_1{n:02}"))).collect();
    thread::scope(|scope| {
        for (fault, device) in FAULTS.iter().zip(&devices) {
            let cloud = &cloud;
            scope.spawn(move || {
                let proxy = Proxy::start(cloud.tls());
                let edge = Edge::start(&fast(device).to(proxy.address(), &cloud.ca_file()));
                cloud.api().wait_for(&device.id, "the first samples", |samples| samples.len() >= BEFORE);
                (fault.act)(&proxy);
                proxy.pass();
                let_take(&edge, 10);
                let samples = assert_all_arrived(fault.name, cloud, &edge);
                println!("{}: {} samples, {} connections", fault.name, samples.len(), proxy.accepted());
            });
        }
    });
}

#[test]
fn a_cloud_that_restarts_or_is_killed_has_every_sample_once() {
    let mut cloud = Cloud::start();
    let device = cloud.device().clone();
    let edge = Edge::start(&fast(&device).to(cloud.tls(), &cloud.ca_file()));
    for kill in [false, true, false, true] {
        let before = cloud.api().samples(&device.id).len();
        cloud.api().wait_for(&device.id, "more samples", |samples| samples.len() >= before + BEFORE);
        if kill {
            cloud.kill();
        } else {
            assert!(cloud.stop().success());
        }
        cloud.start_again();
    }
    assert_all_arrived("a cloud that restarts", &cloud, &edge);
}

/// Servers that say "not now" in each way they can; then the real one is there.
#[test]
fn a_server_that_asks_for_patience_gets_every_sample_afterwards() {
    let cloud = Cloud::start();
    let cases: [(&str, Refusal); 3] = [
        ("503 with Retry-After", |impostor| impostor.answer("503 Service Unavailable", "Retry-After: 2\r\n")),
        ("502 of a proxy", |impostor| impostor.answer("502 Bad Gateway", "")),
        ("close code 1013", |impostor| impostor.upgrade(true).close_with(1013, "busy")),
    ];
    let devices: Vec<_> = (0..cases.len()).map(|n| cloud.add_device(&format!("ems_2{n:02}"))).collect();
    thread::scope(|scope| {
        for ((name, say), device) in cases.into_iter().zip(&devices) {
            let cloud = &cloud;
            scope.spawn(move || {
                let proxy = Proxy::start(cloud.plain());
                let url = format!("ws://{}", proxy.address());
                let edge = Edge::start(&fast(device).with("SERVER_URL", &url));
                cloud.api().wait_for(&device.id, "the first samples", |samples| samples.len() >= BEFORE);
                let impostor = Impostor::listen();
                proxy.lead_to(impostor.address());
                proxy.cut(Cut::Reset);
                for _ in 0..2 {
                    say(&impostor);
                }
                proxy.lead_to(cloud.plain());
                assert_all_arrived(name, cloud, &edge);
            });
        }
    });
}

#[test]
fn what_waits_when_the_daemon_is_stopped_offline_arrives_after_the_next_start() {
    let cloud = Cloud::start();
    let device = cloud.device();
    let proxy = Proxy::start(cloud.tls());
    let mut edge = Edge::start(&fast(device).to(proxy.address(), &cloud.ca_file()));
    cloud.api().wait_for(&device.id, "the first samples", |samples| samples.len() >= BEFORE);
    proxy.refuse();
    proxy.cut(Cut::Reset);
    let_take(&edge, 30);
    edge.restart();
    let_take(&edge, 30);
    edge.restart();
    proxy.pass();
    assert_all_arrived("two stops without a connection", &cloud, &edge);
}
