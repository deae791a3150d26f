# The test of the package inside an emulated machine, which scripts/test-vm boots. What begins with TEST goes to it.
. /root/test/settings
export LC_ALL=C SYSTEMD_COLORS=0 SYSTEMD_URLIFY=0
BOARD=/sys/module/ems_test_board/parameters
LED=/sys/class/leds/ACT

ok() { echo "TEST ok $*"; }
# The console is all that is left of the machine.
failed() {
    echo "TEST FAILED $*"
    systemctl status --no-pager --lines=0 ems-edge
    journalctl --no-pager --lines=40
}
expect() { # NAME COMMAND...
    name=$1
    shift
    if "$@"; then ok "$name"; else failed "$name"; fi
}
# For a hang; how long it takes is not what is tested.
wait_for() { # SECONDS COMMAND...
    end=$(($(seconds) + $1))
    shift
    until "$@"; do
        [ "$(seconds)" -lt "$end" ] || return 1
        sleep 1
    done
}
seconds() { cut -d. -f1 /proc/uptime; }
property() { systemctl show --value --property="$1" ems-edge; }
says() { case $(property StatusText) in *$1*) return 0 ;; esac; return 1; }
logged() { journalctl --no-pager --unit=ems-edge --output=cat | grep -q -e "$1"; }
owner() { [ "$(stat -c '%a %U:%G' "$1")" = "$2" ]; }
finds() { ems-edge doctor --json | grep -q "\"$1\""; }
# As the service: its user, its view of the file system.
inside() { nsenter --target "$(property MainPID)" --mount setpriv --reuid ems-edge --regid ems-status --groups ems-edge,i2c "$@"; }

echo "TEST $(uname -srm)"
ip link set lo up
# udev may still be at it, where every instruction is emulated.
modprobe --all virtio_pci virtio_net
wait_for 120 test -d /sys/class/net/eth0 || failed "there is no network card"
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0

# A board whose I2C is on; nobody has loaded i2c-dev yet.
modprobe ems-test-board
[ ! -e /dev/i2c-1 ] || failed "there is a bus before the package"
apt-get install --yes --quiet /root/test/package.deb
expect "the package is installed" dpkg-query --status ems-edge
expect "i2c-dev is loaded" test -d /sys/module/i2c_dev
udevadm settle
expect "udev gives the bus to its group" owner /dev/i2c-1 "660 root:i2c"
expect "udev gives the LED to the service" owner $LED/trigger "664 root:ems-edge"
rmmod i2c_dev
systemctl restart systemd-modules-load
udevadm settle
expect "i2c-dev is loaded at boot" owner /dev/i2c-1 "660 root:i2c"

cp /root/test/ca.pem /etc/ems-edge/ca.pem
chmod 644 /etc/ems-edge/ca.pem
ems-edge setup --no-questions --token-file /root/test/token --set DEVICE_ID=ems_001 --set "SERVER_URL=wss://$SERVER" \
    --set CA_FILE=/etc/ems-edge/ca.pem --set SENSOR=ina226 --set SHUNT=100A/75mV --set DIVIDER=1 --set CHEMISTRY=lfp \
    --set CELLS_SERIES=4 --set CAPACITY_AH=100
expect "it measures by char-i2c and is connected" wait_for 60 says "13.30 V, -10.0 A"
expect "the cloud takes its samples" wait_for 60 says "; connected"
expect "the doctor finds nothing" wait_for 60 ems-edge doctor --brief
systemctl status --no-pager ems-edge

# The kernel's own errors.
pid=$(property MainPID)
echo 121 >$BOARD/fault
expect "a chip that does not answer is named" wait_for 60 logged "does not answer (errno 121"
echo 110 >$BOARD/fault
expect "a bus that is stuck is named" wait_for 60 logged "errno 110"
expect "and shows in the status" says SENSOR_LOST
echo 0 >$BOARD/fault
expect "a chip that answers again is read" wait_for 60 says "13.30 V"
expect "none of that has restarted it" test "$(property MainPID)" = "$pid"

udevadm settle
printf '%s' heartbeat >$LED/trigger 2>/dev/null || true
before=$(cat $LED/trigger)
expect "the LED can be blinked from inside the sandbox" inside ems-edge identify --seconds 2
expect "it has blinked" test "$(cat $BOARD/blinks)" -ge 3
expect "it is given back" test "$(cat $LED/trigger)" = "$before"
may_write() { inside sh -c "echo 0 >$1" 2>/dev/null; }
may_write $BOARD/fault && failed "another file of /sys can be written" || ok "nothing else of /sys can be written"

# The groups' limits; a hog among the service's own processes.
group=/sys/fs/cgroup/system.slice/ems-edge.service
expect "MemoryMax is in force" test "$(cat $group/memory.max)" = 134217728
expect "TasksMax is in force" test "$(cat $group/pids.max)" = 32
restarts=$(property NRestarts)
sh -c "echo \$\$ >$group/cgroup.procs; exec dd if=/dev/zero of=/dev/null bs=300M count=1 2>/dev/null"
expect "a hog is killed, and the service goes on" wait_for 60 says "13.30 V"
journalctl --no-pager --dmesg | grep -q "Memory cgroup out of memory" && ok "the kernel has enforced it" || failed "the kernel has enforced it"
echo "TEST restarts for it: $(($(property NRestarts) - restarts))"

mkdir -p /etc/systemd/system/ems-edge.service.d
printf '[Service]\nDeviceAllow=\n' >/etc/systemd/system/ems-edge.service.d/zz.conf
systemctl daemon-reload
systemctl restart ems-edge
expect "a removed DeviceAllow is noticed" wait_for 60 finds sandbox.device
rm /etc/systemd/system/ems-edge.service.d/zz.conf
systemctl daemon-reload
systemctl restart ems-edge
expect "and mended" wait_for 60 says "; connected"

# No cloud, and a clock that is set: longer than WatchdogSec=.
pid=$(property MainPID)
ip link set eth0 down
# An idle connection is given up only after a while.
wait_for 180 says "not connected" || failed "the outage is noticed"
for step in 3600 -7200 3600; do
    date --set="@$(($(date +%s) + step))" >/dev/null
    sleep 40
    expect "a clock set by $step s restarts nothing" test "$(property MainPID) $(property ActiveState)" = "$pid active"
done
ip link set eth0 up
expect "the cloud is found again" wait_for 120 says "; connected"
expect "nothing has been restarted" test "$(property MainPID)" = "$pid"

# All of it stands still: nobody is left to say which part.
restarts=$(property NRestarts)
begin=$(seconds)
kill -STOP "$(property MainPID)"
restarted() { [ "$(property NRestarts)" -gt "$restarts" ]; }
expect "a daemon that stands still is restarted" wait_for 60 restarted
took=$(($(seconds) - begin))
echo "TEST restarted after $took s"
expect "within 35 s" test "$took" -le 35
expect "and runs again" wait_for 60 says "; connected"

systemd-analyze security --no-pager ems-edge | tail -n 1
echo "TEST done"
setpriv --reuid ems-edge --regid ems-status --clear-groups touch /run/ems-edge/reboot
sleep 60
echo "TEST FAILED the reboot that was asked for has not come"
systemctl poweroff --force
