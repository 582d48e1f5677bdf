//! Output to stdout and stderr. A closed pipe (`| head`) is not an error.

use std::io::{self, Write as _};
use std::process::ExitCode;

/// Writes to stdout. Only the results of commands go there.
pub(crate) fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(anyhow::Error::new(error).context("write to stdout")),
        _ => Ok(()),
    }
}

/// Writes a line to stdout.
pub(crate) fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    print(format!("{}\n", text.as_ref()))
}

/// Writes a remark for people to stderr. Errors are ignored.
pub(crate) fn remark(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// Prints why the command failed: the outermost context first, then each cause on its own line.
pub(crate) fn failure(error: &anyhow::Error) -> ExitCode {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("\n  because: {cause}"));
    }
    remark(text);
    ExitCode::FAILURE
}
