//! A TCP proxy that does to connections what networks do.

mod link;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use crate::wait::until;
pub use link::Cut;
use link::{Link, join};

/// Stands between clients and `target`; its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Mutex<State>>,
    acceptor: Option<JoinHandle<()>>,
    /// Keeps the port ours while nobody listens at it.
    _placeholder: OwnedFd,
}

#[derive(Debug)]
struct State {
    target: SocketAddr,
    door: Door,
    listening: bool,
    /// From the client, from the target.
    hold: [bool; 2],
    delay: Duration,
    /// Bytes a second in each direction.
    rate: Option<u32>,
    /// How many bytes from clients pass before a reset.
    allowance: Option<usize>,
    links: Vec<Weak<Link>>,
    accepted: usize,
}

/// What the acceptor should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    Shut,
    Gone,
}

/// How often a pump or the acceptor looks at what it should do.
const LOOK: Duration = Duration::from_millis(20);

impl Proxy {
    /// A proxy in front of `target` that passes everything.
    pub fn start(target: SocketAddr) -> Self {
        let placeholder = shared_socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = rustix::net::getsockname(&placeholder).expect("an address");
        let address = SocketAddr::try_from(address).expect("an address of IP");
        let shared = Arc::new(Mutex::new(State {
            target,
            door: Door::Open,
            listening: false,
            hold: [false; 2],
            delay: Duration::ZERO,
            rate: None,
            allowance: None,
            links: Vec::new(),
            accepted: 0,
        }));
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(address, &shared)
        });
        let proxy = Self { address, shared, acceptor: Some(acceptor), _placeholder: placeholder };
        proxy.pass();
        proxy
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections have come so far.
    pub fn accepted(&self) -> usize {
        self.state().accepted
    }

    /// From now on everything is passed, at once.
    pub fn pass(&self) {
        let mut state = self.state();
        (state.door, state.hold, state.delay) = (Door::Open, [false; 2], Duration::ZERO);
        (state.rate, state.allowance) = (None, None);
        drop(state);
        until("the proxy to listen", || self.state().listening.then_some(()));
    }

    /// Ends every connection; new ones are taken.
    pub fn cut(&self, how: Cut) {
        let links = std::mem::take(&mut self.state().links);
        for link in links.iter().filter_map(Weak::upgrade) {
            link.end(how);
        }
        until("the proxy's connections to end", || links.iter().all(|l| l.strong_count() == 0).then_some(()));
    }

    /// New connections lead to another target.
    pub fn lead_to(&self, target: SocketAddr) {
        self.state().target = target;
    }

    /// Refuses new connections (`ECONNREFUSED`); established ones stay.
    pub fn refuse(&self) {
        self.state().door = Door::Shut;
        until("the proxy to stop listening", || (!self.state().listening).then_some(()));
    }

    /// Forwards nothing more, but keeps every socket open: a cable pulled somewhere on the way.
    pub fn hold(&self) {
        self.state().hold = [true; 2];
    }

    /// Forwards nothing more to the clients: what they send arrives, but they do not learn it.
    pub fn hold_answers(&self) {
        self.state().hold = [false, true];
    }

    /// Forwards each piece only after `delay`.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// Forwards so many bytes a second in each direction of a connection.
    pub fn throttle(&self, rate: u32) {
        self.state().rate = Some(rate);
    }

    /// Passes so many bytes from clients to the target, and then resets the connection in the middle of whatever it is.
    pub fn cut_after(&self, bytes: usize) {
        self.state().allowance = Some(bytes);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state().door = Door::Gone;
        for link in self.state().links.iter().filter_map(Weak::upgrade) {
            link.end(Cut::Fin);
        }
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

/// A socket at `address` that shares it with others made here.
fn shared_socket(address: SocketAddr) -> OwnedFd {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let socket = socket.expect("a socket");
    sockopt::set_socket_reuseport(&socket, true).expect("a socket option");
    bind(&socket, &address).expect("a free port");
    socket
}

fn listener(address: SocketAddr) -> TcpListener {
    let socket = shared_socket(address);
    listen(&socket, 64).expect("a listening socket");
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true).expect("a socket option");
    listener
}

