//! `completions`: what a shell needs to complete the command line.

use clap_complete::Shell;

use crate::{cli, output};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pganalytics completions bash > /etc/bash_completion.d/pganalytics\n  \
    pganalytics completions zsh > \"${fpath[1]}/_pganalytics\"\n  \
    pganalytics completions fish > ~/.config/fish/completions/pganalytics.fish")]
pub(crate) struct Args {
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "pganalytics", &mut text);
    output::print(text)
}
