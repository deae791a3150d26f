//! Positions of UWB tags: from a module at a serial port, through the daemon, to the cloud.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use ems_test_harness::{Cloud, Dwm1001, Edge, Settings, until};
use serde_json::{Value, json};

#[test]
fn positions_reach_the_cloud_also_after_the_module_was_pulled_out_and_after_noise() {
    let cloud = Cloud::start();
    let mut module = Dwm1001::new();
    let settings = Settings::of(cloud.device())
        .to(cloud.tls(), &cloud.ca_file())
        .with("UWB_SERIAL", module.port().to_str().unwrap());
    // The battery does not wait for the module.
    let edge = Edge::start(&settings);
    cloud.api().wait_for("ems_001", "the first sample", |samples| !samples.is_empty());
    until("the missing port is said", || edge.log().contains("is the module plugged in").then_some(()));

    module.plug();
    // It is silent: it is woken and asked.
    module.is_told("\r\rlep\r");
    module.print("\r\n\r\n DWM1001 TWR Real Time Location System\r\n\r\ndwm> lep\r\n");
    module.print("dwm> POS,0,0C1A,1.50,-2.25,0.75,87,x0A\r\nPOS,1,4F2B,3.00,4.00,");
    let tags = wait_for(&cloud, |tags| !tags.is_empty());
    assert_eq!(
        (&tags[0]["id"], &tags[0]["location"]),
        (&json!("0C1A"), &json!({"x": 1.5, "y": -2.25, "z": 0.75}))
    );
    // The rest of a line comes later; noise, endless lines and impossible numbers are passed over.
    module.print("0.25,55\r\n");
    for noise in
        ["POS,0,0C1A,nan,1,1,50\r\n", "POS,0,0C1A\r\n", "\u{fffd}\u{1}\u{0}\r\n", &"x".repeat(3000), "\r\n"]
    {
        module.print(noise);
    }
    module.print("POS,0,0C1A,9.00,-2.25,0.75,90\r\n");
    let tags = wait_for(&cloud, |tags| tags.len() == 2 && tags[0]["location"]["x"] == 9.0);
    assert_eq!(tags[1]["id"], "4F2B");
    assert_eq!(
        edge.log().matches("is passed over").count(),
        1,
        "each line of noise is said:\n{}",
        edge.log()
    );

    module.unplug();
    until("the loss is said", || (edge.log().matches("no positions of UWB tags").count() == 2).then_some(()));
    module.plug();
    module.is_told("\r\rlep\r");
    module.print("POS,0,0C1A,-4.00,0,0,90\r\n");
    wait_for(&cloud, |tags| tags[0]["location"]["x"] == -4.0);
    let history = cloud.api().get("/api/uwb/devices/0C1A/locations").body;
    let last = history["locations"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["quality"], &last["location"]["x"]), (&json!(90.0), &json!(-4.0)));
}

fn wait_for(cloud: &Cloud, fits: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    until("the tags", || {
        let tags = cloud.api().get("/api/uwb/devices").body["devices"].as_array()?.clone();
        fits(&tags).then_some(tags)
    })
}
