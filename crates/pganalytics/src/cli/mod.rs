//! The command line.
//!
//! For: parsing arguments, variables and the `[backend]` file, the groups of `--help`, and running the subcommand. Uses: `command`,
//! `backend`, `logging`. Used by: `main`.

mod config;
mod run;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub(crate) use run::run;

use crate::command;
use crate::logging::LogArgs;

/// The PostgreSQL statistics views with a memory, for a whole fleet, in SQL
#[derive(Parser)]
#[command(name = "pganalytics", version, max_term_width = 120, propagate_version = true, arg_required_else_help = true)]
#[command(long_about = "The PostgreSQL statistics views with a memory, for a whole fleet, in SQL.\n\n\
    pg_stat_statements, pg_stat_activity, pg_stat_user_tables and the other statistics views only show the present. pgAnalytics keeps \
    their history for every server, as tables with the same names and the additional columns ts and server.")]
#[command(after_help = "Start:  pganalytics all-in-one \"postgresql://postgres@localhost/postgres\"\n\
    Query:  pganalytics sql \"select server, sum(xact_commit) from pg_stat_database where ts > now() - interval '1 hour' group by 1\"")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    AllInOne(Box<command::all_in_one::Args>),
    Serve(Box<command::serve::Args>),
    Collect(command::collect::Args),
    Migrate(Box<command::migrate::Args>),
    Sql(command::sql::Args),
    Views(command::views::Args),
    Doctor(Box<command::doctor::Args>),
    Health(command::health::Args),
    User(command::user::Args),
    Token(command::token::Args),
    Collector(command::collector::Args),
    Retention(command::retention::Args),
    Lake(command::lake::Args),
    Kubernetes(command::kubernetes::Args),
    /// Print the OpenAPI document of the API (JSON)
    Openapi,
    Completions(command::completions::Args),
}

/// The groups of subcommands in `--help`. Each subcommand is in one group.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Run", &["all-in-one", "serve", "collect", "migrate"]),
    ("Query", &["sql", "views", "doctor", "health"]),
    ("Administrate", &["user", "token", "collector", "retention", "lake", "kubernetes"]),
    ("Develop", &["openapi", "completions"]),
];

/// The whole command, for parsing, help and completions.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command();
    let mut groups = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(groups, "{title}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about).map(ToString::to_string);
            let _ = writeln!(groups, "  {name:<12} {}", about.unwrap_or_default());
        }
        groups.push('\n');
    }
    let template = format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}Options:\n{{options}}{{after-help}}\n");
    command.help_template(template)
}

/// Parses the arguments. Flags and variables override a `[backend]` file.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    let matches = command().try_get_matches()?;
    // A subcommand may have subcommands. The settings belong to the innermost one.
    let (mut names, mut inner) = (Vec::new(), &matches);
    while let Some((name, matches)) = inner.subcommand() {
        names.push(name);
        inner = matches;
    }
    let file = inner.try_get_one::<PathBuf>("backend_config").ok().flatten();
    let Some(file) = file else { return Cli::from_arg_matches(&matches) };
    let failed = |error: String| clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{error}\n"));
    let layered = config::under(command(), &names, file).map_err(|error| failed(format!("{error:#}")))?;
    // The flags alone were valid, so the error is in the file.
    let matches = layered.try_get_matches().map_err(|error| {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text).split("\n\nFor more").next().unwrap_or_default().to_owned();
        failed(format!("{}: [backend]: {text}", file.display()))
    })?;
    Cli::from_arg_matches(&matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_valid() {
        command().debug_assert();
    }

    #[test]
    fn a_statement_may_begin_with_a_comment() {
        let matches =
            command().try_get_matches_from(["pganalytics", "sql", "--format", "csv", "-- the top ten\nselect 1"]).expect("parsed");
        let sql = matches.subcommand_matches("sql").expect("sql");
        assert_eq!(sql.get_one::<String>("statement").map(String::as_str), Some("-- the top ten\nselect 1"));
    }

    #[test]
    fn help_lists_every_subcommand_once() {
        let mut listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let whole = command();
        let mut known: Vec<&str> = whole.get_subcommands().map(clap::Command::get_name).collect();
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!(listed, known);
    }
}
