//! The picture of `fleet scale`: CPU over servers, both logarithmic, with a straight line for a linear cost.

use std::fmt::Write as _;

/// A fleet's size and cost.
pub(crate) struct Point {
    pub(crate) servers: f64,
    /// CPU seconds of the backend for a minute of the fleet.
    pub(crate) cpu_per_minute: f64,
}

impl Point {
    /// CPU seconds per server and minute.
    pub(crate) fn each(&self) -> f64 {
        self.cpu_per_minute / self.servers
    }
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 80.0;
const BOTTOM: f64 = 60.0;
const MARGIN: f64 = 30.0;

/// The SVG file.
pub(crate) fn svg(points: &[Point]) -> String {
    let bounds = |values: &mut dyn Iterator<Item = f64>| {
        let (least, most) = values.fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value.log10()), most.max(value.log10())));
        (least.floor(), most.ceil().max(least.floor() + 1.0))
    };
    let (x0, x1) = bounds(&mut points.iter().map(|point| point.servers));
    let (y0, y1) = bounds(&mut points.iter().map(|point| point.cpu_per_minute));
    let x = |value: f64| LEFT + (value.log10() - x0) / (x1 - x0) * (WIDTH - LEFT - MARGIN);
    let y = |value: f64| HEIGHT - BOTTOM - (value.log10() - y0) / (y1 - y0) * (HEIGHT - BOTTOM - MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    let mut decade = x0;
    while decade <= x1 {
        let (value, at) = (10_f64.powf(decade), x(10_f64.powf(decade)));
        let _ = writeln!(out, "<line x1=\"{at:.1}\" y1=\"{MARGIN}\" x2=\"{at:.1}\" y2=\"{}\" stroke=\"#ddd\"/>", HEIGHT - BOTTOM);
        let _ = writeln!(out, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{value}</text>", HEIGHT - BOTTOM + 20.0);
        decade += 1.0;
    }
    let mut decade = y0;
    while decade <= y1 {
        let (value, at) = (10_f64.powf(decade), y(10_f64.powf(decade)));
        let _ = writeln!(out, "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>", WIDTH - MARGIN);
        let _ = writeln!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>", LEFT - 8.0, at + 4.0);
        decade += 1.0;
    }
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        // Through the mean of all costs, so that neither end decides.
        let each = points.iter().map(|point| point.each().ln()).sum::<f64>() / points.len() as f64;
        let at = |servers: f64| (x(servers), y(servers * each.exp()));
        let ((ax, ay), (bx, by)) = (at(first.servers), at(last.servers));
        let _ =
            writeln!(out, "<line x1=\"{ax:.1}\" y1=\"{ay:.1}\" x2=\"{bx:.1}\" y2=\"{by:.1}\" stroke=\"#999\" stroke-dasharray=\"6 4\"/>");
        let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#777\">linear</text>", bx - 14.0, by - 8.0);
    }
    let path: Vec<String> = points.iter().map(|point| format!("{:.1},{:.1}", x(point.servers), y(point.cpu_per_minute))).collect();
    let _ = writeln!(out, "<polyline points=\"{}\" fill=\"none\" stroke=\"#1971c2\" stroke-width=\"2\"/>", path.join(" "));
    for point in points {
        let (x, y) = (x(point.servers), y(point.cpu_per_minute));
        let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"#1971c2\"/>");
        // At the right edge the label stands on the left, further below the line.
        let (at, below, anchor) = if x > WIDTH - 2.0 * MARGIN { (x - 4.0, 28.0, "end") } else { (x + 8.0, 16.0, "start") };
        let _ = writeln!(out, "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{:.1}</text>", y + below, point.cpu_per_minute);
    }
    let _ = writeln!(out, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">servers</text>", WIDTH / 2.0, HEIGHT - 14.0);
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"18\">CPU seconds of one backend for a minute of the fleet</text>\n</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::{Point, svg};

    #[test]
    fn every_size_is_a_point_within_the_picture() {
        let points: Vec<Point> =
            [100.0, 1_000.0, 10_000.0].into_iter().map(|servers| Point { servers, cpu_per_minute: servers / 50.0 }).collect();
        let svg = svg(&points);
        assert_eq!(svg.matches("<circle").count(), points.len());
        let inside = |axis: &str, most: f64| {
            let attribute = format!(" {axis}=\"");
            let after = svg.split(&attribute).skip(1);
            after.filter_map(|rest| rest.split('"').next()?.parse::<f64>().ok()).all(|at| (0.0..=most).contains(&at))
        };
        assert!(inside("cx", 720.0) && inside("cy", 420.0), "{svg}");
    }
}
