//! What is packed is kept: by a server that is killed, in a backup, for as long as is asked.

use super::{all_packed, assert_same, rows, send, time};
use crate::support::client::{Client, User};
use crate::support::{Site, eventually};
use serde_json::json;

#[tokio::test]
async fn a_server_that_is_killed_while_it_packs_loses_and_doubles_nothing() {
    let site = Site::new();
    let token = site.add("ems_001");
    let server = site.serve();
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    send(&mut device, 0..7_200).await;
    let user = User::login(&server).await;
    let span = format!("from={}&to={}&step=minute", time(0), time(15_000));
    let before = user.get(&server, &format!("/api/devices/ems_001/history?{span}")).await;
    server.kill();
    let mut kills = 0;
    while rows(&site) > 0 {
        let server = site.serve_as(&["--seal-after", "1"]);
        let left = rows(&site);
        // Killed as soon as something has been done, at another step each time.
        // Near the end so many are not left: then it is done.
        let goal = (left - 300 * (kills % 5)).max(1);
        eventually("it goes on", async || rows(&site) < goal).await;
        server.kill();
        kills += 1;
        assert!(kills < 60, "{} rows are left", rows(&site));
        let server = site.serve();
        let user = User::login(&server).await;
        assert_same(
            &[user.get(&server, &format!("/api/devices/ems_001/history?{span}")).await],
            std::slice::from_ref(&before),
        );
        assert_eq!(user.samples(&server, "ems_001").await.len(), 7_200);
        server.kill();
    }
    assert!(kills >= 4, "{kills}");
}

#[tokio::test]
async fn a_backup_has_what_is_packed_and_a_device_of_the_same_name_has_none_of_it() {
    let site = Site::new();
    let token = site.add("ems_001");
    let server = site.serve_as(&["--seal-after", "1"]);
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    send(&mut device, 0..4000).await;
    all_packed(&site).await;
    let user = User::login(&server).await;
    let path = format!("/api/devices/ems_001/history?from={}&to={}", time(0), time(4000));
    let packed = user.get(&server, &path).await;
    let copy = site.data().with_file_name("copy");
    let made = site.run(&["backup", copy.to_str().unwrap()]);
    assert!(made.status.success(), "{}", crate::support::text(&made.stderr));

    let removed = user.http.delete(server.url("/api/devices/ems_001")).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    let token = site.add("ems_001");
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    assert_eq!(user.get(&server, &path).await["at"], json!([]));
    send(&mut device, 0..1).await;
    assert_eq!(user.samples(&server, "ems_001").await.len(), 1);
    server.kill();

    std::fs::remove_dir_all(site.data()).unwrap();
    std::fs::rename(copy, site.data()).unwrap();
    let server = site.serve();
    let user = User::login(&server).await;
    assert_eq!(user.get(&server, &path).await, packed);
    assert_eq!(user.samples(&server, "ems_001").await.len(), 4000);
    assert_eq!(user.get(&server, "/api/devices/ems_001").await["latest"]["seq"], 3999);
}

#[tokio::test]
async fn samples_are_kept_as_long_as_is_asked_and_roll_ups_longer() {
    let site = Site::new();
    let token = site.add("ems_001");
    let server = site.serve_as(&["--seal-after", "1"]);
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    send(&mut device, 0..7200).await;
    all_packed(&site).await;
    let user = User::login(&server).await;
    let path =
        |step: &str| format!("/api/devices/ems_001/history?from={}&to={}&step={step}", time(0), time(7200));
    let (minutes, hours) = (user.get(&server, &path("minute")).await, user.get(&server, &path("hour")).await);
    server.kill();
    let make_older = |table: &str| {
        let db = rusqlite::Connection::open(site.data().join("ems.db")).unwrap();
        db.execute(&format!("UPDATE {table} SET newest = newest - 10 * 86400000"), []).unwrap();
    };
    make_older("blocks");
    let short = ["--seal-after", "1", "--keep-samples", "5", "--keep-minutes", "5", "--keep-hours", "100"];
    let server = site.serve_as(&short);
    let user = User::login(&server).await;
    eventually("the samples are removed", async || user.samples(&server, "ems_001").await.is_empty()).await;
    assert_same(&[user.get(&server, &path("minute")).await], &[minutes]);
    server.kill();
    make_older("minutes");
    let server = site.serve_as(&short);
    let user = User::login(&server).await;
    eventually("the minutes are removed", async || {
        user.get(&server, &path("minute")).await["source"] == "hour"
    })
    .await;
    assert_same(&[user.get(&server, &path("hour")).await], &[hours]);
    drop(server);

    let wrong = site.run(&["serve", "--keep-samples", "0"]);
    assert_eq!(wrong.status.code(), Some(64));
    assert!(crate::support::text(&wrong.stderr).contains("raise --keep-minutes"));
}
