//! Checks a text before it is planned: one read-only statement of bounded size.
//!
//! # Promise
//! Only statements that read pass: `SELECT`, `WITH`, `VALUES`, `EXPLAIN`, `SHOW`, `DESCRIBE`. The executor checks the plan again.

use std::collections::HashMap;

use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;

use super::failure::failure;
use super::question::{Query, QueryError, QueryErrorKind};
use crate::model::Shapes;

/// The longest statement in bytes. Statements of people and dashboards are shorter.
const MAX_SQL: usize = 256 << 10;
/// The most tokens in a statement. A chain of operators nests as deep as it is long, and parts of DataFusion recurse without a check of the
/// stack.
pub(crate) const MAX_TOKENS: usize = 5_000;
/// The deepest nesting of expressions and subqueries: DataFusion's default.
const NESTING: usize = 50;

/// The most sets of columns that one statement may group by, as many as `cube` of 6 columns has. Each set needs a copy of every row.
const MAX_GROUPING_SETS: usize = 64;

/// Parses a text that must be one statement that reads.
pub(crate) fn one_statement(sql: &str, shapes: &Shapes) -> Result<Statement, QueryError> {
    if sql.len() > MAX_SQL {
        let message = format!("the statement has {} bytes; the maximum is {MAX_SQL}", sql.len());
        return Err(QueryError::new(QueryErrorKind::Syntax, message));
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|error| failure(&DataFusionError::SQL(Box::new(error.into()), None), shapes))?;
    if tokens.len() > MAX_TOKENS {
        let message = format!("the statement has {} tokens; the maximum is {MAX_TOKENS}", tokens.len());
        return Err(QueryError::new(QueryErrorKind::Syntax, message));
    }
    let mut statements = DFParserBuilder::new(tokens)
        .with_dialect(&dialect)
        .with_recursion_limit(NESTING)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| failure(&error, shapes))?;
    let Some(statement) = statements.pop_front() else {
        return Err(QueryError::new(QueryErrorKind::Syntax, "the text has no statement").hint("write a select"));
    };
    if !statements.is_empty() {
        return Err(QueryError::new(QueryErrorKind::Forbidden, "the text has more than one statement").hint("send them one at a time"));
    }
    let sets = grouping_sets(&statement);
    if sets > MAX_GROUPING_SETS {
        let message = format!("the statement groups by {sets} sets of columns; the maximum is {MAX_GROUPING_SETS}");
        return Err(QueryError::new(QueryErrorKind::Forbidden, message).hint("list the needed sets with grouping sets"));
    }
    if !reads(&statement) {
        let hint = "use select, with, values, explain, show or describe";
        return Err(QueryError::new(QueryErrorKind::Forbidden, "only statements that read are allowed").hint(hint));
    }
    Ok(statement)
}

/// The number of sets of columns that a statement groups by. `cube`, `rollup` and `grouping sets` in one clause multiply, so this is their
/// product.
fn grouping_sets(statement: &Statement) -> usize {
    let statement = match statement {
        Statement::Statement(statement) => statement,
        Statement::Explain(explain) => return grouping_sets(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => return 1,
    };
    let mut sets = 1_usize;
    let _ = ast::visit_expressions(statement.as_ref(), |expr| {
        let own = match expr {
            ast::Expr::Cube(columns) => 2_usize.saturating_pow(u32::try_from(columns.len()).unwrap_or(u32::MAX)),
            ast::Expr::Rollup(columns) => columns.len().saturating_add(1),
            ast::Expr::GroupingSets(listed) => listed.len().max(1),
            _ => 1,
        };
        sets = sets.saturating_mul(own);
        std::ops::ControlFlow::<()>::Continue(())
    });
    sets
}

/// Whether a statement is of a kind that reads. The plan is checked again later.
fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => sql_reads(statement),
        Statement::Explain(explain) => reads(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    }
}

fn sql_reads(statement: &ast::Statement) -> bool {
    match statement {
        ast::Statement::Query(query) => query_reads(query),
        ast::Statement::Explain { statement, .. } => sql_reads(statement),
        ast::Statement::ExplainTable { .. }
        | ast::Statement::ShowTables { .. }
        | ast::Statement::ShowColumns { .. }
        | ast::Statement::ShowVariable { .. }
        | ast::Statement::ShowFunctions { .. } => true,
        _ => false,
    }
}

fn query_reads(query: &ast::Query) -> bool {
    fn body_reads(body: &ast::SetExpr) -> bool {
        match body {
            ast::SetExpr::Select(select) => select.into.is_none(),
            ast::SetExpr::Query(query) => query_reads(query),
            ast::SetExpr::SetOperation { left, right, .. } => body_reads(left) && body_reads(right),
            ast::SetExpr::Values(_) | ast::SetExpr::Table(_) => true,
            _ => false,
        }
    }
    let with = query.with.iter().flat_map(|with| &with.cte_tables);
    body_reads(&query.body) && with.into_iter().all(|table| query_reads(&table.query))
}

/// The values of a query's placeholders.
pub(crate) fn parameters(query: &Query) -> Result<HashMap<String, ScalarValue>> {
    use serde_json::Value;
    let value = |name: &str, value: &Value| {
        Ok(match value {
            Value::Null => ScalarValue::Null,
            Value::Bool(value) => ScalarValue::Boolean(Some(*value)),
            Value::String(value) => ScalarValue::Utf8(Some(value.clone())),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => ScalarValue::Int64(Some(number)),
                (None, Some(number)) => ScalarValue::UInt64(Some(number)),
                (None, None) => ScalarValue::Float64(number.as_f64()),
            },
            Value::Array(_) | Value::Object(_) => {
                return Err(DataFusionError::Plan(format!("parameter '{name}' is not a string, number, boolean or null")));
            }
        })
    };
    query.parameters.iter().map(|(name, json)| Ok((name.clone(), value(name, json)?))).collect()
}
