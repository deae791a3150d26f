//! The HTTP API.

use crate::support::client::{Client, User, sample, tls};
use crate::support::{PASSWORD, Site, eventually, text};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn anonymous() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn a_user_logs_in_stays_logged_in_and_logs_out() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    let me = json!({"username": "admin", "role": "admin"});
    assert_eq!(user.get(&server, "/api/me").await, me);
    let refreshed = user.post(&server, "/api/refresh", &json!({})).await;
    assert_eq!(refreshed.status(), 200);
    let cookie = refreshed.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["ems_session=", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "a browser would not send it back in cleartext");
    assert_eq!(refreshed.json::<Value>().await.unwrap(), me);

    // As a header too, until the logout; a copy of the cookie is then worth nothing.
    let bearer = user.cookie.replace("ems_session=", "Bearer ");
    let get = async |path: &str| {
        anonymous().get(server.url(path)).header("authorization", &bearer).send().await.unwrap().status()
    };
    assert_eq!(get("/api/devices").await, 200);
    assert_eq!(user.post(&server, "/api/logout", &json!({})).await.status(), 204);
    assert_eq!(get("/api/devices").await, 401);
    assert_eq!(user.http.get(server.url("/api/me")).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn wrong_passwords_are_refused_and_soon_slowed_down() {
    let site = Site::new();
    let server = site.serve();
    let attempt = async |username: &str, password: &str| {
        let body = json!({"username": username, "password": password});
        anonymous().post(server.url("/api/login")).json(&body).send().await.unwrap()
    };
    let wrong = attempt("admin", "wrong password").await;
    assert_eq!(
        (wrong.status().as_u16(), &wrong.headers()["content-type"]),
        (401, &"application/problem+json".parse().unwrap())
    );
    let wrong: Value = wrong.json().await.unwrap();
    assert_eq!(wrong, attempt("nobody", PASSWORD).await.json::<Value>().await.unwrap());
    assert_eq!(wrong["status"], 401);
    let mut last = attempt("admin", "wrong").await;
    for _ in 0..12 {
        last = attempt("admin", "wrong").await;
    }
    assert_eq!(last.status(), 429);
    assert!(last.headers().contains_key("retry-after"));
    assert_eq!(attempt("admin", PASSWORD).await.status(), 429);
    assert!(!server.log().contains(PASSWORD));
}

#[tokio::test]
async fn over_tls_the_cookie_is_for_tls_only() {
    let site = Site::new();
    let server = site.serve();
    let mut stream = tls(&site, &server).await;
    let body = json!({"username": "ADMIN", "password": PASSWORD}).to_string();
    let request = format!(
        "POST /api/login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    // A server may close TCP without TLS' goodbye.
    let _ = stream.read_to_end(&mut response).await;
    let response = text(&response);
    assert!(response.starts_with("HTTP/1.1 200") && response.contains("; Secure"), "{response}");
}

#[tokio::test]
async fn pages_of_other_origins_cannot_act_for_a_user() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    let own = format!("http://{}", server.http);
    for (origin, expected) in [(own.as_str(), 200), ("https://evil.example", 403), ("null", 403)] {
        let request = user.http.post(server.url("/api/refresh")).header("origin", origin);
        assert_eq!(request.send().await.unwrap().status(), expected, "{origin}");
    }
}

#[tokio::test]
async fn those_who_never_finish_a_request_are_cut_off() {
    let site = Site::new();
    let server = site.serve();
    let cut_off = async |address, beginning: &str| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good as an end.
        let _ =
            tokio::time::timeout(crate::support::PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    };
    tokio::join!(
        cut_off(server.http, ""),
        cut_off(server.http, "GET / HTTP/1.1\r\nhost: a\r\nx-slow: "),
        cut_off(server.http, "POST /api/login HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\r\n{"),
        cut_off(server.http, "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"),
        cut_off(server.tls, ""),
        cut_off(server.tls, "\u{16}\u{3}\u{1}"),
        cut_off(server.tls, "GET / HTTP/1.1\r\n\r\n"),
    );
}

#[tokio::test]
async fn a_device_is_registered_listed_renewed_and_removed() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    let added = user.post(&server, "/api/devices", &json!({"device_id": "ems_001", "name": "Garage"})).await;
    assert_eq!(added.status(), 201);
    let token = added.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
    assert_eq!(user.post(&server, "/api/devices", &json!({"device_id": "ems_001"})).await.status(), 409);
    let list = user.get(&server, "/api/devices").await;
    let device = &list["devices"][0];
    assert_eq!(
        (&device["device_id"], &device["name"], &device["online"]),
        (&json!("ems_001"), &json!("Garage"), &json!(false))
    );
    assert_eq!((&device["latest"], &device["last_seen"]), (&Value::Null, &Value::Null));
    assert!(!list.to_string().contains("sk_live"));

    let mut old = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    old.store(&[sample("ems_001", "boot-a", 1)]).await;
    let renewed = user.post(&server, "/api/devices/ems_001/token", &json!({})).await;
    assert_eq!(renewed.status(), 201);
    assert_eq!(old.close_code().await, 4003);
    let token = renewed.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let mut dashboard = user.watch(&server, "ems_001", false).await;

    let removed = user.http.delete(server.url("/api/devices/ems_001")).send().await.unwrap();
    assert_eq!(removed.status(), 204);
    assert_eq!(device.close_code().await, 4003);
    assert_eq!(dashboard.close_code().await, 1001);
    let gone = user.http.get(server.url("/api/devices/ems_001")).send().await.unwrap();
    assert_eq!(gone.status(), 404);
    // The id is free again, and the new device has none of the old one's history.
    let token = site.add("ems_001");
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    assert!(user.samples(&server, "ems_001").await.is_empty());
    device.store(&[sample("ems_001", "boot-a", 1)]).await;
    assert_eq!(user.samples(&server, "ems_001").await.len(), 1);
}

