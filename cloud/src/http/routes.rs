//! The table of all routes. The router, the OpenAPI document and the test of who may do what are made from it.

use axum::http::Method;
use axum::routing::{delete, get, patch, post, put};

use super::route::{Access, Route};
use super::{alarms, commands, devices, documents, groups, history, probes, session, users, uwb, webhooks};
use crate::auth::role::Role::{Admin, Operator, Viewer};
use crate::door;
use Access::{Door, Open, Role};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

const LIMIT: (&str, &str) = ("limit", "Limit");
const FROM: (&str, &str) = ("from", "Timestamp");
const TO: (&str, &str) = ("to", "Timestamp");
const STEP: (&str, &str) = ("step", "Step");
const FIELDS: (&str, &str) = ("fields", "Fields");
const SPAN: &[(&str, &str)] = &[FROM, TO, LIMIT];

/// All routes but the page.
#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(POST, "/api/login", Open, "Log in", post(session::login)).takes("Login").gives(200, "Me").fails(&[401, 403, 429]),
        Route::new(POST, "/api/refresh", Open, "Exchange the refresh token for new tokens", post(session::refresh)).takes("Refresh").gives(200, "Me").fails(&[401, 403]),
        Route::new(POST, "/api/logout", Open, "End the session", post(session::logout)).takes("Refresh").answers(204).fails(&[401, 403]),
        Route::new(GET, "/api/me", Role(Viewer), "Who is logged in", get(session::me)).gives(200, "Me"),
        Route::new(POST, "/api/me/password", Role(Viewer), "Change one's own password", post(users::set_own_password)).takes("NewPassword").answers(204).fails(&[404, 409, 429]),

        Route::new(GET, "/api/users", Role(Admin), "All users", get(users::list)).gives(200, "Users"),
        Route::new(POST, "/api/users", Role(Admin), "Add a user", post(users::add)).takes("NewUser").gives(201, "User").fails(&[409]),
        Route::new(PATCH, "/api/users/{name}", Role(Admin), "Change a user's role, password or devices", patch(users::change)).takes("UserChange").gives(200, "User").fails(&[404, 409]),
        Route::new(DELETE, "/api/users/{name}", Role(Admin), "Remove a user", delete(users::remove)).answers(204).fails(&[404, 409]),
        Route::new(GET, "/api/sessions", Role(Admin), "Who is logged in where", get(users::sessions)).gives(200, "Sessions"),
        Route::new(DELETE, "/api/sessions/{session}", Role(Admin), "End a session and its sockets", delete(users::end_session)).answers(204).fails(&[404]),
        Route::new(GET, "/api/audit", Role(Admin), "Who did what, newest first", get(commands::audit)).query(&[("from", "Timestamp"), ("to", "Timestamp"), ("who", "Text"), ("action", "Text"), ("subject", "Text"), LIMIT]).gives(200, "Audit").fails(&[400]),

        Route::new(GET, "/api/devices", Role(Viewer), "The devices that the user may see", get(devices::list)).gives(200, "Devices"),
        Route::new(POST, "/api/devices", Role(Admin), "Register a device; its token is shown once", post(devices::add)).takes("NewDevice").gives(201, "Secret").fails(&[409]),
        Route::new(GET, "/api/devices/{id}", Role(Viewer), "One device", get(devices::show)).gives(200, "Device").fails(&[404]),
        Route::new(PATCH, "/api/devices/{id}", Role(Admin), "Change a device's name and notes, disable it or enable it", patch(devices::change)).takes("DeviceChange").gives(200, "Device").fails(&[404]),
        Route::new(DELETE, "/api/devices/{id}", Role(Admin), "Remove a device", delete(devices::remove)).answers(204).fails(&[404]),
        Route::new(POST, "/api/devices/{id}/token", Role(Admin), "Replace a device's token; it is shown once", post(devices::new_token)).gives(201, "Secret").fails(&[404]),
        Route::new(GET, "/api/devices/{id}/telemetry", Role(Viewer), "Samples, oldest first; with step as in history", get(history::telemetry)).query(&[FROM, TO, LIMIT, STEP]).gives(200, "Samples").fails(&[400, 404]),
        Route::new(GET, "/api/devices/{id}/history", Role(Viewer), "As many points as there is room to draw, with the least, mean, greatest and last value of each", get(history::history)).query(&[FROM, TO, ("width", "Width"), STEP, FIELDS]).gives(200, "Plot").fails(&[400, 404]),
        Route::new(GET, "/api/devices/{id}/telemetry.csv", Role(Viewer), "The same as a file for spreadsheets, however long; with step the points", get(history::as_csv)).query(&[FROM, TO, STEP]).text("text/csv").fails(&[400, 404]),
        Route::new(GET, "/api/devices/{id}/telemetry.ndjson", Role(Viewer), "The same as a file with one JSON object a line", get(history::as_ndjson)).query(&[FROM, TO, STEP]).text("application/x-ndjson").fails(&[400, 404]),
        Route::new(GET, "/api/devices/{id}/events", Role(Viewer), "Events, newest first", get(history::events)).query(SPAN).gives(200, "Events").fails(&[400, 404]),
        Route::new(GET, "/api/devices/{id}/actions", Role(Viewer), "What may be asked of a device, with a schema for each payload", get(devices::actions)).gives(200, "Actions").fails(&[404]),
        Route::new(GET, "/api/devices/{id}/commands", Role(Viewer), "Commands, newest first", get(commands::list)).query(&[LIMIT]).gives(200, "Commands").fails(&[400, 404]),
        Route::new(POST, "/api/devices/{id}/commands", Role(Operator), "Send a command", post(commands::send)).takes("NewCommand").gives(201, "Command").fails(&[404, 409]),
        Route::new(GET, "/api/devices/{id}/commands/{command_id}", Role(Viewer), "One command", get(commands::show)).gives(200, "Command").fails(&[404]),
        Route::new(POST, "/api/commands", Role(Operator), "Send a command to several devices", post(commands::send_to_many)).takes("BulkCommand").gives(207, "BulkResult").fails(&[409]),

        Route::new(GET, "/api/alarms", Role(Viewer), "Alarms, newest first; those that are over with state=all", get(alarms::list)).query(&[("state", "AlarmState"), LIMIT]).gives(200, "Alarms").fails(&[400]),
        Route::new(POST, "/api/alarms/{alarm}/acknowledge", Role(Operator), "Say that an alarm was seen", post(alarms::acknowledge)).gives(200, "Alarm").fails(&[404]),
        Route::new(GET, "/api/alarms/rules", Role(Viewer), "When alarms are raised", get(alarms::rules)).gives(200, "AlarmRules"),
        Route::new(POST, "/api/alarms/rules", Role(Admin), "Add a rule", post(alarms::add_rule)).takes("NewAlarmRule").gives(201, "AlarmRule").fails(&[409]),
        Route::new(DELETE, "/api/alarms/rules/{rule}", Role(Admin), "Remove a rule; what it raised is over", delete(alarms::remove_rule)).answers(204).fails(&[404]),
        Route::new(GET, "/api/groups", Role(Viewer), "Groups of devices", get(groups::list)).gives(200, "Groups"),
        Route::new(PUT, "/api/groups/{group}", Role(Admin), "Make a group, or change its devices", put(groups::set)).takes("Members").gives(200, "Group"),
        Route::new(DELETE, "/api/groups/{group}", Role(Admin), "Remove a group", delete(groups::remove)).answers(204).fails(&[404]),

        Route::new(GET, "/api/webhooks", Role(Admin), "Whom to tell over HTTP", get(webhooks::list)).gives(200, "Webhooks"),
        Route::new(POST, "/api/webhooks", Role(Admin), "Add a webhook; its secret is shown once", post(webhooks::add)).takes("NewWebhook").gives(201, "WebhookSecret").fails(&[409]),
        Route::new(PATCH, "/api/webhooks/{webhook}", Role(Admin), "Change a webhook, disable it or enable it", patch(webhooks::change)).takes("WebhookChange").gives(200, "Webhook").fails(&[404]),
        Route::new(DELETE, "/api/webhooks/{webhook}", Role(Admin), "Remove a webhook with its deliveries", delete(webhooks::remove)).answers(204).fails(&[404]),
        Route::new(POST, "/api/webhooks/{webhook}/test", Role(Admin), "Send a webhook.test", post(webhooks::test)).gives(202, "WebhookDelivery").fails(&[404, 409]),
        Route::new(GET, "/api/webhooks/{webhook}/deliveries", Role(Admin), "What a webhook was sent and what came of it, newest first", get(webhooks::list_deliveries)).query(&[LIMIT]).gives(200, "WebhookDeliveries").fails(&[400, 404]),

        Route::new(GET, "/api/uwb/devices", Role(Viewer), "UWB tags and where each was last", get(uwb::list)).gives(200, "UwbDeviceList"),
        Route::new(GET, "/api/uwb/devices/{tag}/locations", Role(Viewer), "Where a UWB tag was, oldest first", get(uwb::history)).query(SPAN).gives(200, "LocationHistory").fails(&[400, 404]),

        Route::new(GET, "/ws", Door, "Typed messages, in rooms", get(door::events::lobby)).answers(101),
        Route::new(GET, "/ws/{room}", Door, "The same, in this room from the beginning", get(door::events::room)).answers(101),
        Route::new(GET, "/ws/device/{id}", Door, "A device that publishes, or a user who watches it", get(door::device_or_user)).answers(101),
        Route::new(GET, "/ws/dashboard/{id}", Door, "A user who watches a device", get(door::user)).answers(101),

        Route::new(GET, "/healthz", Open, "Whether the process answers", get(probes::healthz)).text("text/plain"),
        Route::new(GET, "/readyz", Open, "Whether samples are stored and acknowledged", get(probes::readyz)).text("text/plain").fails(&[503]),
        Route::new(GET, "/metrics", Open, "Counters for Prometheus", get(probes::metrics)).text("application/openmetrics-text"),
        Route::new(GET, "/api/openapi.json", Open, "This document", get(documents::openapi)).gives(200, "Empty"),
        Route::new(GET, "/api/asyncapi.json", Open, "The contract of the sockets", get(documents::asyncapi)).gives(200, "Empty"),
        Route::new(GET, "/api/docs", Open, "Both for people", get(documents::page)).text("text/html"),
    ]
}
