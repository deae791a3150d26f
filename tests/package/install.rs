//! Installing, upgrading, removing.

use std::fs;
use std::process::Command;

use ems_test_harness::{Sample, run, target_dir};
use ems_test_machine::{Machine, Package};
use tempfile::TempDir;

use crate::support::{CHIP, CONFIG, owner, publishing};

#[test]
fn an_installed_package_says_what_to_do_and_runs_when_it_is_done() {
    let cloud = ems_test_harness::Cloud::start();
    let mut machine = Machine::boot(CHIP);
    let said = machine.install(Package::built());
    assert!(said.contains("fill in /etc/ems-edge/config.env"), "{said}");
    assert_eq!(owner(&machine, CONFIG), "640 root:ems-edge");
    assert_eq!(owner(&machine, "/etc/ems-edge"), "750 root:ems-edge");

    // One attempt, and a sentence where a technician looks.
    assert_eq!(machine.property("ActiveState"), "failed");
    assert_eq!(machine.property("ExecMainStatus"), "78");
    assert_eq!(machine.property("NRestarts"), "0");
    let status = machine.shell("systemctl status ems-edge").stdout;
    let line = status.lines().find(|line| line.contains("Status: ")).unwrap_or_else(|| panic!("{status}"));
    assert!(
        line.contains("API_TOKEN") && line.contains(CONFIG) && line.contains("systemctl restart"),
        "{line}"
    );

    machine.open_port(cloud.tls());
    machine.copy_in(&cloud.ca_file(), "/etc/ems-edge/ca.pem");
    machine.succeed("chmod 644 /etc/ems-edge/ca.pem");
    machine.write("/root/token", &cloud.device().token);
    let setup = format!(
        "ems-edge setup --no-questions --token-file /root/token --set DEVICE_ID=ems_001 --set SERVER_URL=wss://{} \
         --set CA_FILE=/etc/ems-edge/ca.pem --set SENSOR=ina226 --set SHUNT=100A/75mV --set CHEMISTRY=lfp \
         --set CELLS_SERIES=4 --set CAPACITY_AH=100 --set DIVIDER=1",
        cloud.tls()
    );
    // In a service: only what the machine itself starts has the bus.
    machine.service(&[], &setup).expect_success("ems-edge setup");
    assert_eq!(owner(&machine, CONFIG), "640 root:ems-edge");
    machine.wait_property("StatusText", |status| {
        status.contains("13.30 V, -10.0 A, SOC ") && status.contains("; connected")
    });
    assert_eq!(machine.property("SubState"), "running");
    keep_screens(&machine);
    cloud.api().wait_for("ems_001", "three samples", |samples| samples.len() >= 3);
    assert_eq!(machine.succeed("systemctl --failed --no-legend"), "");
}

#[test]
fn an_upgrade_keeps_the_configuration_and_loses_no_sample() {
    let (cloud, machine) = publishing();
    let before = machine.read(CONFIG) + "# edited by a technician\n";
    machine.write(CONFIG, &before);
    cloud.api().wait_for("ems_001", "three samples", |samples| samples.len() >= 3);
    let folder = TempDir::new().unwrap();
    let pid = machine.property("MainPID");
    machine.install(&Package::built().with_version("99.0", &folder));

    assert_eq!(machine.read(CONFIG), before);
    assert_eq!(owner(&machine, CONFIG), "640 root:ems-edge");
    assert_ne!(machine.property("MainPID"), pid, "the new program runs");
    let already = cloud.api().samples("ems_001").len();
    let samples = cloud.api().wait_for("ems_001", "samples after it", |s| s.len() >= already + 3);
    assert_unbroken(&samples);
}

#[test]
fn remove_keeps_state_and_configuration_and_purge_leaves_neither() {
    let (_cloud, machine) = publishing();
    let configured = machine.read(CONFIG);
    machine.succeed("apt-get remove --yes --quiet ems-edge");
    assert_eq!(machine.shell("pgrep ems-edge").stdout, "", "it has been stopped");
    assert_eq!(machine.read(CONFIG), configured);
    let state = machine.succeed("ls /var/lib/ems-edge/ems_001");
    assert!(!state.is_empty());

    machine.install(Package::built());
    machine.wait_property("StatusText", |status| status.contains("; connected"));
    assert_eq!(machine.read(CONFIG), configured);

    machine.succeed("apt-get purge --yes --quiet ems-edge");
    let left = machine.succeed(
        "find / -xdev \\( -path /proc -o -path /sys -o -path /root -o -path /var/log -o -path /var/cache \\) -prune \
         -o -name '*ems-edge*' -not -path /etc/systemd/system/ems-edge.service.d -print",
    );
    // The user stays, as with every Debian package: a new one with its number would own what it has left.
    assert_eq!(left, "", "but for the test machine's own drop-in");
}

#[test]
fn it_installs_where_systemd_does_not_run() {
    // A change root: as when a card is prepared, and in a container.
    let machine = Machine::boot(CHIP);
    machine.copy_in(Package::built().path(), "/root/package.deb");
    let install = "mkdir /mnt/root && mount --bind / /mnt/root && \
        env SYSTEMD_OFFLINE=1 unshare --pid --fork chroot /mnt/root sh -c \
        'mount -t tmpfs none /run && mount -t proc none /proc && apt-get install --yes --quiet /root/package.deb && \
         ! test -d /run/systemd/system && umount /run /proc'";
    let said = machine.succeed(install);
    assert!(said.contains("fill in /etc/ems-edge/config.env"), "{said}");
    assert_eq!(owner(&machine, CONFIG), "640 root:ems-edge");
    assert_eq!(machine.succeed("systemctl is-enabled ems-edge").trim(), "enabled");
    assert_eq!(machine.property("ActiveState"), "inactive");
}

