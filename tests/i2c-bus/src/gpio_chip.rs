//! The name of a GPIO chip, which is all that a program with the pins mapped into its memory asks of the kernel.

use rustix::io::Errno;

use crate::memory::Memory;
use crate::seccomp::Reply;

/// `struct gpiochip_info` of `linux/gpio.h`: name and label of 32 bytes each, and the number of lines.
const SIZE: usize = 68;

/// Answers `GPIO_GET_CHIPINFO_IOCTL` as the chip of a Raspberry Pi 4 does.
pub(crate) fn tell_name(memory: &Memory, address: u64) -> Reply {
    let mut info = [0; SIZE];
    for (at, text) in [(0, &b"gpiochip0"[..]), (32, b"pinctrl-bcm2711"), (64, &58_u32.to_ne_bytes())] {
        info.iter_mut().skip(at).zip(text).for_each(|(to, from)| *to = *from);
    }
    match memory.write(address, &info) {
        Ok(()) => Reply::Return(0),
        Err(_) => Reply::Fail(Errno::FAULT),
    }
}
