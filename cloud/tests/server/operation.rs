//! What an operator needs: backups, certificates, proxies, an orderly stop.

use std::fs;

use crate::support::client::{Client, User, sample, tls};
use crate::support::{PASSWORD, Site, ems_cloud, eventually, text};
use serde_json::json;

#[tokio::test]
async fn a_backup_made_under_load_is_whole_and_can_be_served() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let before: Vec<_> = (0..400).map(|seq| sample("ems_001", "boot-a", seq)).collect();
    device.store(&before).await;
    let writing = tokio::spawn(async move {
        for seq in 400..600 {
            device.store(&[sample("ems_001", "boot-a", seq)]).await;
        }
    });
    let folder = site.data().with_file_name("backup");
    let made = site.run(&["backup", folder.to_str().unwrap()]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    writing.await.unwrap();
    // Whoever keeps the key of the authority elsewhere gets a backup too, and is told.
    let key = site.data().join("ca.key");
    let aside = site.data().with_file_name("ca.key");
    fs::rename(&key, &aside).unwrap();
    let without = site.data().with_file_name("without");
    let made = site.run(&["backup", without.to_str().unwrap()]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let told = text(&made.stdout);
    assert!(told.contains("ca.key: there is no such file") && without.join("ems.db").exists(), "{told}");
    fs::rename(&aside, &key).unwrap();
    let again = site.run(&["backup", folder.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(64));
    let nowhere = site.run(&["backup", "/proc/none/backup"]);
    assert!(!nowhere.status.success() && text(&nowhere.stderr).contains("no backup was made"));
    for (name, mode) in [("ems.db", 0o600), ("jwt.key", 0o600), ("server.key", 0o600), ("ca.key", 0o600)] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
    assert_eq!(User::login(&server).await.samples(&server, "ems_001").await.len(), 600);
    drop(server);

    // In the place of the folder that was lost.
    fs::remove_dir_all(site.data()).unwrap();
    fs::rename(&folder, site.data()).unwrap();
    let server = site.serve();
    let stored = User::login(&server).await.samples(&server, "ems_001").await.len();
    assert!((400..=600).contains(&stored), "{stored}");
    Client::greeted_device(&site, &server, "ems_001", &token, "boot-b").await;
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_over_and_a_broken_one_is_not() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    // Another site's authority and certificate take the place of this one's.
    let other = tempfile::tempdir().unwrap();
    let data = other.path().join("data");
    assert!(ems_cloud(&data, &["init"]).status.success());
    let replace = |name: &str, from: &std::path::Path| {
        let partial = site.data().join("new");
        fs::copy(from, &partial).unwrap();
        fs::rename(partial, site.data().join(name)).unwrap();
    };
    // Half of it: the key does not fit. Whoever connects gets the old one.
    replace("server.pem", &data.join("server.pem"));
    server.hang_up();
    eventually("the broken pair is named", async || server.log().contains("the certificate stays as it was"))
        .await;
    tls(&site, &server).await;
    replace("server.key", &data.join("server.key"));
    server.hang_up();
    eventually("the new pair is taken", async || server.log().contains("the certificate was read anew"))
        .await;
    replace("ca.pem", &data.join("ca.pem"));
    // Only the new authority is trusted now. Open connections go on.
    Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    drop(device);
}

#[tokio::test]
async fn only_a_known_proxy_speaks_for_others() {
    let site = Site::new();
    let trusting = site.serve_as(&["--trust-proxy", "127.0.0.1"]);
    let login = |server: &crate::support::Server, from: &'static str| {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let body = json!({"username": "nobody", "password": "wrong"});
        http.post(server.url("/api/login")).json(&body).header("x-forwarded-for", from)
    };
    // Each address has attempts of its own.
    for _ in 0..12 {
        login(&trusting, "203.0.113.7").send().await.unwrap();
    }
    assert_eq!(login(&trusting, "203.0.113.7").send().await.unwrap().status(), 429);
    assert_eq!(login(&trusting, "203.0.113.8").send().await.unwrap().status(), 401);
    let good = json!({"username": "admin", "password": PASSWORD});
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.post(trusting.url("/api/login")).json(&good);
    let answer = answer.header("x-forwarded-for", "203.0.113.9").header("x-forwarded-proto", "https");
    let cookie = answer.send().await.unwrap().headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("; Secure"), "{cookie}");
    drop(trusting);
    let wary = site.serve();
    for _ in 0..12 {
        login(&wary, "203.0.113.7").send().await.unwrap();
    }
    assert_eq!(login(&wary, "203.0.113.8").send().await.unwrap().status(), 429, "a made-up address helps");
}

#[tokio::test]
async fn many_sockets_are_closed_one_after_another_when_the_server_stops() {
    let site = Site::new();
    let server = site.serve_as(&["--max-per-user", "2000"]);
    let user = User::login(&server).await;
    let mut sockets = Vec::new();
    for _ in 0..600 {
        let mut socket = user.enter(&server, "/ws").await;
        socket.expect("system.connection").await;
        sockets.push(socket);
    }
    let start = std::time::Instant::now();
    server.terminate();
    let closing = sockets.into_iter().map(|mut socket| {
        tokio::spawn(async move {
            assert_eq!(socket.close_code().await, 1012);
            start.elapsed()
        })
    });
    let closing: Vec<_> = closing.collect();
    let mut at = Vec::new();
    for task in closing {
        at.push(task.await.unwrap());
    }
    at.sort();
    // 500 a second: not all at once.
    let between = at[540].saturating_sub(at[60]);
    assert!(between > std::time::Duration::from_millis(500), "{between:?}");
    assert!(server.wait().success());
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_room_is_given_back() {
    let site = Site::new();
    let server = site.serve_as(&["--max-connections", "8"]);
    let user = User::login(&server).await;
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..12 {
        let headers = [("authorization", format!("Bearer {}", user.token()))];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match Client::try_plain(&server, "/ws", &headers).await {
            Some(socket) => open.push(socket),
            None => refused += 1,
        }
    }
    // The login's connection may still be there.
    assert!((7..=8).contains(&open.len()) && refused >= 4, "{} {refused}", open.len());
    drop(open);
    let headers = [("authorization", format!("Bearer {}", user.token()))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    eventually("there is room again", async || Client::try_plain(&server, "/ws", &headers).await.is_some())
        .await;
}

#[tokio::test]
async fn a_log_for_programs_is_one_object_a_line_and_names_the_device() {
    let site = Site::new();
    let token = site.add("ems_001");
    let server = site.serve_as(&["--log-format", "json"]);
    let _device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    eventually("the connection in the log", async || {
        let log = server.log();
        let mut lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.any(|line| line["message"] == "device connected" && line["device_id"] == "ems_001")
    })
    .await;
}

#[tokio::test]
async fn what_the_hash_of_a_password_took_is_given_back() {
    const HASH_KIB: u64 = 19 * 1024;
    let site = Site::new();
    // It has hashed one as it started, from which the allocator may have concluded that it better keeps the next.
    let server = site.serve();
    User::login(&server).await;
    assert!(server.anonymous_memory() < HASH_KIB, "{} kB", server.anonymous_memory());
}
