//! Names of columns. A select list may name a column twice, as in `select ts, *`; DataFusion needs different names inside.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, SelectItem};

/// Stands between a name and the number that makes it unique. No statement contains it unquoted.
const MARK: char = '\u{1}';
/// Casts, which are named as what they cast.
const CASTS: &[&str] =
    &["int2", "int4", "int8", "float4", "float8", "numeric", "text", "bool", "timestamp", "timestamptz", "date", "time", "interval"];

/// Gives repeated names a number.
pub(crate) fn unique(items: &mut [SelectItem]) {
    let has_star = items.iter().any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
    let mut seen: HashMap<String, usize> = HashMap::new();
    for item in items {
        let (name, aliased) = match item {
            SelectItem::UnnamedExpr(expr) => match column(expr) {
                Some(name) => (name, false),
                None => continue,
            },
            SelectItem::ExprWithAlias { alias, .. } => (alias.value.clone(), true),
            _ => continue,
        };
        let count = seen.entry(name.clone()).or_insert(0);
        *count += 1;
        // A star may have the column as well.
        if *count == 1 && (aliased || !has_star) {
            continue;
        }
        let alias = Ident::with_quote('"', format!("{name}{MARK}{count}"));
        *item = match std::mem::replace(item, SelectItem::Wildcard(Default::default())) {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => SelectItem::ExprWithAlias { expr, alias },
            other => other,
        };
    }
}

/// The name of the column that an expression shows, perhaps through casts.
fn column(expr: &Expr) -> Option<String> {
    let folded = |ident: &Ident| if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
    match expr {
        Expr::Identifier(ident) => Some(folded(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map(folded),
        Expr::Nested(inner) => column(inner),
        Expr::Cast { expr, .. } => column(expr),
        Expr::Function(function) if CASTS.contains(&function.name.to_string().as_str()) => match &function.args {
            FunctionArguments::List(list) => match list.args.first() {
                Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(inner))) => column(inner),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// A schema with the names that the statement gave.
pub(crate) fn plain_schema(schema: &SchemaRef) -> SchemaRef {
    if !schema.fields().iter().any(|field| field.name().contains(MARK)) {
        return Arc::clone(schema);
    }
    let fields = schema.fields().iter().map(|field| {
        let name = field.name().split(MARK).next().unwrap_or_default();
        Field::new(name, field.data_type().clone(), field.is_nullable())
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A batch with the names of a schema.
pub(crate) fn plain_batch(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref() == schema { Ok(batch) } else { Ok(RecordBatch::try_new(Arc::clone(schema), batch.columns().to_vec())?) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(items: &[(&str, Option<&str>)]) -> Vec<SelectItem> {
        let made = items.iter().map(|(name, alias)| match (name, alias) {
            (&"*", _) => SelectItem::Wildcard(Default::default()),
            (name, None) => SelectItem::UnnamedExpr(Expr::Identifier(Ident::new(*name))),
            (name, Some(alias)) => SelectItem::ExprWithAlias { expr: Expr::Identifier(Ident::new(*name)), alias: Ident::new(*alias) },
        });
        made.collect()
    }

    #[test]
    fn only_repeated_names_change() {
        for (items, changed) in [
            (vec![("ts", None), ("*", None)], vec![true, false]),
            (vec![("ts", None), ("server", None)], vec![false, false]),
            (vec![("x", None), ("X", None)], vec![false, true]),
            (vec![("x", Some("a")), ("y", Some("a"))], vec![false, true]),
        ] {
            let before = listed(&items);
            let mut after = before.clone();
            unique(&mut after);
            let differ: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before != after).collect();
            assert_eq!(differ, changed, "{items:?}");
        }
    }
}
