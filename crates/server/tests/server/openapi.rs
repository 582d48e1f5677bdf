//! The OpenAPI document.

use std::path::Path;

use pganalytics_server::lake::Role;

use crate::backend::Backend;

#[test]
fn the_committed_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let fresh = pganalytics_server::document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == fresh, "docs/openapi.json is stale: UPDATE=1 cargo test -p pganalytics-server openapi");
}

#[tokio::test]
async fn the_backend_serves_the_document() {
    let backend = Backend::start().await;
    let token = backend.api(Role::Viewer).await;
    let served = backend.get("/api/v1/openapi.json", &token).await.json();
    assert_eq!(served, serde_json::to_value(pganalytics_server::document()).unwrap());
}

#[test]
fn every_reference_exists_and_every_error_has_the_same_form() {
    let document = serde_json::to_value(pganalytics_server::document()).unwrap();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} has a summary");
            for (status, response) in operation["responses"].as_object().unwrap() {
                if !status.starts_with('2') && path != "/readyz" {
                    let schema = &response["content"]["application/json"]["schema"]["$ref"];
                    assert_eq!(schema, "#/components/schemas/ErrorBody", "{method} {path} {status}");
                }
            }
        }
    }
}
