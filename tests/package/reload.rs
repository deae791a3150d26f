//! `systemctl reload`: all of it, or nothing, and no sample less.

use ems_test_harness::{Cloud, Sample, Settings};

use crate::support::{CONFIG, measuring, publishing};

fn text(cloud: &Cloud, change: impl FnOnce(Settings) -> Settings) -> String {
    change(measuring(cloud)).to(cloud.tls(), "/etc/ems-edge/ca.pem".as_ref()).text()
}

#[test]
fn a_reload_puts_a_new_configuration_in_force_without_losing_a_sample() {
    let (cloud, mut machine) = publishing();
    cloud.api().wait_for("ems_001", "three samples", |samples| samples.len() >= 3);
    let pid = machine.property("MainPID");

    // The sensor, the pack, the log, the store; then the connection; then what changes nothing.
    machine.write(
        CONFIG,
        &text(&cloud, |s| {
            s.with("CURRENT_SIGN", "inverted")
                .with("CAPACITY_AH", "200")
                .with("LOG_LEVEL", "debug")
                .with("BACKLOG_HOURS", "24")
        }),
    );
    let asked = machine.succeed("systemctl reload ems-edge && journalctl --sync");
    assert_eq!(asked, "");
    machine.wait_property("StatusText", |status| status.contains("13.30 V, 10.0 A"));
    machine.wait_journal("CURRENT_SIGN, CAPACITY_AH, BACKLOG_HOURS, LOG_LEVEL changed");
    let already = cloud.api().samples("ems_001").len();
    cloud.api().wait_for("ems_001", "samples after it", |samples| samples.len() >= already + 3);

    let mut other = Cloud::start();
    machine.open_port(other.tls());
    machine.copy_in(&other.ca_file(), "/etc/ems-edge/ca.pem");
    machine.write(CONFIG, &text(&other, |s| s.with("CURRENT_SIGN", "inverted").with("CAPACITY_AH", "200")));
    machine.succeed("systemctl reload ems-edge");
    other.api().wait_for("ems_001", "samples at the new cloud", |samples| samples.len() >= 3);
    machine.succeed("systemctl reload ems-edge");
    machine.wait_journal("configuration read anew: nothing has changed");
    assert_eq!((machine.property("MainPID"), machine.property("NRestarts")), (pid, "0".to_owned()));

    // Each number is at one of the two clouds.
    let mut samples = cloud.api().samples("ems_001");
    samples.extend(other.api().samples("ems_001"));
    let mut numbers: Vec<u64> = samples.iter().map(Sample::seq).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let expected: Vec<u64> = (numbers[0]..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
    assert!(other.stop().success());
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused_with_the_reason_and_the_old_one_stays() {
    let (cloud, machine) = publishing();
    let pid = machine.property("MainPID");
    let good = machine.read(CONFIG);
    for (bad, reason) in [
        (good.replace("SHUNT='100A/75mV'", "SHUNT='100A'"), "SHUNT"),
        (good.replace("ems_001", "ems_002"), "systemctl restart ems-edge"),
        (good.replace("/etc/ems-edge/ca.pem", "/etc/ems-edge/config.env"), "CA_FILE"),
    ] {
        machine.write(CONFIG, &bad);
        let refused = machine.shell("systemctl reload ems-edge");
        assert_ne!(refused.status, 0, "{reason}");
        machine.wait_journal(reason);
        let direct = machine.shell(&format!("ems-edge reload --config {CONFIG}"));
        assert_eq!(direct.status, 1, "{}{}", direct.stdout, direct.stderr);
        assert!(direct.stderr.contains(reason) && direct.stderr.contains("stays"), "{}", direct.stderr);
        assert_eq!(machine.property("ActiveState"), "active");
    }
    let already = cloud.api().samples("ems_001").len();
    cloud.api().wait_for("ems_001", "samples after it", |samples| samples.len() >= already + 2);
    assert_eq!(machine.property("MainPID"), pid);
}

#[test]
fn who_may_look_may_not_order_a_reload() {
    let (_cloud, machine) = publishing();
    machine.succeed("useradd --groups ems-status looker");
    let look = machine.shell("setpriv --reuid looker --init-groups --regid nogroup ems-edge status");
    assert!([0, 1].contains(&look.status), "{}{}", look.stdout, look.stderr);
    let order = machine.shell("setpriv --reuid looker --init-groups --regid nogroup ems-edge reload");
    assert_eq!(order.status, 1, "{}", order.stderr);
    assert!(order.stderr.contains("only root"), "{}", order.stderr);
    let stranger = machine.shell("setpriv --reuid nobody --clear-groups --regid nogroup ems-edge reload");
    assert_eq!(stranger.status, 69, "{}", stranger.stderr);
}