fn accept(address: SocketAddr, shared: &Arc<Mutex<State>>) {
    let mut open = None;
    loop {
        {
            let mut state = lock(shared);
            match state.door {
                Door::Open if open.is_none() => open = Some(listener(address)),
                Door::Open => {}
                Door::Shut => open = None,
                Door::Gone => return,
            }
            state.listening = open.is_some();
        }
        match open.as_ref().map(TcpListener::accept) {
            Some(Ok((client, _))) => join(client, shared),
            // Nobody is there, or has gone again.
            Some(Err(_)) | None => sleep(LOOK),
        }
    }
}

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;
    use crate::handshake::is_timeout;
    use crate::wait::PATIENCE;

    fn pair() -> (TcpListener, Proxy) {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy::start(server.local_addr().unwrap());
        (server, proxy)
    }

    fn connect(server: &TcpListener, proxy: &Proxy) -> [TcpStream; 2] {
        let ends = [TcpStream::connect(proxy.address()).unwrap(), server.accept().unwrap().0];
        for end in &ends {
            end.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        ends
    }

    fn read(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
        let mut buffer = [0; 64];
        let length = stream.read(&mut buffer)?;
        Ok(buffer[..length].to_vec())
    }

    #[test]
    fn bytes_pass_both_ways_until_the_connection_is_held() {
        let (server, proxy) = pair();
        let [mut near, mut far] = connect(&server, &proxy);
        near.write_all(b"there").unwrap();
        assert_eq!(read(&far).unwrap(), b"there");
        far.write_all(b"back").unwrap();
        assert_eq!(read(&near).unwrap(), b"back");

        proxy.hold_answers();
        near.write_all(b"question").unwrap();
        assert_eq!(read(&far).unwrap(), b"question");
        proxy.hold();
        near.write_all(b"held").unwrap();
        far.write_all(b"answer").unwrap();
        for end in [&near, &far] {
            end.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            assert!(is_timeout(&read(end).unwrap_err()));
            end.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        proxy.pass();
        assert_eq!(read(&far).unwrap(), b"held");
        assert_eq!(read(&near).unwrap(), b"answer");
        assert_eq!(proxy.accepted(), 1);
    }

    #[test]
    fn a_cut_is_a_reset_or_an_orderly_end_for_both_sides() {
        for (how, expected) in [(Cut::Reset, Err(io::ErrorKind::ConnectionReset)), (Cut::Fin, Ok(0))] {
            let (server, proxy) = pair();
            let ends = connect(&server, &proxy);
            proxy.cut(how);
            for end in &ends {
                assert_eq!(read(end).map(|b| b.len()).map_err(|e| e.kind()), expected, "{how:?}");
            }
        }
    }

    #[test]
    fn a_connection_can_be_cut_after_a_number_of_bytes() {
        let (server, proxy) = pair();
        let [mut near, far] = connect(&server, &proxy);
        proxy.cut_after(7);
        near.write_all(b"whole").unwrap();
        assert_eq!(read(&far).unwrap(), b"whole");
        near.write_all(b"half").unwrap();
        let rest = read(&far).or_else(|error| {
            // The reset may come before what went before it.
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            Ok::<_, io::Error>(b"ha".to_vec())
        });
        assert_eq!(rest.unwrap(), b"ha");
        connect(&server, &proxy);
    }

    #[test]
    fn a_refused_connection_is_refused_until_the_proxy_passes_again() {
        let (server, proxy) = pair();
        proxy.refuse();
        let error = TcpStream::connect(proxy.address()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        proxy.pass();
        connect(&server, &proxy);
    }
}
