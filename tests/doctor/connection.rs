//! Faults of the way to the server, and of the identity there.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};

use ems_test_harness::{Certificates, Cloud, Flaw, Handshake, Impostor, TlsServer};
use serde_json::json;
use tempfile::TempDir;

use crate::{Site, TOKEN, examine_until, somewhere, until_it_names};

#[test]
fn a_token_that_is_wrong_is_told_from_one_that_was_revoked() {
    let cloud = Cloud::start();
    let wrong = Site::of(&cloud).with("API_TOKEN", TOKEN);
    wrong.examine().names("token.refused", "ems-edge setup");
    let edge = wrong.start();
    until_it_names(&edge, "token.refused", "ems-edge setup");

    let site = Site::of(&cloud);
    let edge = site.start();
    examine_until(&edge, "a connection", |seen| seen.status == 0);
    cloud.disable_device("ems_001");
    until_it_names(&edge, "token.revoked", "new token");
}

#[test]
fn another_device_with_the_same_id_is_a_conflict() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let edge = site.start();
    examine_until(&edge, "a connection", |seen| seen.status == 0);
    let mut other = Handshake::device(&cloud, cloud.device()).typed().connect();
    other.send_typed(
        "device.hello",
        &json!({"boot_id": "of-another-card", "firmware_version": "0", "hardware_model": "another",
                "sensor": "none", "actions": [], "backlog": 0, "boottime_ms": 1}),
    );
    other.next_of("device.welcome");
    until_it_names(&edge, "conflict.same_id", "DEVICE_ID");
}

#[test]
fn a_name_server_that_does_not_answer_is_told_from_a_port_where_nobody_listens() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    Site::new(somewhere(taken)).examine_after(":").names("tcp.refused", "ems-cloud");

    let site = Site::new(somewhere(taken)).with("SERVER_URL", "wss://cloud.example.com");
    // Nobody listens at that port 53: the mount keeps the question off the network.
    let down = "echo 'nameserver 127.0.0.254\noptions timeout:1 attempts:1' > \"$0/resolv.conf\"
                mount --bind \"$0/resolv.conf\" /etc/resolv.conf";
    site.examine_after(down).names("dns.down", "name server");
}

#[test]
fn a_proxy_that_does_not_help_is_named_and_not_the_server() {
    let cloud = Cloud::start();
    let site = Site::of(&cloud);
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    for (proxy, code) in [(nobody.to_string(), "tcp.proxy"), ("proxy.invalid:3128".to_owned(), "dns.proxy")] {
        let diagnosis = site.examine_after(&format!("export HTTPS_PROXY=http://{proxy}"));
        diagnosis.names(code, "HTTPS_PROXY");
        let check = code.split('.').next().unwrap();
        assert!(diagnosis.of_check(check)["message"].as_str().unwrap().contains(&proxy), "{diagnosis:#?}");
    }
}

#[test]
fn a_captive_portal_is_named_whether_tls_was_expected_or_not() {
    let answer = "HTTP/1.1 302 Found\r\nLocation: http://portal.example/login\r\nContent-Length: 0\r\n\r\n";
    for scheme in ["wss", "ws"] {
        let portal = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = portal.local_addr().unwrap();
        std::thread::spawn(move || {
            for tcp in portal.incoming().take(6) {
                let mut tcp = tcp.unwrap();
                // It answers whatever comes.
                let read = std::io::Read::read(&mut tcp, &mut [0; 4096]);
                drop((read, tcp.write_all(answer.as_bytes())));
            }
        });
        let site = Site::new(somewhere(address)).with("SERVER_URL", &format!("{scheme}://{address}"));
        let found = site.examine();
        found.names("portal.captive", "captive portal");
        assert!(
            found.of_check("portal")["message"].as_str().unwrap().contains("portal.example"),
            "{found:#?}"
        );
    }
}

#[test]
fn each_flaw_of_a_certificate_is_named_with_its_remedy() {
    for (flaw, code, remedy, words) in [
        (Flaw::Expired, "tls.expired", "renew", "2002-01-01"),
        (Flaw::NotYetValid, "tls.not_yet_valid", "clock", "2101-01-01"),
        (Flaw::WrongName, "tls.wrong_name", "SERVER_URL", "elsewhere.example"),
        (Flaw::UnknownAuthority, "tls.unknown_authority", "CA_FILE", "ca.pem"),
        (Flaw::AuthorityAsServer, "tls.authority_as_server", "CA:FALSE", "CA:TRUE"),
    ] {
        let dir = TempDir::new().unwrap();
        let certificates = Certificates::flawed(dir.path(), flaw);
        let server = TlsServer::start(&certificates);
        let site = Site::new(somewhere(server.address()).to(server.address(), &certificates.ca));
        let found = site.examine();
        found.names(code, remedy);
        assert!(found.of_check("tls")["message"].as_str().unwrap().contains(words), "{found:#?}");
    }
}

#[test]
fn a_clock_that_differs_from_the_servers_is_wrong() {
    let server = Impostor::listen();
    let site = Site::new(somewhere(server.address()));
    let found = std::thread::scope(|both| {
        both.spawn(|| {
            // The way first, and then the token.
            for _ in 0..2 {
                answer_from_2099(&server);
            }
        });
        site.examine()
    });
    found.names("clock.wrong", "timedatectl");
    assert!(
        found.of_check("clock")["message"].as_str().unwrap().contains("behind the server's"),
        "{found:#?}"
    );
}

/// Takes the next connection and, if it asks for an upgrade, agrees with a date of its own.
fn answer_from_2099(server: &Impostor) {
    let mut tcp = server.accept();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(std::io::Read::read(&mut tcp, &mut byte), Ok(1)) {
            return;
        }
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nDate: Thu, 01 Jan 2099 00:00:00 GMT\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    tcp.write_all(answer.as_bytes()).unwrap();
}
