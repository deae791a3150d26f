//! Tells when the network comes back: the kernel reports a new address, route or carrier (rtnetlink(7)).

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

/// A socket on which the kernel reports changes of the network.
pub(super) struct Network {
    /// Without it (a sandbox that forbids `AF_NETLINK`) waits just take their time.
    reports: Option<AsyncFd<OwnedFd>>,
    /// A route that flaps must not drive a dial each time.
    not_before: Instant,
}

/// `RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE` of
/// `linux/rtnetlink.h`.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/// `RTM_NEWLINK`, `RTM_NEWADDR`, `RTM_NEWROUTE` of `linux/rtnetlink.h`.
const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
/// `IFF_LOWER_UP` of `linux/if.h`: the link has a carrier.
const LOWER_UP: u32 = 0x1_0000;
/// Wakes come at most this often.
const PAUSE: Duration = Duration::from_secs(2);

impl Network {
    pub(super) fn watch() -> Self {
        let reports = open()
            .inspect_err(|error| {
                warn!("the network's changes cannot be watched ({error}): waits will not be cut short");
            })
            .ok();
        Self { reports, not_before: Instant::now() }
    }

    /// Ends when something new came up since the last call, at most every two seconds. Cancel-safe.
    pub(super) async fn came_up(&mut self) {
        let Some(reports) = &self.reports else { return std::future::pending().await };
        loop {
            let Ok(mut ready) = reports.readable().await else { return std::future::pending().await };
            let mut buffer = [0; 4096];
            match ready.try_io(|fd| Ok(recv(fd.get_ref(), &mut buffer, RecvFlags::DONTWAIT)?)) {
                Ok(Ok((_, length))) if buffer.get(..length).is_some_and(is_good_news) => break,
                // Too many reports for the socket's buffer: something surely came up among them.
                Ok(Err(error)) if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) => {
                    break;
                }
                Ok(_) | Err(_) => {}
            }
        }
        sleep_until(self.not_before).await;
        self.not_before = Instant::now() + PAUSE;
    }
}

fn open() -> io::Result<AsyncFd<OwnedFd>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
    #[expect(
        deprecated,
        reason = "unsound only for types that give up their descriptor: an OwnedFd keeps it"
    )]
    AsyncFd::new(socket)
}

/// Whether one of the messages (`struct nlmsghdr`, each padded to 4 bytes) says that something came up.
fn is_good_news(mut messages: &[u8]) -> bool {
    while let Some((header, _)) = messages.split_first_chunk::<16>() {
        let [l0, l1, l2, l3, k0, k1, ..] = *header;
        let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let Some(message) = messages.get(..length).filter(|m| m.len() >= 16) else { return false };
        match u16::from_ne_bytes([k0, k1]) {
            NEW_ADDRESS | NEW_ROUTE => return true,
            // `struct ifinfomsg` follows the header: its flags are bytes 8 to 11.
            NEW_LINK if message.get(24..28).is_some_and(has_carrier) => return true,
            _ => {}
        }
        messages = messages.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    false
}

fn has_carrier(flags: &[u8]) -> bool {
    flags.try_into().is_ok_and(|flags| u32::from_ne_bytes(flags) & LOWER_UP != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(kind: u16, flags: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&33u32.to_ne_bytes());
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&[0; 18]);
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.resize(36, 0);
        bytes
    }

    #[test]
    fn a_new_address_route_or_carrier_is_good_news_the_rest_is_not() {
        const DELETED_ROUTE: u16 = 25;
        assert!(is_good_news(&message(NEW_ADDRESS, 0)));
        assert!(is_good_news(&message(NEW_ROUTE, 0)));
        assert!(is_good_news(&message(NEW_LINK, LOWER_UP)));
        assert!(!is_good_news(&message(NEW_LINK, 0)));
        assert!(!is_good_news(&message(DELETED_ROUTE, LOWER_UP)));
        assert!(is_good_news(&[message(DELETED_ROUTE, 0), message(NEW_ROUTE, 0)].concat()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_hang_or_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            is_good_news(&bytes);
        }
    }
}
