//! A server that does nothing but TLS handshakes, with whatever certificate it is given.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

use crate::certificates::Certificates;

/// A listening port; it ends with this value.
#[derive(Debug)]
pub struct TlsServer {
    address: SocketAddr,
    _alive: Arc<()>,
}

/// Time for one client.
const CLIENT_LIMIT: Duration = Duration::from_secs(10);

impl TlsServer {
    /// Listens on a port of its own.
    pub fn start(certificates: &Certificates) -> Self {
        let chain = CertificateDer::pem_file_iter(&certificates.certificate).expect("a certificate");
        let chain = chain.collect::<Result<_, _>>().expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(&certificates.key).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_no_client_auth().with_single_cert(chain, key);
        let config = Arc::new(config.expect("a certificate with its key"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a socket option");
        let alive = Arc::new(());
        let living = Arc::downgrade(&alive);
        thread::spawn(move || serve(&listener, &config, &living));
        Self { address, _alive: alive }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn serve(listener: &TcpListener, config: &Arc<ServerConfig>, living: &Weak<()>) {
    while living.strong_count() > 0 {
        match listener.accept() {
            Ok((tcp, _)) => shake_hands(tcp, config),
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// A client that refuses the certificate, or goes, is what this is for.
fn shake_hands(mut tcp: TcpStream, config: &Arc<ServerConfig>) {
    tcp.set_nonblocking(false).expect("a socket option");
    tcp.set_read_timeout(Some(CLIENT_LIMIT)).expect("a socket option");
    tcp.set_write_timeout(Some(CLIENT_LIMIT)).expect("a socket option");
    let mut connection = ServerConnection::new(Arc::clone(config)).expect("a connection");
    drop(Stream::new(&mut connection, &mut tcp).read(&mut [0; 1]));
}
