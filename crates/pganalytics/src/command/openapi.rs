//! `openapi`: the OpenAPI document of the API, as in `docs/openapi.json`.

use anyhow::Context as _;

use crate::output;

pub(crate) fn run() -> anyhow::Result<()> {
    let text = pganalytics_server::document().to_pretty_json().context("write the OpenAPI document")?;
    output::line(text)
}
