//! Receivers that hang, fail, move or do not want to be told any more.

use super::receiver::{Answer, Receiver};
use super::{ALLOW, add, deliveries, delivery, test};
use crate::support::Site;
use crate::support::client::User;
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[tokio::test]
async fn bad_receivers_hold_up_nobody_and_say_what_is_wrong() {
    let site = Site::new();
    let server = site.serve_as(ALLOW);
    let user = User::login(&server).await;
    let hanging = Receiver::new(&[Answer::Hang]).await;
    let endless = Receiver::new(&[Answer::Endless]).await;
    let gone = Receiver::new(&[Answer::Status(410)]).await;
    let good = Receiver::new(&[Answer::Status(200)]).await;
    let late = Receiver::new(&[Answer::Late]).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = |receiver: &Receiver| receiver.url("/");
    let urls = [
        url(&hanging),
        url(&endless),
        url(&gone),
        format!("http://127.0.0.1:{closed}/"),
        "http://no-such-host.invalid/".to_owned(),
        // A certificate of an authority that nobody knows.
        format!("https://{}/", server.tls),
        "http://[::1]:1/".to_owned(),
        url(&late),
        url(&good),
    ];
    let mut ids = Vec::new();
    for url in &urls {
        if url.contains("::1") {
            let new = json!({"name": "ops", "url": url, "events": ["device.event"]});
            let answer = user.post(&server, "/api/webhooks", &new).await;
            assert_eq!(answer.status(), 400);
            assert!(answer.text().await.unwrap().contains("--webhook-allow"));
            ids.push(0);
            continue;
        }
        let (id, _) = add(&user, &server, url, &["device.event"], json!({})).await;
        test(&user, &server, id).await;
        ids.push(id);
    }
    // The good one is told while the first one hangs.
    good.wait_for(1).await;
    let hangs = deliveries(&user, &server, ids[0]).await.remove(0);
    assert_eq!((&hangs["attempts"], &hangs["duration_ms"]), (&json!(1), &Value::Null), "{hangs}");
    let tried =
        async |n: usize| delivery(&user, &server, ids[n], |newest| newest["duration_ms"].is_number()).await;
    let (answered, ended) = (tried(1).await, tried(2).await);
    assert_eq!((&answered["state"], &answered["response_status"]), (&json!("delivered"), &json!(200)));
    assert_eq!((&ended["state"], &ended["next_attempt_at"]), (&json!("failed"), &Value::Null));
    for (n, words) in
        [(3, "no connection"), (4, "cannot be resolved"), (5, "no TLS"), (0, "no answer within 10 s")]
    {
        let failed = tried(n).await;
        assert!(failed["error"].as_str().unwrap().contains(words), "{words}: {failed}");
        assert_eq!(failed["state"], "pending", "{failed}");
    }
    let taken = tried(7).await;
    assert_eq!((&taken["state"], &taken["response_status"]), (&json!("delivered"), &json!(200)), "{taken}");
    let listed = user.get(&server, "/api/webhooks").await;
    let gone = listed["webhooks"].as_array().unwrap().iter().find(|hook| hook["id"] == ids[2]).unwrap();
    assert_eq!(gone["enabled"], false, "410 says that it is not wanted any more");
}

#[tokio::test]
async fn an_address_that_was_left_does_not_disable_the_new_one() {
    let site = Site::new();
    let server = site.serve_as(ALLOW);
    let user = User::login(&server).await;
    let old = Receiver::new(&[Answer::Slow(410)]).await;
    let new = Receiver::new(&[Answer::Status(200)]).await;
    let (id, _) = add(&user, &server, &old.url("/"), &["device.event"], json!({})).await;
    test(&user, &server, id).await;
    old.wait_for(1).await;
    let change = json!({"url": new.url("/")});
    let path = server.url(&format!("/api/webhooks/{id}"));
    assert_eq!(user.http.patch(path).json(&change).send().await.unwrap().status(), 200);
    let done = delivery(&user, &server, id, |newest| newest["state"] != "pending").await;
    assert_eq!((&done["state"], &done["attempts"]), (&json!("delivered"), &json!(2)));
    assert_eq!((old.got().len(), new.got().len()), (1, 1));
    assert_eq!(user.get(&server, "/api/webhooks").await["webhooks"][0]["enabled"], true);
}
