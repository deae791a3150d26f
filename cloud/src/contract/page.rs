//! The contracts for people: a page without scripts.

use std::fmt::Write;

use crate::door::events::messages::MESSAGES;
use crate::http::route::Access;
use crate::http::routes;
use crate::rooms::ROOMS;

/// The page.
pub fn html() -> String {
    let mut page = String::from(
        "<!doctype html><html lang=en><meta charset=utf-8><title>ems-cloud: its interfaces</title>\
         <h1>ems-cloud: its interfaces</h1>\
         <p>For programs: <a href=/api/openapi.json>OpenAPI</a> and <a href=/api/asyncapi.json>AsyncAPI</a>.</p>",
    );
    let routes = routes();
    let rows = routes.iter().map(|route| {
        let who = match route.access {
            Access::Open => "everybody",
            Access::Door => "see below",
            Access::Role(role) => role.as_str(),
        };
        [route.method.as_str(), route.path, who, route.summary]
    });
    table(&mut page, "HTTP", ["Method", "Path", "Least role", "What it does"], rows);
    let rows = MESSAGES.iter().map(|m| [m.kind, m.payload, m.needs.as_str(), m.summary]);
    table(&mut page, "Messages of users at /ws", ["Type", "Payload", "Least role", "What it does"], rows);
    let rows = ROOMS.iter().map(|(name, role)| [*name, role.as_str()]);
    table(&mut page, "Rooms", ["Name", "Least role"], rows);
    page.push_str("</html>\n");
    page
}

fn table<'a, const N: usize>(
    page: &mut String,
    title: &str,
    head: [&str; N],
    rows: impl Iterator<Item = [&'a str; N]>,
) {
    // Writing to a String cannot fail. All texts are our own.
    let _ = write!(page, "<h2>{title}</h2><table><tr>");
    for name in head {
        let _ = write!(page, "<th scope=col>{name}");
    }
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            let _ = write!(page, "<td>{cell}");
        }
    }
    page.push_str("</table>");
}
