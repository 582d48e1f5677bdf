//! `to_char(timestamp, text)` with the template patterns of PostgreSQL ("Data Type Formatting Functions").
//!
//! DataFusion's function takes strftime patterns, and returns a PostgreSQL template unchanged. This function translates the template. It
//! rejects unknown patterns, because readers would trust a wrong text.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature};

use super::bounded::Bounded;

/// Patterns and their strftime forms. A pattern precedes all of its prefixes.
const PATTERNS: &[(&str, &str)] = &[
    ("FMMonth", "%B"),
    ("FMDay", "%A"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("YYYY", "%Y"),
    ("IYYY", "%G"),
    ("DDD", "%j"),
    ("Mon", "%b"),
    ("HH", "%I"),
    ("MI", "%M"),
    ("SS", "%S"),
    ("MS", "%3f"),
    ("US", "%6f"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("am", "%P"),
    ("pm", "%P"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("Dy", "%a"),
    ("ID", "%u"),
    ("IW", "%V"),
    ("YY", "%y"),
    ("TZ", "UTC"),
    ("OF", "+00"),
];

/// PostgreSQL's `to_char`, which calls DataFusion's.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ToChar {
    pub(crate) inner: Bounded,
}

impl ScalarUDFImpl for ToChar {
    fn name(&self) -> &'static str {
        "to_char"
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let Some(template) = args.args.get_mut(1) {
            *template = match &*template {
                ColumnarValue::Scalar(value) => ColumnarValue::Scalar(match value.try_as_str().flatten() {
                    Some(text) => ScalarValue::Utf8(Some(strftime(text)?)),
                    None => ScalarValue::Utf8(None),
                }),
                ColumnarValue::Array(array) => ColumnarValue::Array(each(array)?),
            };
        }
        self.inner.invoke_with_args(args)
    }
}

fn each(templates: &ArrayRef) -> Result<ArrayRef> {
    let texts = cast(templates, &DataType::Utf8)?;
    let texts =
        texts.as_any().downcast_ref::<StringArray>().ok_or_else(|| DataFusionError::Internal("the template is not a text".into()))?;
    let translated: StringArray = texts.iter().map(|text| text.map(strftime).transpose()).collect::<Result<_>>()?;
    Ok(Arc::new(translated))
}

/// Translates a template to strftime.
fn strftime(template: &str) -> Result<String> {
    let (mut made, mut rest) = (String::new(), template);
    while let Some(first) = rest.chars().next() {
        if let Some((pattern, form)) = PATTERNS.iter().find(|(pattern, _)| rest.starts_with(pattern)) {
            made.push_str(form);
            rest = &rest[pattern.len()..];
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let (text, after) = quoted.split_once('"').unwrap_or((quoted, ""));
            made.push_str(&text.replace('%', "%%"));
            rest = after;
        } else if first.is_ascii_alphabetic() {
            let known: Vec<&str> = PATTERNS.iter().map(|(pattern, _)| *pattern).collect();
            let message = format!(
                "to_char: unknown pattern at '{rest}'; known patterns are {}; put other letters between double quotes",
                known.join(", ")
            );
            return Err(DataFusionError::Plan(message));
        } else {
            made.push_str(if first == '%' { "%%" } else { &rest[..first.len_utf8()] });
            rest = &rest[first.len_utf8()..];
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_translated_and_unknown_patterns_are_refused() {
        for (template, form) in [
            ("HH24:MI", "%H:%M"),
            ("YYYY-MM-DD HH24:MI:SS.MS", "%Y-%m-%d %H:%M:%S.%3f"),
            ("DD Mon YYYY, HH12:MI AM", "%d %b %Y, %I:%M %p"),
            ("YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"", "%Y-%m-%dT%H:%M:%S.%6fZ"),
            ("IYYY-IW", "%G-%V"),
            ("100%", "100%%"),
        ] {
            assert_eq!(strftime(template).expect(template), form);
        }
        for unknown in ["%H:%M", "Month", "Day", "yyyy", "J"] {
            assert!(strftime(unknown).expect_err(unknown).to_string().contains("known patterns are"), "{unknown}");
        }
    }
}
