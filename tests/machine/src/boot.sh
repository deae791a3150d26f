# Boots a machine: run by `unshare --mount --pid --fork --mount-proc sh`, so that no mount and no process outlives it.
# Arguments: the image, a folder for mount points, the machine's name, the I2C tool and its control file.
set -eu
image=$1 folder=$2 name=$3 tool=$4 control=$5

# Groups of its own in the hierarchies that systemd uses: cgroup v2, and v1 on machines that have both.
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    if [ -e "$hierarchy/cgroup.procs" ]; then
        mkdir -p "$hierarchy/$name"
        echo $$ >"$hierarchy/$name/cgroup.procs"
    fi
done

# What the machine changes is kept in memory, and gone with it.
mount -t tmpfs -o size=512m none "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay overlay -o "lowerdir=$image,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
: >"$folder/root/etc/machine-id"

# The node of another driver, whose opening is harmless: its ioctls never reach the kernel, and unlike /dev/null it is
# not among the devices that every service may use.
i2c=$(sed -n 's/^i2c:[^:]*:\([0-9]*\):.*/\1/p' "$folder/root/etc/group")
mknod -m 660 "$folder/i2c-1" c 10 234
chown "0:${i2c:-0}" "$folder/i2c-1"

# char-i2c is the driver that this kernel does not have: what the unit allows by that name is allowed by path here.
mkdir -p "$folder/root/etc/systemd/system/ems-edge.service.d"
printf '[Service]\nDeviceAllow=/dev/i2c-1 rw\n' >"$folder/root/etc/systemd/system/ems-edge.service.d/bus.conf"

# The whole of cgroup v2, and BPF for the directives that systemd enforces with it.
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
# A terminal: without one nspawn keeps the machine's console to itself.
# Status 133: the machine reboots, with the same disk.
exec "$tool" --bus "$control" -- script --quiet --flush --return --command "while systemd-nspawn --quiet \
    --directory='$folder/root' --machine='$name' --boot --register=no --keep-unit --private-network \
    --capability=all --system-call-filter=bpf --bind='$folder/i2c-1':/dev/i2c-1; [ \$? -eq 133 ]; do :; done" /dev/null
