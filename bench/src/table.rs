//! A table of figures: ours, a peer's, the ratio, and the goal for the ratio.

/// The goal for the ratio of our figure to the peer's.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    None,
}

pub(crate) struct Line {
    pub(crate) figure: String,
    pub(crate) ours: f64,
    pub(crate) peer: f64,
    pub(crate) peer_name: String,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
}

/// Prints the lines as Markdown.
pub(crate) fn print(title: &str, lines: &[Line]) {
    println!("\n### {title}\n\n| figure | pgAnalytics | peer | ratio | goal | |\n|---|---:|---:|---:|---:|---|");
    for line in lines {
        let ratio = line.ours / line.peer;
        let (goal, met) = match line.goal {
            Goal::AtMost(goal) => (format!("≤ {}", fraction(goal)), verdict(ratio <= goal)),
            Goal::AtLeast(goal) => (format!("≥ {}", fraction(goal)), verdict(ratio >= goal)),
            Goal::None => ("–".into(), ""),
        };
        println!(
            "| {} | {} | {} ({}) | {} | {goal} | {met} |",
            line.figure,
            with_unit(line.ours, line.unit),
            with_unit(line.peer, line.unit),
            line.peer_name,
            fraction(ratio),
        );
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "reached" } else { "**missed**" }
}

/// A ratio for people: 1/50, 0.75, 12×.
fn fraction(ratio: f64) -> String {
    match ratio {
        ratio if ratio <= 0.0 || !ratio.is_finite() => "–".into(),
        ratio if ratio < 0.4 => format!("1/{}", short(1.0 / ratio)),
        ratio if ratio < 2.0 => format!("{ratio:.2}"),
        ratio => format!("{}×", short(ratio)),
    }
}

fn short(value: f64) -> String {
    if value < 9.95 && (value - value.round()).abs() > 0.049 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn with_unit(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        size if size >= 1000.0 || size == 0.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let mut text = format!("{value:.digits$}");
    if digits == 0 {
        for at in (1..text.len().saturating_sub(2)).rev().filter(|at| (text.len() - at) % 3 == 0).collect::<Vec<_>>() {
            text.insert(at, ',');
        }
    }
    format!("{text} {unit}")
}

#[cfg(test)]
mod tests {
    use super::{fraction, with_unit};

    #[test]
    fn ratios_read_as_people_say_them() {
        assert_eq!([0.02, 0.25, 0.75, 12.3, 2.5].map(fraction), ["1/50", "1/4", "0.75", "12×", "2.5×"]);
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(
            [1_234_567.0, 1_000.0, 12.345, 0.5].map(|value| with_unit(value, "B")),
            ["1,234,567 B", "1,000 B", "12.35 B", "0.500 B"]
        );
    }
}
