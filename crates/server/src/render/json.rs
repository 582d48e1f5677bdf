//! JSON, written directly into the body: one array for each row.
//!
//! Booleans and numbers are JSON booleans and numbers. A browser reads integers without loss: integers beyond ±2^53, and numerics beyond them,
//! are strings. NaN and infinities are null. Timestamps are RFC 3339 in UTC with only the necessary fractional digits; a timestamp without a
//! time zone has no `Z`. Intervals are texts as in PostgreSQL. Lists are arrays and structs are objects. All other types are strings. The type
//! of each column is determined once for each batch, not for each cell.

use std::io::Write as _;
use std::time::Duration;

use arrow::array::cast::AsArray as _;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit,
    SchemaRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use pganalytics_lake::interval_text;

use super::types::type_name;
use super::values::{Zone, comma, float, integer, null, numeric, string, timestamp};

/// `{"columns":[…],"rows":[…],"truncated":…,"elapsed_ms":…}`.
pub(crate) fn json(schema: &SchemaRef, batches: &[RecordBatch], truncated: bool, elapsed: Duration) -> Result<Vec<u8>, ArrowError> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    // Statistics take about 12 bytes a cell.
    let mut out = Vec::with_capacity(256 + rows * schema.fields().len() * 12);
    out.extend_from_slice(b"{\"columns\":[");
    for (i, field) in schema.fields().iter().enumerate() {
        comma(&mut out, i);
        out.extend_from_slice(b"{\"name\":");
        string(&mut out, field.name());
        out.extend_from_slice(b",\"type\":");
        string(&mut out, &type_name(field.data_type()));
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"rows\":[");
    let mut first = true;
    for batch in batches {
        let cells = batch.columns().iter().map(Cells::new).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.push(b'[');
            for (i, cells) in cells.iter().enumerate() {
                comma(&mut out, i);
                cells.write(&mut out, row)?;
            }
            out.push(b']');
        }
    }
    let elapsed_ms = elapsed.as_secs_f64() * 1e3;
    let _ = write!(out, "],\"truncated\":{truncated},\"elapsed_ms\":{elapsed_ms:.3}}}");
    Ok(out)
}

