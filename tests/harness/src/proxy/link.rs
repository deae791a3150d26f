//! One connection through the proxy: both its directions, and its end.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::Duration;

use rustix::net::sockopt;

use super::{LOOK, State, lock};
use crate::handshake::is_timeout;

/// How established connections end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// With a reset: both sides get `ECONNRESET`.
    Reset,
    /// With an orderly end of the stream.
    Fin,
}

/// A connection and its other half. Both close when its two pumps have ended.
#[derive(Debug)]
pub(super) struct Link {
    sides: [TcpStream; 2],
    cut: AtomicBool,
}

/// The most bytes that a throttled connection forwards at once.
const TRICKLE: usize = 128;
impl Link {
    pub(super) fn end(&self, how: Cut) {
        if how == Cut::Reset {
            for side in &self.sides {
                // Closed with a linger time of zero, a connection ends with a reset (tcp(7)).
                sockopt::set_socket_linger(side, Some(Duration::ZERO)).expect("a socket option");
            }
        }
        self.cut.store(true, Ordering::Relaxed);
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

/// Joins a client to the target; where the target does not answer, the client's connection ends.
pub(super) fn join(client: TcpStream, shared: &Arc<Mutex<State>>) {
    // Held until the link is listed: a cut that comes meanwhile must find it.
    let mut state = lock(shared);
    state.accepted += 1;
    let Ok(server) = TcpStream::connect(state.target) else { return };
    for side in [&client, &server] {
        side.set_nonblocking(false).expect("a socket option");
        side.set_nodelay(true).expect("a socket option");
        side.set_read_timeout(Some(LOOK)).expect("a socket option");
        side.set_write_timeout(Some(Duration::from_secs(10))).expect("a socket option");
    }
    let link = Arc::new(Link { sides: [client, server], cut: AtomicBool::new(false) });
    state.links.push(Arc::downgrade(&link));
    drop(state);
    for from in [0, 1] {
        let (link, shared) = (Arc::clone(&link), Arc::clone(shared));
        thread::spawn(move || {
            if pump(&link, from, &shared).is_err() {
                link.end(Cut::Reset);
            }
        });
    }
}

/// Carries one direction until its end; an error ends both.
fn pump(link: &Link, from: usize, shared: &Mutex<State>) -> io::Result<()> {
    let (mut source, mut sink) = (&link.sides[from], &link.sides[1 - from]);
    let mut buffer = vec![0; 16 * 1024];
    while !link.is_cut() {
        if lock(shared).hold[from] {
            sleep(LOOK);
            continue;
        }
        let rate = lock(shared).rate;
        let most = if rate.is_some() { TRICKLE } else { buffer.len() };
        let length = match source.read(&mut buffer[..most]) {
            Ok(0) => return sink.shutdown(Shutdown::Write),
            Ok(length) => length,
            Err(error) if is_timeout(&error) => continue,
            Err(error) => return Err(error),
        };
        let delay = lock(shared).delay;
        sleep(delay);
        while lock(shared).hold[from] && !link.is_cut() {
            sleep(LOOK);
        }
        if link.is_cut() {
            break;
        }
        let (passed, cut) = allow(&mut lock(shared).allowance, from, length);
        sink.write_all(&buffer[..passed])?;
        if cut {
            link.end(Cut::Reset);
        }
        if let Some(rate) = rate {
            sleep(Duration::from_secs(1) * u32::try_from(passed).unwrap_or(u32::MAX) / rate);
        }
    }
    Ok(())
}

/// How many of these bytes may pass, and whether the connection is cut after them.
fn allow(allowance: &mut Option<usize>, from: usize, length: usize) -> (usize, bool) {
    match allowance {
        Some(left) if from == 0 && *left <= length => (allowance.take().unwrap_or(length), true),
        Some(left) if from == 0 => {
            *left -= length;
            (length, false)
        }
        _ => (length, false),
    }
}
