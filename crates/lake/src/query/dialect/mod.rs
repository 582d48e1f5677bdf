//! PostgreSQL's dialect over DataFusion.
//!
//! DataFusion reads PostgreSQL's syntax, but many expressions mean something else there: `2.7::int` is 2, `1 / 0.0` is infinite, `at time zone`
//! changes nothing. Users trust the numbers that they know, so each expression gives PostgreSQL's answer, or an error that names the construct.
//!
//! # How
//! - [`syntax`] rewrites the parsed statement: casts, `extract`, `at time zone` and others become calls of the functions here, parameters
//!   become literals, and repeated names in a select list become unique.
//! - [`operators`] plans operators by the types of both sides.
//! - [`typed()`] rewrites the plan, when all types are known and before DataFusion casts implicitly.
//! - The other files are the functions.
//!
//! A table of expressions with PostgreSQL's answers is in `e2e/tests/dialect/expressions.txt`; two tests compare with it.

mod arithmetic;
mod averages;
mod build;
mod calendar;
mod calls;
mod casts;
mod compare;
mod conditions;
mod define;
mod fields;
mod functions;
mod instants;
mod intervals;
mod kinds;
mod literals;
mod maths;
mod names;
mod numerics;
mod operators;
mod patterns;
mod register;
mod rows;
mod spans;
mod syntax;
mod syntax_calls;
mod templates;
mod truncated;
mod typed;
mod types;
mod zones;

pub(crate) use functions::Functions;
pub use intervals::interval_text;
pub(crate) use names::{plain_batch, plain_schema};
pub(crate) use register::register;
pub(crate) use syntax::rewritten;
pub(crate) use typed::typed;
