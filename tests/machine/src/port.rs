//! A port of the machine's loopback that leads to the same port of ours: the only way out of its network.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

/// Open while this value lives.
#[derive(Debug)]
pub(crate) struct Port {
    closed: Arc<AtomicBool>,
}

/// Between two looks for a new connection, or for the end.
const PAUSE: Duration = Duration::from_millis(10);
/// Connections between the two threads: owned by the one that connects them.
const BOUND: usize = 16;

impl Port {
    /// Listens at `address` in the network of the process `init`, and connects to `address` in ours.
    pub(crate) fn open(init: u32, address: SocketAddr) -> Self {
        let closed = Arc::new(AtomicBool::new(false));
        let (connections, accepted) = sync_channel(BOUND);
        let (ready, listens) = sync_channel(1);
        let end = Arc::clone(&closed);
        thread::spawn(move || accept(init, address, &ready, &connections, &end));
        thread::spawn(move || connect(&accepted, address));
        listens
            .recv()
            .expect("the thread in the machine's network")
            .expect("a port in the machine's network");
        Self { closed }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// A thread whose network is the machine's: what it opens belongs there.
fn accept(
    init: u32,
    address: SocketAddr,
    ready: &SyncSender<io::Result<()>>,
    connections: &SyncSender<TcpStream>,
    closed: &AtomicBool,
) {
    let listen = || {
        setns(File::open(format!("/proc/{init}/ns/net"))?, CloneFlags::CLONE_NEWNET)?;
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    let listener = match listen() {
        Ok(listener) => listener,
        Err(error) => return drop(ready.send(Err(error))),
    };
    drop(ready.send(Ok(())));
    while !closed.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => {
                if connections.send(stream).is_err() {
                    return;
                }
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// A thread in our own network.
fn connect(accepted: &Receiver<TcpStream>, address: SocketAddr) {
    for inside in accepted {
        drop(inside.set_nonblocking(false));
        // Nobody listens: what is accepted is closed, as by a server that has gone.
        let Ok(outside) = TcpStream::connect(address) else { continue };
        let ways = [(inside.try_clone(), outside.try_clone()), (Ok(outside), Ok(inside))];
        for (from, to) in ways {
            if let (Ok(from), Ok(to)) = (from, to) {
                thread::spawn(move || pump(from, to));
            }
        }
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Both));
    drop(from.shutdown(Shutdown::Both));
}
