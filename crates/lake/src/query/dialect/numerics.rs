//! Exact decimal arithmetic over scaled integers. Halves round away from zero, as PostgreSQL's `numeric` does.

use arrow::datatypes::i256;
use datafusion::error::Result;

use super::kinds::{DIGITS, invalid};

/// 10 to a power up to 76.
fn ten(power: u32) -> Option<i256> {
    if power <= 38 { Some(i256::from_i128(10_i128.pow(power))) } else { ten(38)?.checked_mul(ten(power.checked_sub(38)?)?) }
}

/// Divides, and rounds halves away from zero.
fn quotient(dividend: i256, divisor: i256) -> Option<i256> {
    let (whole, rest) = (dividend.checked_div(divisor)?, dividend.checked_rem(divisor)?);
    let twice = rest.checked_abs()?.checked_mul(i256::from_i128(2))?;
    if twice < divisor.checked_abs()? {
        return Some(whole);
    }
    let away = if dividend.is_negative() == divisor.is_negative() { i256::ONE } else { i256::MINUS_ONE };
    whole.checked_add(away)
}

/// As [`quotient`], of small numbers. The divisor is not zero.
fn rounded(dividend: i128, divisor: i128) -> Option<i128> {
    let (whole, rest) = (dividend.checked_div(divisor)?, dividend.checked_rem(divisor)?);
    if rest.unsigned_abs() < divisor.unsigned_abs() - rest.unsigned_abs() {
        return Some(whole);
    }
    whole.checked_add(if (dividend < 0) == (divisor < 0) { 1 } else { -1 })
}

/// Changes the number of digits after the point.
pub(crate) fn rescaled(value: i128, from: i8, to: i8) -> Result<i128> {
    if from == to {
        return Ok(value);
    }
    let distance = u32::from(from.abs_diff(to));
    let made = ten(distance).and_then(|power| {
        let value = i256::from_i128(value);
        if to > from { value.checked_mul(power) } else { quotient(value, power) }
    });
    narrow(made)
}

fn narrow(value: Option<i256>) -> Result<i128> {
    in_range(value.and_then(i256::to_i128))
}

/// A numeric that has at most 38 digits.
pub(crate) fn in_range(value: Option<i128>) -> Result<i128> {
    value
        .filter(|value| value.unsigned_abs() < 10_u128.pow(u32::from(DIGITS)))
        .ok_or_else(|| invalid("numeric out of range: it has at most 38 digits; cast to double precision for larger numbers"))
}

/// A product, with so many digits after the point.
pub(crate) fn product((left, left_scale): (i128, i8), (right, right_scale): (i128, i8), scale: i8) -> Result<i128> {
    let product = i256::from_i128(left).checked_mul(i256::from_i128(right));
    let surplus = i16::from(left_scale) + i16::from(right_scale) - i16::from(scale);
    let power = ten(u32::from(surplus.unsigned_abs()));
    narrow(product.zip(power).and_then(|(product, power)| if surplus >= 0 { quotient(product, power) } else { product.checked_mul(power) }))
}

/// A quotient, with so many digits after the point.
pub(crate) fn ratio((left, left_scale): (i128, i8), (right, right_scale): (i128, i8), scale: i8) -> Result<i128> {
    if right == 0 {
        return Err(invalid("division by zero"));
    }
    let shift = i16::from(scale) + i16::from(right_scale) - i16::from(left_scale);
    // Most numbers are small, and wide division is slow.
    let dividend = u32::try_from(shift).ok().filter(|shift| *shift <= 38).and_then(|shift| left.checked_mul(10_i128.pow(shift)));
    if let Some(dividend) = dividend {
        return in_range(rounded(dividend, right));
    }
    let power = ten(u32::from(shift.unsigned_abs()));
    let (left, right) = (i256::from_i128(left), i256::from_i128(right));
    narrow(
        power.and_then(
            |power| if shift >= 0 { quotient(left.checked_mul(power)?, right) } else { quotient(left, right.checked_mul(power)?) },
        ),
    )
}

/// Parses a decimal number, with or without an exponent. `None` if the text is not a number.
pub(crate) fn parsed(text: &str, scale: i8) -> Option<Result<i128>> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first()? {
        b'-' => (true, &mantissa[1..]),
        b'+' => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let all = [whole, fraction].concat();
    let significant = all.trim_start_matches('0');
    let scale_written = i16::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let shift = i16::from(scale).checked_sub(scale_written)?;
    let made = (|| {
        if significant.is_empty() {
            return Some(i256::ZERO);
        }
        // Digits far behind the last kept one cannot change it.
        let value = significant.get(..significant.len().min(70))?.parse::<i256>().ok()?;
        let shift = shift.checked_add(i16::try_from(significant.len().saturating_sub(70)).ok()?)?;
        let distance = u32::from(shift.unsigned_abs());
        match (shift >= 0, ten(distance.min(76))) {
            (true, Some(power)) if distance <= 76 => value.checked_mul(power),
            (false, Some(power)) if distance <= 76 => quotient(value, power),
            (false, _) => Some(i256::ZERO),
            _ => None,
        }
    })();
    let made = if negative { made.and_then(i256::checked_neg) } else { made };
    Some(narrow(made))
}

/// The text of a decimal number.
pub(crate) fn written(value: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_away_from_zero() {
        for (value, rounded) in [(25, 3), (-25, -3), (24, 2), (15, 2), (-15, -2), (0, 0)] {
            assert_eq!(rescaled(value, 1, 0).expect("in range"), rounded, "{value}");
        }
    }

    #[test]
    fn numbers_are_parsed_and_written() {
        for (text, scale, value) in [("1.5", 1, 15), ("-1.25", 1, -13), (".5", 2, 50), ("1e3", 0, 1_000), ("12e-1", 2, 120), (" 7 ", 0, 7)]
        {
            assert_eq!(parsed(text, scale).expect(text).expect(text), value, "{text}");
        }
        for text in ["", "-", ".", "x", "1.2.3", "1e", "0x10", "1_0"] {
            assert!(parsed(text, 0).is_none(), "{text}");
        }
        assert!(parsed("1e40", 0).expect("a number").is_err());
        assert_eq!(written(-5, 2), "-0.05");
        assert_eq!(written(120, 0), "120");
    }

    #[test]
    fn quotients_have_the_digits_asked_for() {
        assert_eq!(ratio((1, 0), (30, 1), 18).expect("in range"), 333_333_333_333_333_333);
        assert_eq!(ratio((2, 0), (3, 0), 2).expect("in range"), 67);
        assert!(ratio((1, 0), (0, 0), 2).is_err());
        assert_eq!(product((15, 1), (15, 1), 1).expect("in range"), 23);
    }
}