#[tokio::test]
async fn history_is_read_by_time_and_in_pages() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let user = User::login(&server).await;
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    let all: Vec<Value> = (0..10).map(|seq| sample("ems_001", "boot-a", seq)).collect();
    device.store(&all[5..]).await;
    device.store(&all[..5]).await;
    let time = |n: usize| all[n]["timestamp"].as_str().unwrap();
    let path = format!("/api/devices/ems_001/telemetry?from={}&to={}&limit=3", time(2), time(7));
    let page = user.get(&server, &path).await;
    assert_eq!((&page["device_id"], &page["truncated"]), (&json!("ems_001"), &json!(true)));
    let mut samples = page["samples"].as_array().unwrap().clone();
    for stored in &mut samples {
        let received = stored.as_object_mut().unwrap().remove("received_at");
        assert!(received.unwrap().is_string());
    }
    assert_eq!(samples, all[2..5]);
    let path = format!("/api/devices/ems_001/telemetry?from={}&to={}&limit=3", time(8), time(9));
    assert_eq!(user.get(&server, &path).await["truncated"], false);
}

#[tokio::test]
async fn mistakes_in_requests_are_problems_with_the_fields_name() {
    let site = Site::new();
    let server = site.serve();
    site.add("ems_001");
    let user = User::login(&server).await;
    let gets = [
        ("/api/devices/ems_001/telemetry?from=yesterday", 400, "from"),
        ("/api/devices/ems_001/telemetry?limit=0", 400, "limit"),
        ("/api/devices/ems_001/telemetry?limit=-5", 400, "limit"),
        ("/api/devices/ems_001/telemetry?limit=99999999", 400, "limit"),
        ("/api/devices/ems_001/telemetry?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 400, "from"),
        ("/api/devices/ems_009", 404, "ems_009"),
        ("/api/devices/%00%ff/telemetry", 404, ""),
        ("/api/nothing", 404, ""),
        ("/api/login", 405, ""),
        ("/ws/device/ems_001", 403, ""),
        ("/ws/nothing", 404, ""),
        ("/ws/", 404, ""),
        ("/api/", 404, ""),
        ("/assets/none.js", 404, ""),
    ];
    for (path, status, words) in gets {
        let response = user.http.get(server.url(path)).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(words), "{path}: {problem}");
    }
    for path in ["/ws/device/ems_001", "/healthz", "/metrics", "/api/devices/ems_001"] {
        let response = user.http.put(server.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 405, "{path}");
        assert!(response.headers().contains_key("allow"), "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
    }
    let posts = [
        ("nonsense".to_owned(), 400, "JSON"),
        ("[]".into(), 400, "JSON"),
        ("{}".into(), 400, "device_id"),
        (r#"{"device_id":"No Good"}"#.into(), 400, "device_id"),
        (r#"{"device_id":5}"#.into(), 400, "device_id"),
        (json!({"device_id": "a", "name": "x".repeat(300)}).to_string(), 400, "name"),
        ("x".repeat(100_000), 413, "16384"),
    ];
    for (body, status, words) in posts {
        let response = user.http.post(server.url("/api/devices")).body(body.clone()).send().await.unwrap();
        assert_eq!(response.status(), status, "{body:.40}");
        let problem: Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(words), "{body:.40}: {problem}");
    }
}

#[tokio::test]
async fn nothing_of_the_api_is_answered_without_a_session_and_only_admins_provision() {
    let site = Site::new();
    let server = site.serve();
    site.add("ems_001");
    let reads = [
        "/api/me",
        "/api/devices",
        "/api/devices/ems_001",
        "/api/devices/ems_001/telemetry",
        "/api/devices/ems_001/events",
    ];
    for path in reads {
        assert_eq!(anonymous().get(server.url(path)).send().await.unwrap().status(), 401, "{path}");
    }
    let user = User::login(&server).await;
    let db = rusqlite::Connection::open(site.data().join("ems.db")).unwrap();
    db.busy_timeout(crate::support::PATIENCE).unwrap();
    for (role, status) in [("viewer", 403), ("operator", 403), ("admin", 201)] {
        db.execute("UPDATE users SET role = ?", [role]).unwrap();
        for path in reads {
            user.get(&server, path).await;
        }
        assert_eq!(
            user.post(&server, "/api/devices/ems_001/token", &json!({})).await.status(),
            status,
            "{role}"
        );
        let added = user.post(&server, "/api/devices", &json!({"device_id": "ems_002"})).await;
        assert_eq!(added.status(), status, "{role}");
        if status == 403 {
            let removed = user.http.delete(server.url("/api/devices/ems_001")).send().await.unwrap();
            assert_eq!(removed.status(), 403, "{role}");
        }
    }
}

#[tokio::test]
async fn probes_metrics_and_the_page_are_open_and_every_answer_has_the_security_headers() {
    let site = Site::new();
    let server = site.serve();
    let token = site.add("ems_001");
    let mut device = Client::greeted_device(&site, &server, "ems_001", &token, "boot-a").await;
    device.store(&[sample("ems_001", "boot-a", 1)]).await;
    device.store(&[sample("ems_001", "boot-a", 1)]).await;
    let get = async |path: &str| {
        let response = anonymous().get(server.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let headers: HeaderMap = response.headers().clone();
        assert!(
            headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'self'"),
            "{path}"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
        (headers, response.text().await.unwrap())
    };
    get("/healthz").await;
    get("/readyz").await;
    for path in ["/", "/devices/ems_001"] {
        let (headers, page) = get(path).await;
        assert!(headers["content-type"].to_str().unwrap().starts_with("text/html"), "{path}");
        assert!(page.to_lowercase().contains("<!doctype html>"), "{path}");
    }
    eventually("counted", async || {
        let (_, metrics) = get("/metrics").await;
        [
            "ems_connections{door=\"device\"} 1",
            "ems_samples_total{outcome=\"stored\"} 1",
            "ems_samples_total{outcome=\"duplicate\"} 1",
            "ems_commit_seconds_count",
            "ems_frames_received_total{door=\"device\"} 3",
        ]
        .iter()
        .all(|line| metrics.contains(line))
    })
    .await;
}
