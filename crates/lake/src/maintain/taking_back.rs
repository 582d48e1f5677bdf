//! Takes rows back that a backend set aside which did not know their views.

use crate::catalog::set_aside;
use crate::meta::Meta;
use crate::model::Shapes;

/// Makes batches of the rows that were set aside and whose views are known here.
pub(crate) async fn take_back(meta: &Meta, shapes: &Shapes) -> anyhow::Result<()> {
    let rows = set_aside::take_back(meta, |view| shapes.collected(view).is_some()).await?;
    if rows > 0 {
        tracing::info!(rows, "took rows back that were set aside by a backend that did not know their views");
    }
    Ok(())
}
