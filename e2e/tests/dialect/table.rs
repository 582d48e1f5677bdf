//! The table of expressions.

/// An expression with PostgreSQL's answer.
#[derive(Debug)]
pub(crate) struct Case {
    /// The line in the file, counted from 1.
    pub(crate) line: usize,
    /// The whole statement.
    pub(crate) statement: String,
    /// The rows as psql shows them: ` | ` between columns, ` ; ` between rows. `error` if PostgreSQL refuses.
    pub(crate) answer: String,
    /// The backend refuses what PostgreSQL answers.
    pub(crate) refused: bool,
}

/// Reads the table. `expressions.txt` says how it is written.
pub(crate) fn table(text: &str) -> Vec<Case> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let cases = lines.map(|(at, line)| {
        let (refused, rest) = line.strip_prefix("! ").map_or((false, line), |rest| (true, rest));
        let (expression, answer) = rest.rsplit_once(" => ").unwrap_or_else(|| panic!("line {} has no answer: {line}", at + 1));
        let is_statement = ["select ", "with ", "values "].iter().any(|word| expression.starts_with(word));
        let statement = if is_statement { expression.to_owned() } else { format!("select {expression}") };
        Case { line: at + 1, statement, answer: answer.to_owned(), refused }
    });
    cases.collect()
}

/// Whether two answers are the same. Numbers may differ in how many digits are written, and in the digits after the 15th.
pub(crate) fn same(ours: &str, theirs: &str) -> bool {
    let cells = |answer: &str| answer.split(" ; ").map(|row| row.split(" | ").map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>();
    let (ours, theirs) = (cells(ours), cells(theirs));
    ours.len() == theirs.len()
        && ours
            .iter()
            .zip(&theirs)
            .all(|(ours, theirs)| ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| equal(ours, theirs)))
}

fn equal(ours: &str, theirs: &str) -> bool {
    if ours == theirs {
        return true;
    }
    let number = |text: &str| text.parse::<f64>().ok().filter(|_| text.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
    let is_whole = |text: &str| !text.contains(['.', 'e']);
    match (number(ours), number(theirs)) {
        (Some(left), Some(right)) if !(is_whole(ours) && is_whole(theirs)) => (left - right).abs() <= 1e-14 * left.abs().max(right.abs()),
        _ => false,
    }
}
