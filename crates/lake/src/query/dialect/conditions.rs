//! Conditions that may fail are computed only where the conditions before them do not decide.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNode as _;
use datafusion::logical_expr::{BinaryExpr, Case, Cast, Expr, Operator};

use super::maths::CHECKED;

/// Functions that fail for some of their arguments.
const FALLIBLE: &[&str] = &[
    "/",
    "%",
    "mod",
    "div",
    "interval_divide",
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "numeric",
    "bool",
    "date",
    "timestamp",
    "timestamptz",
    "time",
    "interval",
    "to_date",
    "to_timestamp",
    "timezone",
    "width_bucket",
];

/// `left and right`, or `left or right`.
pub(crate) fn guarded(left: Expr, op: Operator, right: Expr) -> Expr {
    let both = |left, right| Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)));
    if !is_fallible(&right) {
        return both(left, right);
    }
    let mut safe = Vec::new();
    parts(&left, op, &mut safe);
    let Some(guard) = safe.into_iter().cloned().reduce(both) else { return both(left, right) };
    let (undecided, decided) = match op {
        Operator::Or => (Expr::IsNotTrue(Box::new(guard)), true),
        _ => (Expr::IsNotFalse(Box::new(guard)), false),
    };
    // Of integers: DataFusion turns a case of booleans into `and` and `or`, and computes all of it.
    let integer = |value: bool| Expr::Literal(ScalarValue::Int32(Some(i32::from(value))), None);
    let computed = Expr::Cast(Cast::new(Box::new(right), DataType::Int32));
    let case = Case::new(None, vec![(Box::new(undecided), Box::new(computed))], Some(Box::new(integer(decided))));
    let holds = BinaryExpr::new(Box::new(Expr::Case(case)), Operator::Eq, Box::new(integer(true)));
    both(left, Expr::BinaryExpr(holds))
}

/// The parts of a chain that cannot fail.
fn parts<'a>(expr: &'a Expr, op: Operator, safe: &mut Vec<&'a Expr>) {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: inner, right }) if *inner == op => {
            parts(left, op, safe);
            parts(right, op, safe);
        }
        other if is_fallible(other) => {}
        other => safe.push(other),
    }
}

fn is_fallible(expr: &Expr) -> bool {
    let fails = |part: &Expr| match part {
        Expr::ScalarFunction(call) => {
            let name = call.func.name();
            let constant = call.args.iter().all(|arg| matches!(arg, Expr::Literal(..)));
            let divisor = matches!(name, "/" | "%" | "mod" | "div" | "interval_divide") && call.args.get(1).is_some_and(is_not_zero);
            !constant && !divisor && (FALLIBLE.contains(&name) || CHECKED.contains(&name))
        }
        _ => false,
    };
    expr.exists(|part| Ok(fails(part))).unwrap_or(true)
}

/// Whether an expression is a literal other than zero.
fn is_not_zero(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => match value {
            ScalarValue::Int32(value) => *value != Some(0),
            ScalarValue::Int64(value) => *value != Some(0),
            ScalarValue::Float64(value) => *value != Some(0.0),
            ScalarValue::Decimal128(value, ..) => *value != Some(0),
            _ => false,
        },
        _ => false,
    }
}
