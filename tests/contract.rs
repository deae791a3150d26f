//! The HTTP interface against its own `OpenAPI` document, by somebody who knows nothing but that document.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::process::Command;

use ems_test_harness::{ADMIN, Cloud, Process, python};
use serde_json::json;

/// Requests for each route and kind of test; `EMS_TEST_EXAMPLES` makes it more.
const EXAMPLES: &str = "8";
/// A 5xx, a status that is not in the document, or an answer that is not as the document says.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

#[test]
fn schemathesis_finds_no_server_error_and_nothing_that_the_document_does_not_say() {
    let cloud = Cloud::start();
    let login = json!({"username": ADMIN, "password": cloud.password(), "tokens": true});
    let session = cloud.api().post("/api/login", &login).body;
    let token = session["access_token"].as_str().unwrap();
    let schemathesis = python().with_file_name("schemathesis");
    assert!(schemathesis.is_file(), "{} is missing: run `scripts/test-venv`", schemathesis.display());
    let examples = std::env::var("EMS_TEST_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    let folder = cloud.data_dir().with_file_name("schemathesis");
    std::fs::create_dir(&folder).unwrap();
    let mut command = Command::new(schemathesis);
    command
        .current_dir(&folder)
        .env("HOME", &folder)
        .args(["run", &format!("{}/api/openapi.json", cloud.origin())])
        .args(["--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", &examples])
        // The session must last, and so must the only admin's password.
        .args(["--exclude-path", "/api/logout", "--exclude-path-regex", "^/api/sessions/"])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--seed", "1", "--generation-database", "none", "--no-color", "--workers", "1"])
        .args(["--suppress-health-check", "all", "--request-timeout", "30"]);
    let mut run = Process::start("schemathesis", command, &folder.join("log"));
    let status = run.wait();
    assert!(status.success(), "{}", run.log());
    assert_eq!(cloud.api().get("/healthz").status, 200);
    assert!(!cloud.log().contains("panicked"), "{}", cloud.log());
}
