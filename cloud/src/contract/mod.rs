//! The contracts as documents: `OpenAPI` for HTTP, `AsyncAPI` for the sockets. Both are made from the tables that the
//! server itself uses; the schemas of what goes over the wire are in `schemas.json`.

mod asyncapi;
mod openapi;
mod page;

use serde_json::{Value, json};

pub use asyncapi::document as asyncapi;
pub use openapi::document as openapi;
pub use page::html;

const SCHEMAS: &str = include_str!("schemas.json");

/// The schemas by name.
pub fn schemas() -> Value {
    // The file is part of the program; a test reads it.
    serde_json::from_str(SCHEMAS).unwrap_or_default()
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match value {
                        Value::String(target) if key == "$ref" => found.push(target.clone()),
                        value => references(value, found),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_of_both_documents_leads_somewhere() {
        for document in [openapi(), asyncapi()] {
            let mut found = Vec::new();
            references(&document, &mut found);
            assert!(found.len() > 50);
            for target in found {
                let pointer = target.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{target}");
            }
        }
    }

    #[test]
    fn no_schema_is_left_that_nothing_uses() {
        let texts = openapi().to_string() + &asyncapi().to_string();
        for name in schemas().as_object().unwrap().keys() {
            assert!(texts.contains(&format!("schemas/{name}\"")), "{name}");
        }
    }
}
