//! Users, their tokens and how they end.

use crate::support::client::{Client, User};
use crate::support::{PASSWORD, Server, Site, contents, eventually, text};
use serde_json::{Value, json};

fn anonymous() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn post(server: &Server, path: &str, body: Value) -> (u16, Value) {
    let response = anonymous().post(server.url(path)).json(&body).send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}

async fn tokens(server: &Server, name: &str) -> (String, String) {
    let login = json!({"username": name, "password": PASSWORD, "tokens": true});
    let (status, body) = post(server, "/api/login", login).await;
    assert_eq!((status, &body["token_type"]), (200, &json!("Bearer")), "{body}");
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

async fn me(server: &Server, access: &str) -> u16 {
    let request = anonymous().get(server.url("/api/me")).bearer_auth(access);
    request.send().await.unwrap().status().as_u16()
}

async fn refresh(server: &Server, token: &str) -> (u16, Value) {
    post(server, "/api/refresh", json!({"refresh_token": token})).await
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_once_and_shown_later_it_ends_the_whole_session() {
    let site = Site::new();
    let server = site.serve();
    let (access, first) = tokens(&server, "admin").await;
    assert_eq!(me(&server, &first).await, 401, "a refresh token is no access token");
    assert_eq!(refresh(&server, &access).await.0, 401, "an access token is no refresh token");
    assert_eq!(refresh(&server, "nonsense").await.0, 401);
    let (status, renewed) = refresh(&server, &first).await;
    assert_eq!(status, 200, "{renewed}");
    let (newer, second) =
        (renewed["access_token"].as_str().unwrap(), renewed["refresh_token"].as_str().unwrap());
    assert_eq!((me(&server, &access).await, me(&server, newer).await), (200, 200));

    let headers = [("authorization", format!("Bearer {newer}"))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut socket = Client::open_plain(&server, "/ws", &headers, None).await.unwrap();
    // The answer was lost, or another page of the same browser asked at the same moment: the same again.
    let (status, again) = refresh(&server, &first).await;
    assert_eq!((status, me(&server, again["access_token"].as_str().unwrap()).await), (200, 200));
    // The page goes on with what it got; a thief comes with the old one.
    assert_eq!(refresh(&server, second).await.0, 200);
    let (status, body) = refresh(&server, &first).await;
    assert_eq!(status, 401);
    assert!(body["detail"].as_str().unwrap().contains("used before"), "{body}");
    assert_eq!((me(&server, &access).await, me(&server, newer).await), (401, 401));
    assert_eq!(refresh(&server, second).await.0, 401);
    assert_eq!(socket.close_code().await, 4010);
    // Other sessions of the user go on, and it is written down.
    let user = User::login(&server).await;
    let audit = user.get(&server, "/api/audit").await.to_string();
    assert!(audit.contains("refresh token used twice"), "{audit}");
    let log = server.log();
    let files = contents(&site.data());
    for secret in [&access, &first, newer, second, PASSWORD] {
        assert!(!log.contains(secret) && !audit.contains(secret));
        assert!(!files.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[tokio::test]
async fn short_tokens_run_out_and_a_socket_lives_as_long_as_what_opened_it() {
    let site = Site::new();
    let server = site.serve_as(&["--access-lifetime", "2", "--session-lifetime", "12"]);
    let user = User::login(&server).await;
    let (access, token) = tokens(&server, "admin").await;
    let bearer = format!("Bearer {access}");
    let mut by_header =
        Client::open_plain(&server, "/ws", &[("authorization", &bearer)], None).await.unwrap();
    let mut by_message = Client::open_plain(&server, "/ws", &[], None).await.unwrap();
    by_message.say(json!({"type": "auth", "payload": {"token": access}})).await;
    by_message.expect("system.connection").await;
    let mut by_cookie = user.enter(&server, "/ws").await;
    assert_eq!(by_header.close_code().await, 4010);
    assert_eq!(by_message.close_code().await, 4010);
    assert_eq!(me(&server, &access).await, 401);
    // The session goes on: the page's socket too, and there are new tokens for the program.
    by_cookie.expect("system.connection").await;
    assert!(by_cookie.is_silent().await);
    assert_eq!(refresh(&server, &token).await.0, 200);
    // Nobody refreshes the page's session.
    assert_eq!(by_cookie.close_code().await, 4010);
    let late = user.http.post(server.url("/api/refresh")).send().await.unwrap();
    assert_eq!(late.status(), 401);
}

#[tokio::test]
async fn whoever_loses_rights_a_password_or_the_account_loses_the_sockets_too() {
    let site = Site::new();
    let server = site.serve();
    for name in ["ada", "bob", "eve", "kim"] {
        site.add_user(name, "operator", &[]);
    }
    let admin = User::login(&server).await;
    let mut sockets = Vec::new();
    for name in ["ada", "bob", "eve", "kim"] {
        let user = User::login_as(&server, name).await;
        sockets.push((name, user.enter(&server, "/ws").await, user));
    }
    assert!(site.run(&["user", "role", "ada", "viewer"]).status.success());
    let changed = admin.http.patch(server.url("/api/users/bob")).json(&json!({"devices": ["ems_001"]}));
    assert_eq!(changed.send().await.unwrap().status(), 200);
    let output = site.run(&["user", "passwd", "eve"]);
    let new =
        text(&output.stdout).strip_prefix("password     ").unwrap().split(' ').next().unwrap().to_owned();
    assert_eq!(admin.http.delete(server.url("/api/users/kim")).send().await.unwrap().status(), 204);
    for (name, mut socket, user) in sockets {
        let code = socket.close_code().await;
        let session_goes_on = matches!(name, "ada" | "bob");
        assert_eq!(code, if session_goes_on { 1001 } else { 4010 }, "{name}");
        let me = user.http.get(server.url("/api/me")).send().await.unwrap();
        assert_eq!(me.status(), if session_goes_on { 200 } else { 401 }, "{name}");
    }
    let login = |password: &str| json!({"username": "eve", "password": password});
    assert_eq!(post(&server, "/api/login", login(PASSWORD)).await.0, 401);
    assert_eq!(post(&server, "/api/login", login(&new)).await.0, 200);
}

#[tokio::test]
async fn users_are_managed_by_the_api_and_by_the_command_line_alike() {
    let site = Site::new();
    let server = site.serve();
    let admin = User::login(&server).await;
    let new = json!({"username": "ada", "password": PASSWORD, "role": "viewer", "devices": ["ems_001"]});
    assert_eq!(admin.post(&server, "/api/users", &new).await.status(), 201);
    assert_eq!(admin.post(&server, "/api/users", &new).await.status(), 409);
    for (field, value) in [("username", json!(" ")), ("password", json!("short")), ("role", json!("boss"))] {
        let mut wrong = new.clone();
        wrong[field] = value;
        let answer = admin.post(&server, "/api/users", &wrong).await;
        assert_eq!(answer.status(), 400, "{field}");
        assert!(answer.text().await.unwrap().contains(field));
    }
    let list = text(&site.run(&["user", "list"]).stdout);
    assert!(list.contains("ada\tviewer\t") && list.contains("\tems_001\n"), "{list}");
    assert!(site.run(&["user", "devices", "ada", "--all"]).status.success());
    let users = admin.get(&server, "/api/users").await;
    let ada = users["users"].as_array().unwrap().iter().find(|user| user["username"] == "ada").unwrap();
    assert_eq!((&ada["role"], &ada["devices"]), (&json!("viewer"), &Value::Null));
    assert!(!users.to_string().contains("argon2"));

    let ada = User::login_as(&server, "ada").await;
    let change = |old: &str| json!({"old_password": old, "new_password": "another long one"});
    assert_eq!(ada.post(&server, "/api/me/password", &change("wrong")).await.status(), 400);
    assert_eq!(ada.post(&server, "/api/me/password", &change(PASSWORD)).await.status(), 204);
    eventually("the session is over", async || {
        ada.http.get(server.url("/api/me")).send().await.unwrap().status() == 401
    })
    .await;

    for (arguments, words) in [
        (&["user", "add", "ada"][..], "already"),
        (&["user", "add", ""], "1 to 64"),
        (&["user", "add", "x", "--role", "boss"], "viewer, operator or admin"),
        (&["user", "role", "nobody", "viewer"], "no such user"),
        (&["user", "role", "admin", "viewer"], "last admin"),
        (&["user", "remove", "admin"], "last admin"),
        (&["user", "devices", "ada"], "DEVICES"),
        (&["user", "passwd", "ada", "--password-file", "/does/not/exist"], "/does/not/exist"),
    ] {
        let output = site.run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", text(&output.stderr));
    }
    assert!(site.run(&["user", "remove", "ada"]).status.success());
    assert_eq!(admin.http.delete(server.url("/api/users/admin")).send().await.unwrap().status(), 409);
    assert_eq!(admin.http.delete(server.url("/api/users/ada")).send().await.unwrap().status(), 404);
}
