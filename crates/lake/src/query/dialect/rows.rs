//! Rows: the types of `values`, of unions, and of what is grouped.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::{Distinct, Expr, ExprSchemable as _, LogicalPlan, Projection, Values};

use super::kinds::{Family, refused};

/// Refuses what would differ silently: columns that mix types, and groups of intervals.
pub(crate) fn check(node: &LogicalPlan) -> Result<()> {
    match node {
        LogicalPlan::Union(union) => {
            let [first, rest @ ..] = union.inputs.as_slice() else { return Ok(()) };
            for input in rest {
                for (left, right) in first.schema().fields().iter().zip(input.schema().fields()) {
                    mixed("union", Family::of(left.data_type()), Family::of(right.data_type()))?;
                }
            }
            Ok(())
        }
        LogicalPlan::Values(values) => values.values.iter().flatten().try_for_each(|value| match value {
            // DataFusion casts where the rows have different types.
            Expr::Cast(cast) => mixed("values", Family::of(&cast.expr.get_type(&DFSchema::empty())?), Family::of(cast.field.data_type())),
            _ => Ok(()),
        }),
        LogicalPlan::Distinct(Distinct::All(input)) => {
            input.schema().fields().iter().try_for_each(|field| group(Family::of(field.data_type())))
        }
        LogicalPlan::Aggregate(aggregate) => {
            let schema = aggregate.input.schema();
            aggregate.group_expr.iter().filter_map(|expr| expr.get_type(schema).ok()).try_for_each(|of| group(Family::of(&of)))
        }
        _ => Ok(()),
    }
}

fn group(family: Family) -> Result<()> {
    match family {
        Family::Interval => Err(refused("grouping by an interval is not supported; group by extract(epoch from the interval)")),
        _ => Ok(()),
    }
}

fn mixed(what: &str, left: Family, right: Family) -> Result<()> {
    if left.group() == right.group() || [left, right].iter().any(|side| matches!(side, Family::Null | Family::Other)) {
        return Ok(());
    }
    Err(refused(format!("{what}: {} and {} do not match in one column; cast one of them", left.group(), right.group())))
}

/// Gives an aggregate's columns their former names, in a projection: DataFusion optimizes aggregates only without aliases.
pub(crate) fn renamed(node: LogicalPlan, before: &DFSchema) -> Result<LogicalPlan> {
    let columns = before.iter().zip(node.schema().iter()).map(|((old_qualifier, old), (qualifier, field))| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        let is_same = old.name() == field.name() && old_qualifier == qualifier;
        (is_same, if is_same { column } else { column.alias_qualified(old_qualifier.cloned(), old.name()) })
    });
    let columns: Vec<(bool, Expr)> = columns.collect();
    if columns.iter().all(|(is_same, _)| *is_same) {
        return Ok(node);
    }
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(node))?))
}

/// Whether a literal is an `integer`. PostgreSQL reads the digits without the sign, so the smallest integer is a bigint.
pub(crate) fn is_integer(value: i64) -> bool {
    i32::try_from(value).is_ok_and(|value| value != i32::MIN)
}

/// Columns of integers that all fit are `integer`.
pub(crate) fn narrowed(values: Values) -> Result<Values> {
    let Values { schema, values: mut rows } = values;
    let narrow = |value: &Expr| match value {
        Expr::Literal(ScalarValue::Int64(value), _) => value.is_none_or(is_integer),
        _ => false,
    };
    let mut fields = Vec::with_capacity(schema.fields().len());
    for (at, (qualifier, field)) in schema.iter().enumerate() {
        let fits = *field.data_type() == DataType::Int64 && rows.iter().all(|row| row.get(at).is_some_and(narrow));
        let data_type = if fits { DataType::Int32 } else { field.data_type().clone() };
        fields.push((qualifier.cloned(), Arc::new(Field::new(field.name(), data_type, field.is_nullable()))));
        for row in rows.iter_mut().filter(|_| fits) {
            if let Some(Expr::Literal(value @ ScalarValue::Int64(_), _)) = row.get_mut(at) {
                *value = value.cast_to(&DataType::Int32)?;
            }
        }
    }
    Ok(Values { schema: Arc::new(DFSchema::new_with_metadata(fields, schema.metadata().clone())?), values: rows })
}
