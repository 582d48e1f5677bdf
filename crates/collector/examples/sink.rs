//! A backend that takes every batch and prints what is in it: `cargo run --example sink [address] [view …]`.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use pganalytics_views::wire::{Limits, decode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let views: Vec<String> = arguments.collect();
    let take = move |body: Bytes| {
        let views = views.clone();
        async move { print(&body, &views) }
    };
    let router = axum::Router::new().route("/api/v1/ingest", post(take)).layer(DefaultBodyLimit::max(Limits::default().encoded));
    axum::serve(tokio::net::TcpListener::bind(address).await?, router).await?;
    Ok(())
}

fn print(body: &[u8], views: &[String]) -> (axum::http::StatusCode, String) {
    let batch = match decode(body, &Limits::default()) {
        Ok(batch) => batch,
        Err(error) => return (axum::http::StatusCode::BAD_REQUEST, error.to_string()),
    };
    println!(
        "# batch {} of {} with {} bytes, dropped {}",
        batch.header.sequence,
        batch.header.collector_name,
        body.len(),
        batch.header.dropped_rows
    );
    for (view, rows) in &batch.frames {
        println!("## {view}: {} rows", rows.num_rows());
        if !views.contains(view) {
            continue;
        }
        for row in 0..rows.num_rows() {
            let cells = rows.schema_ref().fields().iter().zip(rows.columns()).filter(|(_, column)| column.is_valid(row));
            println!("{}", cells.map(|(field, column)| format!("{}={}", field.name(), cell(column, row))).collect::<Vec<_>>().join(" "));
        }
    }
    (axum::http::StatusCode::OK, String::new())
}

fn cell(column: &ArrayRef, row: usize) -> String {
    if let Some(cells) = column.as_string_opt::<i32>() {
        format!("{:?}", cells.value(row))
    } else if let Some(cells) = column.as_primitive_opt::<Int64Type>() {
        cells.value(row).to_string()
    } else if let Some(cells) = column.as_primitive_opt::<Float64Type>() {
        cells.value(row).to_string()
    } else if let Some(cells) = column.as_primitive_opt::<TimestampMicrosecondType>() {
        cells.value(row).to_string()
    } else if let Some(cells) = column.as_boolean_opt() {
        cells.value(row).to_string()
    } else {
        format!("{:?}", column.data_type())
    }
}
