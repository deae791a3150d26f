//! What a program tells the service manager (`sd_notify(3)`).

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

use crate::wait::until;

/// A socket for `NOTIFY_SOCKET`, and all that came in.
#[derive(Debug)]
pub struct Notify {
    path: PathBuf,
    messages: Arc<Mutex<Vec<String>>>,
}

impl Notify {
    /// Listens at `path`.
    pub fn listen(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("a socket in a temporary folder");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a time limit");
        let messages = Arc::new(Mutex::new(Vec::new()));
        let inbox = Arc::downgrade(&messages);
        thread::spawn(move || collect(&socket, &inbox));
        Self { path: path.to_owned(), messages }
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every assignment that came so far, such as `READY=1`.
    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().expect("no holder panics").clone()
    }

    /// Forgets what came so far.
    pub fn clear(&self) {
        self.messages.lock().expect("no holder panics").clear();
    }

    /// Waits for an assignment of which `fits` is true, and gives it.
    #[track_caller]
    pub fn wait_for(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        until(what, || self.messages().into_iter().find(|message| fits(message)))
    }
}

/// Ends when nobody reads the messages any more.
fn collect(socket: &UnixDatagram, inbox: &Weak<Mutex<Vec<String>>>) {
    let mut buffer = [0; 4096];
    loop {
        let received = socket.recv(&mut buffer);
        let Some(messages) = inbox.upgrade() else { return };
        match received {
            Ok(length) => {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                messages.lock().expect("no holder panics").extend(text.lines().map(str::to_owned));
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("the notify socket broke: {error}"),
        }
    }
}
