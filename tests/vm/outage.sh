# Days without the cloud, of which each takes minutes: the machine's time jumps over what it idles. The clock is set by
# an hour now and then. Nothing of it restarts the daemon.
. /root/test/settings
export LC_ALL=C SYSTEMD_COLORS=0 SYSTEMD_URLIFY=0

failed() {
    echo "TEST FAILED $*"
    systemctl status --no-pager --lines=0 ems-edge
    journalctl --no-pager --unit=ems-edge --lines=40
}
property() { systemctl show --value --property="$1" ems-edge; }
number() { ems-edge status --json | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" | head -n 1; }

ip link set lo up
modprobe ems-test-board
apt-get install --yes --quiet /root/test/package.deb
# Nobody listens there.
printf '%s\n' DEVICE_ID=ems_001 "API_TOKEN=$(cat /root/test/token)" SERVER_URL=ws://127.0.0.1:9 SENSOR=ina226 SHUNT=100A/75mV \
    DIVIDER=1 CHEMISTRY=lfp CELLS_SERIES=4 CAPACITY_AH=100 BACKLOG_HOURS=24 >/etc/ems-edge/config.env
systemctl restart ems-edge || failed "it does not start"
pid=$(property MainPID)
hour=0
while [ $hour -lt $((DAYS * 24)) ]; do
    sleep 3600
    hour=$((hour + 1))
    case $((hour % 24)) in
    6) date --set="@$(($(date +%s) + 3600))" >/dev/null ;;
    12) date --set="@$(($(date +%s) - 7200))" >/dev/null ;;
    18) date --set="@$(($(date +%s) + 3600))" >/dev/null ;;
    0) echo "TEST day $((hour / 24)): $(property StatusText)" ;;
    esac
    if [ "$(property MainPID) $(property NRestarts) $(property ActiveState)" != "$pid 0 active" ]; then
        failed "restarted after $hour hours"
        break
    fi
done
journalctl --no-pager --unit=ems-edge --grep='no progress|Watchdog' && failed "the journal speaks of a stall"
echo "TEST up for $(cut -d. -f1 /proc/uptime) s, never restarted"
ems-edge status
echo "TEST done"
systemctl poweroff --force
