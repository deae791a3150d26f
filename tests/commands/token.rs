//! `ROTATE_TOKEN`: whatever is killed whenever, the device comes back, and the old token is void.

use std::thread::sleep;
use std::time::Duration;

use ems_test_harness::{Cloud, until};
use serde_json::json;

use super::{ask, ended, published, start, wait_online};

#[test]
fn a_new_token_replaces_the_old_one_which_is_void_from_then_on() {
    let cloud = Cloud::start();
    let mut edge = start(&cloud, &published(&cloud));
    let id = ask(&cloud, &json!({"action": "ROTATE_TOKEN"}));
    let command = ended(&cloud, &id);
    assert_eq!(command["status"], "SUCCEEDED", "{command}");
    assert_eq!(command["payload"]["token"], "[secret]");
    edge.kill_and_restart();
    wait_online(&cloud);
    // Another daemon with the old token is turned away.
    let old = ems_test_harness::Edge::start(&published(&cloud));
    until("the refusal of the old token", || {
        (old.status()["link"].to_string().contains("403")).then_some(())
    });
}

#[test]
fn a_kill_at_any_step_of_a_rotation_leaves_a_device_that_connects() {
    let mut cloud = Cloud::start();
    let mut edge = start(&cloud, &published(&cloud));
    for step in 0..24_u64 {
        let id = ask(&cloud, &json!({"action": "ROTATE_TOKEN", "ttl_s": 10}));
        sleep(Duration::from_millis(step / 2 * 4));
        if step % 2 == 0 {
            edge.kill_and_restart();
        } else {
            cloud.kill();
            cloud.start_again();
        }
        until("the device back", || {
            let device = cloud.api().get("/api/devices/ems_001");
            (device.status == 200 && device.body["online"] == true).then_some(())
        });
        ended(&cloud, &id);
    }
}
