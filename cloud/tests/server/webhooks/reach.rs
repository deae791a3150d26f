//! Which addresses a webhook may reach.

use super::receiver::{Answer, Receiver};
use super::{add, delivery, test};
use crate::support::Site;
use crate::support::client::User;
use serde_json::{Value, json};

#[tokio::test]
async fn without_leave_a_webhook_reaches_the_public_internet_alone() {
    let site = Site::new();
    let server = site.serve();
    let user = User::login(&server).await;
    let receiver = Receiver::new(&[Answer::Status(200)]).await;
    for url in [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "ftp://example.org/",
        "http://a:b@example.org/",
    ] {
        let new = json!({"name": "n", "url": url, "events": ["device.event"]});
        let answer = user.post(&server, "/api/webhooks", &new).await;
        assert_eq!(answer.status(), 400, "{url}");
        assert_eq!(answer.json::<Value>().await.unwrap()["field"], "url");
    }
    // A name is as good as its address, and numbers in disguise are addresses too.
    for host in ["localhost", "2130706433", "0x7f.1"] {
        let (id, _) =
            add(&user, &server, &format!("http://{host}:{}/", receiver.port), &["device.event"], json!({}))
                .await;
        test(&user, &server, id).await;
        let refused = delivery(&user, &server, id, |newest| newest["error"].is_string()).await;
        let error = refused["error"].as_str().unwrap();
        assert!(
            error.contains("no address that may be reached") || error.contains("cannot be resolved"),
            "{error}"
        );
    }
    assert!(receiver.got().is_empty());
}
