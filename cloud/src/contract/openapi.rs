//! `OpenAPI` 3.1, from the table of routes.

use serde_json::{Map, Value, json};

use super::{reference, schemas};
use crate::http::route::{Access, Route};
use crate::http::routes;

/// The document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes().iter().filter(|route| route.access != Access::Door) {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = path {
            methods.insert(route.method.as_str().to_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "ems-cloud",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Errors are problem details (RFC 9457). The sockets are described by /api/asyncapi.json.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": crate::door::COOKIE_NAME },
            },
        },
    })
}

#[expect(clippy::indexing_slicing, reason = "a key of a JSON object that was just made")]
fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": responses(route),
    });
    if let Access::Role(role) = route.access {
        operation["security"] = json!([{ "bearer": [] }, { "cookie": [] }]);
        operation["description"] = format!("For the role {} and above.", role.as_str()).into();
    }
    if let Some(schema) = route.takes {
        let content = json!({ "application/json": { "schema": reference(schema) } });
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let names = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = names.map(|name| {
        let schema = if name == "id" { reference("DeviceId") } else { reference("Text") };
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    });
    let in_query = route
        .query
        .iter()
        .map(|(name, schema)| json!({ "name": name, "in": "query", "schema": reference(schema) }));
    in_path.chain(in_query).collect()
}

#[expect(clippy::indexing_slicing, reason = "a key of a JSON object that was just made")]
fn responses(route: &Route) -> Map<String, Value> {
    let (success, schema) = route.gives;
    let mut responses = Map::new();
    let mut answer = json!({ "description": "Done" });
    if let Some(schema) = schema {
        answer["content"] = json!({ "application/json": { "schema": reference(schema) } });
    } else if let Some(kind) = route.text {
        answer["content"] = json!({ kind: { "schema": { "type": "string" } } });
    }
    responses.insert(success.to_string(), answer);
    let mut failures: Vec<u16> = route.fails.to_vec();
    if matches!(route.access, Access::Role(_)) {
        failures.extend([401, 403, 503]);
    }
    if route.takes.is_some() {
        failures.extend([400, 408, 413, 503]);
    }
    for status in failures {
        let content = json!({ "application/problem+json": { "schema": reference("Problem") } });
        let words =
            axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        responses.insert(
            status.to_string(),
            json!({ "description": words.unwrap_or_default(), "content": content }),
        );
    }
    responses
}
