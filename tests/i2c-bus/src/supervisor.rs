//! Answers the intercepted ioctls, each on a thread of its own, so that a transfer that takes long or never
//! returns holds up nobody else. There are at most as many threads as the programs have.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rustix::io::Errno;

use crate::complain;
use crate::gpio_chip;
use crate::i2c_dev::I2cDev;
use crate::memory::Memory;
use crate::seccomp::{GPIO_CHIP_INFO, Listener, Notification, Reply};

/// Answers until the process ends.
pub(crate) fn serve(listener: Listener, device: I2cDev) {
    let listener = Arc::new(listener);
    let device = Arc::new(device);
    loop {
        let call = match listener.next() {
            Ok(call) => call,
            Err(error) => return complain(format_args!("no more ioctls can be received: {error}")),
        };
        let (by, on) = (Arc::clone(&listener), Arc::clone(&device));
        let answering = thread::Builder::new().spawn(move || answer(&by, &on, &call));
        if let Err(error) = answering {
            complain(format_args!("no thread for a transfer: {error}"));
            send(&listener, &call, Reply::Fail(Errno::NOMEM));
        }
    }
}

fn answer(listener: &Listener, device: &I2cDev, call: &Notification) {
    let is_gpio = call.request == GPIO_CHIP_INFO;
    if !is_open_on(call, if is_gpio { "gpiochip" } else { "i2c-" }) {
        return send(listener, call, Reply::Continue);
    }
    let still_waits = || listener.still_waits(call.id);
    let reply = match Memory::of(call.thread) {
        // Opened by number: only now is it known whose it is.
        Ok(_) if !still_waits() => return,
        Ok(memory) if is_gpio => gpio_chip::tell_name(&memory, call.argument),
        Ok(memory) => device.ioctl(call, &memory, &still_waits).map_or_else(Reply::Fail, Reply::Return),
        Err(error) => {
            complain(format_args!(
                "cannot open the memory of thread {}: {error}; run i2c-bus as the program's user or as root",
                call.thread
            ));
            Reply::Fail(Errno::PERM)
        }
    };
    send(listener, call, reply);
}

fn send(listener: &Listener, call: &Notification, reply: Reply) {
    if let Err(error) = listener.reply(call.id, reply) {
        complain(format_args!("an ioctl of thread {} stays unanswered: {error}", call.thread));
    }
}

/// Whether the descriptor is open on a file named so and a number: the device, or a stand-in for it.
fn is_open_on(call: &Notification, prefix: &str) -> bool {
    let Ok(path) = fs::read_link(format!("/proc/{}/fd/{}", call.thread, call.fd)) else { return false };
    is_called(&path, prefix)
}

fn is_called(path: &Path, prefix: &str) -> bool {
    let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(prefix));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_called_i2c_and_a_number_is_a_bus() {
        for bus in ["/dev/i2c-1", "/dev/i2c-22", "/tmp/x/i2c-0"] {
            assert!(is_called(Path::new(bus), "i2c-"), "{bus}");
        }
        for other in ["/dev/i2c-", "/dev/i2c-x", "/dev/i2c/1", "/tmp/i2c-1/notes", "socket:[7]"] {
            assert!(!is_called(Path::new(other), "i2c-"), "{other}");
        }
    }
}
