//! Quantities of Kubernetes.

use pganalytics_kubernetes::api::Quantity;

/// Parses a quantity of Kubernetes: "500m", "2", "1Gi", "1e3".
#[must_use]
pub(super) fn parse(quantity: &Quantity) -> Option<f64> {
    let text = quantity.0.trim();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    // `1e3` ends in a digit, so an exponent is never taken for a suffix. `1E` is one exa.
    let factor = match &text[number.len()..] {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024_f64.powi(2),
        "Gi" => 1024_f64.powi(3),
        "Ti" => 1024_f64.powi(4),
        "Pi" => 1024_f64.powi(5),
        "Ei" => 1024_f64.powi(6),
        _ => return None,
    };
    // For suffixes below one, the number is divided, not multiplied: 500m is then exactly a half.
    let number: f64 = number.parse().ok()?;
    Some(if factor < 1.0 { number / (1.0 / factor).round() } else { number * factor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_in_kubernetes_notation_are_parsed() {
        for (text, value) in
            [("500m", 0.5), ("2", 2.0), ("0.1", 0.1), ("1Gi", 1_073_741_824.0), ("128M", 128e6), ("1e3", 1000.0), ("1E", 1e18)]
        {
            assert_eq!(parse(&Quantity(text.into())), Some(value), "{text}");
        }
        for text in ["", "x", "1 Gi", "1Gib", "m"] {
            assert_eq!(parse(&Quantity(text.into())), None, "{text}");
        }
    }
}