#[test]
fn it_installs_where_i2c_is_off_and_says_how_to_switch_it_on() {
    let machine = Machine::boot("# nothing on it");
    machine.succeed("umount /dev/i2c-1; rm -f /dev/i2c-1");
    let said = machine.install(Package::built());
    assert!(said.contains("dtparam=i2c_arm=on"), "{said}");
}

#[test]
fn an_armv6_board_is_refused_in_a_sentence() {
    let machine = Machine::boot(CHIP);
    machine.copy_in(Package::built().path(), "/root/package.deb");
    machine.write("/usr/local/sbin/uname", "#!/bin/sh\necho armv6l\n");
    machine.succeed("chmod 755 /usr/local/sbin/uname");
    let refused =
        machine.shell("apt-get -o DPkg::Path=/usr/local/sbin:$PATH install --yes --quiet /root/package.deb");
    assert_ne!(refused.status, 0);
    let said = refused.stdout + &refused.stderr;
    assert!(said.contains("ARMv6") && said.contains("Raspberry Pi 1 or Zero"), "{said}");
    assert_eq!(machine.shell("test -e /usr/bin/ems-edge").status, 1);
}

#[test]
fn lintian_finds_nothing_and_the_package_is_complete() {
    let mut lintian = Command::new("lintian");
    lintian.args(["--profile", "debian", "--fail-on", "error,warning,info", "--allow-root"]);
    run({
        lintian.arg(Package::built().path());
        lintian
    })
    .expect_success("lintian");
    let mut list = Command::new("dpkg-deb");
    list.arg("--contents").arg(Package::built().path());
    let files = run(list).expect_success("dpkg-deb --contents");
    for file in [
        "/usr/bin/ems-edge",
        "/lib/systemd/system/ems-edge.service",
        "/lib/udev/rules.d/60-ems-edge.rules",
        "/usr/lib/modules-load.d/ems-edge.conf",
        "/usr/lib/sysusers.d/ems-edge.conf",
        "/usr/share/bash-completion/completions/ems-edge",
        "/usr/share/man/man8/ems-edge.8.gz",
        "/usr/share/man/man5/ems-edge.env.5.gz",
        "/usr/share/ems-edge/config.example.env",
    ] {
        assert!(files.contains(&format!(" .{file}\n")), "{file} is missing in\n{files}");
    }
}

#[test]
fn the_manual_explains_every_key_and_the_shell_completes_every_command() {
    let machine = Machine::with_package(CHIP);
    let manual = machine.succeed("MANWIDTH=200 man --no-hyphenation ems-edge.env | col -b");
    for key in ems_edge::config::KEYS {
        assert!(manual.contains(&format!("{}=", key.name)), "{} is not in ems-edge.env(5)", key.name);
    }
    let manual = machine.succeed("man --no-hyphenation ems-edge | col -b");
    let words: Vec<&str> = manual.split_whitespace().collect();
    assert!(words.join(" ").contains("systemctl reload ems-edge does the same"), "{manual}");
    machine.write(
        "/root/complete",
        "source /usr/share/bash-completion/bash_completion\n\
         source /usr/share/bash-completion/completions/ems-edge\n\
         COMP_WORDS=(ems-edge \"$1\" \"${@:2}\"); COMP_CWORD=$#; COMP_LINE=\"ems-edge $*\"; COMP_POINT=${#COMP_LINE}\n\
         _ems_edge; echo \"${COMPREPLY[@]}\"\n",
    );
    assert_eq!(machine.succeed("bash /root/complete st").trim(), "status");
    assert!(machine.succeed("bash /root/complete reload --c").contains("--config"));
}

#[test]
fn a_machine_leaves_nothing_behind() {
    let machine = Machine::with_package(CHIP);
    let name = machine.name().to_owned();
    let traces = || {
        let groups = run(shell(&format!("find /sys/fs/cgroup -name '{name}*'"))).stdout;
        let mounts = run(shell(&format!("grep '{name}' /proc/mounts"))).stdout;
        let processes = run(shell("ps axo args")).stdout;
        groups + &mounts + processes.lines().filter(|line| line.contains(&name)).collect::<String>().as_str()
    };
    assert_ne!(traces(), "");
    drop(machine);
    assert_eq!(traces(), "");
}

/// What a technician sees, for the README.
fn keep_screens(machine: &Machine) {
    let folder = target_dir().join("screens");
    fs::create_dir_all(&folder).unwrap();
    for (name, command) in [
        ("systemctl-status", "systemctl status --no-pager ems-edge"),
        ("status", "ems-edge status"),
        ("doctor", "ems-edge doctor"),
        (
            "journal",
            "journalctl --no-pager --unit=ems-edge --invocation=0 2>/dev/null || journalctl --no-pager --unit=ems-edge --lines=5",
        ),
    ] {
        fs::write(folder.join(name), machine.shell(command).stdout).unwrap();
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Every number once, and no second left out.
#[track_caller]
fn assert_unbroken(samples: &[Sample]) {
    let numbers: Vec<u64> = samples.iter().map(Sample::seq).collect();
    let expected: Vec<u64> = (numbers[0]..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
    assert!(samples.iter().all(|sample| sample.boot_id() == samples[0].boot_id()));
}
