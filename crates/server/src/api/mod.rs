//! The HTTP API: one file per concern, each with its `router()`. A route's path, schema and errors are written beside its
//! handler (utoipa) and become the OpenAPI document; what every route may answer is added here.

mod collectors;
mod enrolment;
mod health;
mod ingest;
mod login;
mod metrics;
mod openapi;
mod retention;
mod servers;
mod sql;
mod tokens;
mod users;
mod views;

pub(crate) mod body;

use axum::Router;
use utoipa::Modify;
use utoipa::OpenApi as _;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::auth::SESSION_COOKIE;
use crate::error::{ErrorBody, ErrorCode, ErrorDetail, ErrorPosition};
use crate::serve::layers;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "pgAnalytics",
        description = "The PostgreSQL statistics views with a memory, for a whole fleet, in SQL.\n\n\
            Log in (`POST /api/v1/auth/login`) or use a token, then ask in SQL (`POST /api/v1/sql`). Every error has the shape of `ErrorBody`."
    ),
    components(schemas(ErrorBody, ErrorDetail, ErrorCode, ErrorPosition)),
    modifiers(&Schemes),
    security(("token" = []), ("session" = [])),
    tags(
        (name = "query", description = "SQL and what it can be asked about"),
        (name = "ingest", description = "What collectors ship"),
        (name = "login", description = "Sessions"),
        (name = "administration", description = "Users and tokens; needs the role admin"),
        (name = "health", description = "Whether the backend is well"),
    )
)]
struct Document;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token made with `pganalytics token create`, or the one that login answers."));
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
        let cookie = ApiKeyValue::with_description(
            SESSION_COOKIE,
            "Set by login. Requests that change something must then come from the backend's own pages, with JSON bodies.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

fn routers(timeout: Option<&App>) -> OpenApiRouter<App> {
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
    let timed = match timeout {
        Some(app) => timed.layer(axum::middleware::from_fn_with_state(app.clone(), layers::timeout)),
        None => timed,
    };
    // SQL has the lake's deadline, which says what to do about it.
    OpenApiRouter::with_openapi(Document::openapi()).merge(timed).merge(sql::router())
}

/// The API's routes.
pub(crate) fn router(app: &App) -> Router<App> {
    routers(Some(app)).split_for_parts().0
}

/// The OpenAPI document, as `docs/openapi.json` holds it.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = routers(None).into_openapi();
    add_common_errors(&mut document);
    document
}

/// What a route may answer beside what it says itself: everything that happens before or around the handler.
fn add_common_errors(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            // `security(())` marks a public route.
            let public = operation.security.is_some();
            let common = [
                ("401", "Nobody is logged in, or the token is not valid", !public),
                ("403", "The role does not suffice, the token is of the wrong kind, or a page of another origin asked", !public),
                ("500", "The backend failed; its log says how", true),
                ("503", "The store has trouble, or too much is asked at a time; see Retry-After", !public),
                ("504", "Not done in time", true),
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
