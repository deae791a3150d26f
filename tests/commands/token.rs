//! `ROTATE_TOKEN`: whatever is killed whenever, the device comes back, and the old token is void.

use std::time::{Duration, Instant};

use ems_test_harness::{Cloud, Handshake, Received, Trap, until};
use serde_json::json;

use super::{ask, ended, is_final, published, start, wait_online};

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

/// Ends one side at each of its steps: what it writes down and what it sends, one after the other.
#[test]
fn a_crash_at_each_step_of_a_rotation_leaves_a_device_that_connects() {
    const DISK: &str = "fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat";
    const SENT: &str = "sendto,sendmsg,writev,connect,close";
    let most: u32 = std::env::var("EMS_TEST_STEPS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let mut cloud = Cloud::start();
    let mut edge = start(&cloud, &published(&cloud).with("SAMPLE_INTERVAL", "1s"));
    let (mut crashes, mut longest) = (0, Duration::ZERO);
    for (side, thread, calls) in [
        ("edge", Some("ems-edge"), DISK),
        ("edge", Some("commands"), DISK),
        ("edge", Some("ems-edge"), SENT),
        ("cloud", Some("store"), DISK),
        ("cloud", None, SENT),
    ] {
        for n in 1..=most {
            let process = if side == "edge" { edge.process().id() } else { cloud.process_id() };
            let trap = Trap::set(process, thread, calls, n);
            let asked = cloud
                .api()
                .try_post("/api/devices/ems_001/commands", &json!({"action": "ROTATE_TOKEN", "ttl_s": 10}));
            let id = asked.and_then(|answer| Some(answer.body["command_id"].as_str()?.to_owned()));
            // Until the crash, or the end of a rotation that has no such step any more.
            until("a crash or an end", || {
                let crashed = !edge.process().is_running() || !cloud.is_running();
                let is_over = || {
                    id.as_deref().is_some_and(|id| {
                        let command = cloud.api().try_get(&format!("/api/devices/ems_001/commands/{id}"));
                        command.is_some_and(|command| is_final(&command.body["status"]))
                    })
                };
                (crashed || is_over()).then_some(())
            });
            drop(trap);
            let begin = Instant::now();
            let (edge_fell, cloud_fell) = (!edge.process().is_running(), !cloud.is_running());
            if edge_fell {
                edge.start_again();
            }
            if cloud_fell {
                cloud.start_again();
            }
            until("the device back", || {
                let device = cloud.api().try_get("/api/devices/ems_001")?;
                (device.body["online"] == true).then_some(())
            });
            if edge_fell || cloud_fell {
                crashes += 1;
                longest = longest.max(begin.elapsed());
            } else {
                println!("{side}, {thread:?}: {} steps", n - 1);
                break;
            }
            if let Some(id) = id {
                ended(&cloud, &id);
            }
        }
    }
    println!("{crashes} crashes; the device was back within {longest:?}, with the start of a program");
    assert!(crashes >= 10, "{crashes}");
    let id = ask(&cloud, &json!({"action": "ROTATE_TOKEN"}));
    assert_eq!(ended(&cloud, &id)["status"], "SUCCEEDED");
}

#[test]
fn a_connection_with_a_revoked_token_is_closed_at_once() {
    let cloud = Cloud::start();
    let mut socket = Handshake::device(&cloud, cloud.device()).typed().connect();
    socket.send_typed("device.hello", &json!({"boot_id": "b", "firmware_version": "0"}));
    socket.next_of("device.welcome");
    let start = Instant::now();
    assert_eq!(cloud.api().post("/api/devices/ems_001/token", &json!({})).status, 201);
    loop {
        match socket.receive() {
            Received::Text(_) => {}
            Received::Closed(why) => {
                assert_eq!(why.map(|(code, _)| code), Some(4003));
                break;
            }
        }
    }
    println!("closed {:?} after the request to revoke the token", start.elapsed());
}
