//! The HTTP API.
//!
//! For: one file per concern, each with its `router()`. Uses: `auth`, `app`, `accounts`, `render`, `audit`. Used by: `serve`.
//!
//! A route's path, schema and errors stand beside its handler (utoipa) and become the OpenAPI document. The errors that every route may
//! return are added here.

mod collectors;
mod enrolment;
mod health;
mod ingest;
mod login;
mod metrics;
mod openapi;
mod retention;
mod roles;
mod servers;
mod sql;
mod timeout;
mod tokens;
mod trouble;
mod users;
mod views;

pub(crate) mod body;

use std::sync::Arc;

use axum::Router;
use axum::extract::Extension;
use utoipa::Modify;
use utoipa::OpenApi as _;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::auth::SESSION_COOKIE;
use crate::error::{ErrorBody, ErrorCode, ErrorDetail, ErrorPosition};

pub(crate) use timeout::timeout;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "pgAnalytics",
        description = "The PostgreSQL statistics views with a memory, for a whole fleet, in SQL.\n\n\
            Log in (`POST /api/v1/auth/login`) or use a token, then query with SQL (`POST /api/v1/sql`). Every error has the form of `ErrorBody`."
    ),
    components(schemas(ErrorBody, ErrorDetail, ErrorCode, ErrorPosition)),
    modifiers(&Schemes),
    security(("token" = []), ("session" = [])),
    tags(
        (name = "query", description = "SQL and its tables"),
        (name = "ingest", description = "Batches and credentials of collectors"),
        (name = "login", description = "Sessions"),
        (name = "administration", description = "Users and tokens; needs the role admin"),
        (name = "health", description = "Health and metrics of the backend"),
    )
)]
struct Document;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token created with `pganalytics token create`, or the token that login returns."));
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        let cookie = ApiKeyValue::with_description(
            SESSION_COOKIE,
            "Set by login. Requests that change something must come from the backend's own pages, with JSON bodies.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

fn routers(timed_by: Option<&App>) -> OpenApiRouter<App> {
    let timed = OpenApiRouter::new()
        .merge(health::router())
        .merge(login::router())
        .merge(servers::router())
        .merge(views::router())
        .merge(collectors::router())
        .merge(enrolment::router())
        .merge(tokens::router())
        .merge(users::router())
        .merge(retention::router())
        .merge(ingest::router())
        .merge(openapi::router())
        .merge(metrics::router());
    let timed = match timed_by {
        Some(app) => timed.layer(axum::middleware::from_fn_with_state(app.clone(), timeout)),
        None => timed,
    };
    // SQL has the lake's deadline instead, whose error has a remedy.
    OpenApiRouter::with_openapi(Document::openapi()).merge(timed).merge(sql::router())
}

/// The API's routes.
pub(crate) fn router(app: &App) -> Router<App> {
    routers(Some(app)).split_for_parts().0.layer(Extension(Arc::new(document())))
}

/// The OpenAPI document, as in `docs/openapi.json`.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = routers(None).into_openapi();
    add_common_errors(&mut document);
    document
}

/// Adds the errors that any route may return, before or around its handler.
fn add_common_errors(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            // `security(())` marks a public route.
            let public = operation.security.is_some();
            let common = [
                ("401", "No login, or the token is not valid", !public),
                ("403", "The role is too low, the token has the wrong kind, or the request comes from a page of another origin", !public),
                ("500", "Internal error; the backend's log has the cause", true),
                ("503", "The store is unavailable, or there are too many requests; see Retry-After", !public),
                ("504", "Time limit exceeded", true),
            ];
            for (status, description, applies) in common {
                if applies {
                    let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("ErrorBody"))));
                    let response = ResponseBuilder::new().description(description).content("application/json", content).build();
                    operation.responses.responses.entry(status.into()).or_insert(RefOr::T(response));
                }
            }
        }
    }
}
