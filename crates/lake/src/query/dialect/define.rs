//! A scalar function from its name, its types and its body.

use std::hash::{Hash, Hasher};

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::kinds::refused;

/// The types to which the arguments are cast, and the type of the result. Given cast types, it returns the same types.
pub(crate) type Types = fn(&[DataType]) -> Result<(Vec<DataType>, DataType)>;
/// Computes the result from the cast arguments. All arrays have the same length.
pub(crate) type Body = fn(&[ArrayRef], &DataType) -> Result<ArrayRef>;

/// How a call is shown in the names of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shown {
    /// `name(a, b)`.
    Call,
    /// As its first argument, as casts are.
    Argument,
    /// `a name b`.
    Infix,
}

/// A scalar function of this dialect. Functions are equal if their names are.
pub(crate) struct Defined {
    pub(crate) name: &'static str,
    pub(crate) shown: Shown,
    pub(crate) types: Types,
    pub(crate) body: Body,
    signature: Signature,
}

impl Defined {
    pub(crate) fn new(name: &'static str, shown: Shown, types: Types, body: Body) -> Self {
        Self { name, shown, types, body, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl std::fmt::Debug for Defined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Defined").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Defined {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Defined {}

impl Hash for Defined {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Defined {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let names: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        Ok(match (self.shown, names.as_slice()) {
            (Shown::Argument, [first, ..]) => first.clone(),
            (Shown::Infix, [left, right]) => format!("{left} {} {right}", self.name),
            _ => format!("{}({})", self.name, names.join(",")),
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let cast = (self.types)(types)?.0;
        if cast.len() == types.len() { Ok(cast) } else { Err(refused(format!("{}() takes {} arguments", self.name, cast.len()))) }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok((self.types)(types)?.1)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let made = (self.body)(&arrays, args.return_field.data_type())?;
        Ok(if constant { ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?) } else { ColumnarValue::Array(made) })
    }
}
