use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

#[tokio::test]
async fn texts_far_larger_than_any_that_is_taken_are_sent_over_tls_whole_and_in_order() {
    let (mut server, client) = pair().await;
    let lengths = [1, 3_000_000, 125, 126, 1_100_000, 0xffff, 0x1_0000, 2];
    let reader = tokio::spawn(async move {
        let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        // The kernels are full before anything is read, and a Pong is wanted between the frames.
        client.send(Message::Ping(Bytes::new())).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        for length in lengths {
            let text = loop {
                match client.next().await.unwrap().unwrap() {
                    Message::Text(text) => break text,
                    other => assert!(other.is_pong(), "{other:?}"),
                }
            };
            assert_eq!(text.len(), length);
            assert!(text.bytes().all(|byte| byte == b'x'));
        }
        client.close(None).await.unwrap();
    });
    for length in lengths {
        server.send("x".repeat(length).into()).await.unwrap();
    }
    assert!(matches!(server.receive().await, Incoming::Closed));
    reader.await.unwrap();
}

async fn pair() -> (Socket, tokio_rustls::client::TlsStream<TcpStream>) {
    let made = crate::certificates::generate(&["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain =
        CertificateDer::pem_slice_iter(made.server_certificate.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(made.server_key.as_bytes()).unwrap();
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(made.ca_certificate.as_bytes()).unwrap()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (peer, accepted) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (server, client) = tokio::join!(
        TlsAcceptor::from(Arc::new(server)).accept(accepted.unwrap().0),
        TlsConnector::from(Arc::new(client))
            .connect(ServerName::try_from("localhost").unwrap(), peer.unwrap()),
    );
    let stream = Stream::over_tls(server.unwrap());
    (Socket::over(stream, Vec::new(), None, Arc::default()).await, client.unwrap())
}
