//! `completions`: shell completions of the command line.

use clap_complete::Shell;

use crate::output;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pganalytics completions bash > /etc/bash_completion.d/pganalytics\n  \
    pganalytics completions zsh > \"${fpath[1]}/_pganalytics\"\n  \
    pganalytics completions fish > ~/.config/fish/completions/pganalytics.fish")]
pub(crate) struct Args {
    shell: Shell,
}

/// Prints the completions of the whole command.
pub(crate) fn run(args: &Args, mut command: clap::Command) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "pganalytics", &mut text);
    output::print(text)
}