/// A column of a batch with its type.
enum Cells<'a> {
    Null,
    Bool(&'a BooleanArray),
    I8(&'a PrimitiveArray<Int8Type>),
    I16(&'a PrimitiveArray<Int16Type>),
    I32(&'a PrimitiveArray<Int32Type>),
    I64(&'a PrimitiveArray<Int64Type>),
    U8(&'a PrimitiveArray<UInt8Type>),
    U16(&'a PrimitiveArray<UInt16Type>),
    U32(&'a PrimitiveArray<UInt32Type>),
    U64(&'a PrimitiveArray<UInt64Type>),
    F32(&'a PrimitiveArray<Float32Type>),
    F64(&'a PrimitiveArray<Float64Type>),
    Text(&'a ArrayRef, TextKind),
    Seconds(&'a PrimitiveArray<TimestampSecondType>, Zone),
    Millis(&'a PrimitiveArray<TimestampMillisecondType>, Zone),
    Micros(&'a PrimitiveArray<TimestampMicrosecondType>, Zone),
    Nanos(&'a PrimitiveArray<TimestampNanosecondType>, Zone),
    Numeric(&'a PrimitiveArray<Decimal128Type>, i8),
    Interval(&'a PrimitiveArray<IntervalMonthDayNanoType>),
    List(&'a ArrayRef),
    Struct(Vec<(&'a str, Cells<'a>)>, &'a ArrayRef),
    Dictionary(Vec<Option<usize>>, Box<Cells<'a>>),
    Other(ArrayFormatter<'a>, &'a ArrayRef),
}

enum TextKind {
    Utf8,
    Large,
    View,
}

impl<'a> Cells<'a> {
    fn new(array: &'a ArrayRef) -> Result<Self, ArrowError> {
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool(array.as_boolean()),
            DataType::Int8 => Self::I8(array.as_primitive()),
            DataType::Int16 => Self::I16(array.as_primitive()),
            DataType::Int32 => Self::I32(array.as_primitive()),
            DataType::Int64 => Self::I64(array.as_primitive()),
            DataType::UInt8 => Self::U8(array.as_primitive()),
            DataType::UInt16 => Self::U16(array.as_primitive()),
            DataType::UInt32 => Self::U32(array.as_primitive()),
            DataType::UInt64 => Self::U64(array.as_primitive()),
            DataType::Float32 => Self::F32(array.as_primitive()),
            DataType::Float64 => Self::F64(array.as_primitive()),
            DataType::Utf8 => Self::Text(array, TextKind::Utf8),
            DataType::LargeUtf8 => Self::Text(array, TextKind::Large),
            DataType::Utf8View => Self::Text(array, TextKind::View),
            DataType::Timestamp(TimeUnit::Second, zone) => Self::Seconds(array.as_primitive(), Zone::of(zone.as_deref())),
            DataType::Timestamp(TimeUnit::Millisecond, zone) => Self::Millis(array.as_primitive(), Zone::of(zone.as_deref())),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Self::Micros(array.as_primitive(), Zone::of(zone.as_deref())),
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => Self::Nanos(array.as_primitive(), Zone::of(zone.as_deref())),
            DataType::Decimal128(_, scale) => Self::Numeric(array.as_primitive(), *scale),
            DataType::Interval(IntervalUnit::MonthDayNano) => Self::Interval(array.as_primitive()),
            DataType::List(_) => Self::List(array),
            DataType::Struct(fields) => {
                let columns = fields.iter().zip(array.as_struct().columns());
                Self::Struct(
                    columns.map(|(field, column)| Ok((field.name().as_str(), Self::new(column)?))).collect::<Result<_, ArrowError>>()?,
                    array,
                )
            }
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                // Without values every key is null, and `normalized_keys` would panic.
                let keys = if dictionary.values().is_empty() { vec![0; array.len()] } else { dictionary.normalized_keys() };
                let keys = keys.into_iter().enumerate().map(|(row, key)| array.is_valid(row).then_some(key)).collect();
                Self::Dictionary(keys, Box::new(Self::new(dictionary.values())?))
            }
            _ => Self::Other(ArrayFormatter::try_new(array, &OPTIONS)?, array),
        })
    }

    fn write(&self, out: &mut Vec<u8>, row: usize) -> Result<(), ArrowError> {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(array) if array.is_valid(row) => out.extend_from_slice(if array.value(row) { b"true" } else { b"false" }),
            Self::Bool(_) => out.extend_from_slice(b"null"),
            Self::I8(array) => primitive(out, array, row, |out, v| integer(out, v.into())),
            Self::I16(array) => primitive(out, array, row, |out, v| integer(out, v.into())),
            Self::I32(array) => primitive(out, array, row, |out, v| integer(out, v.into())),
            Self::I64(array) => primitive(out, array, row, integer),
            Self::U8(array) => primitive(out, array, row, |out, v| integer(out, v.into())),
            Self::U16(array) => primitive(out, array, row, |out, v| integer(out, v.into())),
            Self::U32(array) => primitive(out, array, row, |out, v| integer(out, v.into())),
            Self::U64(array) => primitive(out, array, row, |out, v| match i64::try_from(v) {
                Ok(v) => integer(out, v),
                Err(_) => drop(write!(out, "\"{v}\"")),
            }),
            Self::F32(array) => primitive(out, array, row, |out, v| if v.is_finite() { drop(write!(out, "{v:?}")) } else { null(out) }),
            Self::F64(array) => primitive(out, array, row, float),
            Self::Text(array, _) if array.is_null(row) => null(out),
            Self::Text(array, TextKind::Utf8) => string(out, array.as_string::<i32>().value(row)),
            Self::Text(array, TextKind::Large) => string(out, array.as_string::<i64>().value(row)),
            Self::Text(array, TextKind::View) => string(out, array.as_string_view().value(row)),
            Self::Seconds(array, zone) => primitive(out, array, row, |out, v| timestamp(out, v, 0, *zone)),
            Self::Millis(array, zone) => primitive(out, array, row, |out, v| timestamp(out, v, 3, *zone)),
            Self::Micros(array, zone) => primitive(out, array, row, |out, v| timestamp(out, v, 6, *zone)),
            Self::Nanos(array, zone) => primitive(out, array, row, |out, v| timestamp(out, v, 9, *zone)),
            Self::Numeric(array, scale) => primitive(out, array, row, |out, v| numeric(out, v, *scale)),
            Self::Interval(array) => primitive(out, array, row, |out, v| string(out, &interval_text(v))),
            Self::List(array) if array.is_null(row) => null(out),
            Self::List(array) => {
                let items = array.as_list::<i32>().value(row);
                let cells = Cells::new(&items)?;
                out.push(b'[');
                for i in 0..items.len() {
                    comma(out, i);
                    cells.write(out, i)?;
                }
                out.push(b']');
            }
            Self::Struct(_, array) if array.is_null(row) => null(out),
            Self::Struct(fields, _) => {
                out.push(b'{');
                for (i, (name, cells)) in fields.iter().enumerate() {
                    comma(out, i);
                    string(out, name);
                    out.push(b':');
                    cells.write(out, row)?;
                }
                out.push(b'}');
            }
            Self::Dictionary(keys, values) => match keys[row] {
                Some(key) => values.write(out, key)?,
                None => null(out),
            },
            Self::Other(_, array) if array.is_null(row) => null(out),
            Self::Other(formatter, _) => string(out, &formatter.value(row).try_to_string()?),
        }
        Ok(())
    }
}

const OPTIONS: FormatOptions<'static> = FormatOptions::new();

fn primitive<T: ArrowPrimitiveType>(out: &mut Vec<u8>, array: &PrimitiveArray<T>, row: usize, write: impl FnOnce(&mut Vec<u8>, T::Native)) {
    if array.is_valid(row) { write(out, array.value(row)) } else { null(out) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Decimal128Array, DictionaryArray, Float64Array, Int64Array, IntervalMonthDayNanoArray, ListArray, StringArray, StringViewArray,
        TimestampMicrosecondArray, UInt64Array,
    };
    use arrow::datatypes::IntervalMonthDayNano;

    use super::*;

    fn values(array: ArrayRef) -> String {
        let batch = RecordBatch::try_from_iter([("x", array)]).expect("a batch");
        let text = json(&batch.schema(), &[batch], false, Duration::from_micros(1500)).expect("rendered");
        let text = String::from_utf8(text).expect("UTF-8");
        let parsed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(parsed["elapsed_ms"], 1.5);
        let rows = parsed["rows"].as_array().expect("rows").iter().map(|row| row[0].to_string());
        format!("{} {}", parsed["columns"][0]["type"].as_str().expect("a type"), rows.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn integers_too_large_for_javascript_are_strings() {
        let array = Int64Array::from(vec![Some(0), Some(-9_007_199_254_740_991), Some(9_007_199_254_740_992), Some(i64::MIN), None]);
        assert_eq!(values(Arc::new(array)), r#"int8 0 -9007199254740991 "9007199254740992" "-9223372036854775808" null"#);
        assert_eq!(values(Arc::new(UInt64Array::from(vec![1, u64::MAX]))), r#"int8 1 "18446744073709551615""#);
    }

    #[test]
    fn nan_and_infinities_are_null() {
        let array = Float64Array::from(vec![0.1, -0.0, 1e300, 3.0, f64::NAN, f64::INFINITY]);
        assert_eq!(values(Arc::new(array)), "float8 0.1 -0.0 1e+300 3.0 null null");
    }

    #[test]
    fn timestamps_have_only_the_necessary_digits() {
        let array = TimestampMicrosecondArray::from(vec![0, 1_500_000, 1, -1, 1_764_000_000_123_400, i64::MAX]).with_timezone("UTC");
        assert_eq!(
            values(Arc::new(array)),
            r#"timestamptz "1970-01-01T00:00:00Z" "1970-01-01T00:00:01.5Z" "1970-01-01T00:00:00.000001Z" "1969-12-31T23:59:59.999999Z" "2025-11-24T16:00:00.1234Z" null"#
        );
    }

    #[test]
    fn texts_of_every_arrow_type_are_escaped() {
        let texts = vec![Some("a\"b\n\u{1}"), None, Some("ü")];
        assert_eq!(values(Arc::new(StringArray::from(texts.clone()))), r#"text "a\"b\n\u0001" null "ü""#);
        assert_eq!(values(Arc::new(StringViewArray::from(texts.clone()))), r#"text "a\"b\n\u0001" null "ü""#);
        let dictionary: DictionaryArray<Int32Type> = texts.into_iter().collect();
        assert_eq!(values(Arc::new(dictionary)), r#"text "a\"b\n\u0001" null "ü""#);
    }

    #[test]
    fn lists_are_arrays_and_other_types_are_strings() {
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1), None]), None, Some(vec![])]);
        assert_eq!(values(Arc::new(list)), "int8[] [1,null] null []");
        let decimal = Decimal128Array::from(vec![12_345]).with_precision_and_scale(10, 2).expect("a decimal");
        assert_eq!(values(Arc::new(decimal)), "numeric 123.45");
    }

    #[test]
    fn numerics_are_numbers_unless_their_integers_are_too_large_for_javascript() {
        let numerics =
            |values: Vec<i128>, scale| Arc::new(Decimal128Array::from(values).with_precision_and_scale(38, scale).expect("decimals"));
        assert_eq!(
            values(numerics(vec![12, -9_007_199_254_740_991, 9_007_199_254_740_992], 0)),
            r#"numeric 12 -9007199254740991 "9007199254740992""#
        );
        assert_eq!(values(numerics(vec![150, -5], 2)), "numeric 1.5 -0.05");
        // Digits that nothing declares, of a quotient.
        assert_eq!(values(numerics(vec![2_500_000_000_000_000_000, 3_000_000_000_000_000_000], 18)), "numeric 2.5 3");
    }

    #[test]
    fn local_times_have_no_zone_and_intervals_are_texts() {
        assert_eq!(values(Arc::new(TimestampMicrosecondArray::from(vec![1_500_000]))), r#"timestamp "1970-01-01T00:00:01.5""#);
        let intervals = IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(1, -2, 3_000_000_000)]);
        assert_eq!(values(Arc::new(intervals)), r#"interval "1 mon -2 days +00:00:03""#);
    }
}
