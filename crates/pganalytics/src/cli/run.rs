//! Runs the subcommand of a command line.

use std::process::ExitCode;

use super::{Cli, Command, command};
use crate::backend::runtime;
use crate::command::{
    all_in_one, collect, collector, completions, doctor, health, kubernetes, lake, migrate, openapi, retention, serve, sql, token, user,
    views,
};

/// Runs the subcommand.
pub(crate) fn run(Cli { command: subcommand, log }: Cli) -> anyhow::Result<ExitCode> {
    match subcommand {
        Command::AllInOne(args) => {
            log.start()?;
            runtime()?.block_on(Box::pin(all_in_one::run(*args)))?;
        }
        Command::Serve(args) => {
            log.start()?;
            runtime()?.block_on(Box::pin(serve::run(*args)))?;
        }
        Command::Collect(args) => {
            log.start()?;
            runtime()?.block_on(Box::pin(collect::run(args)))?;
        }
        Command::Migrate(args) => return runtime()?.block_on(Box::pin(migrate::run(*args))),
        Command::Lake(args) => return runtime()?.block_on(Box::pin(lake::run(args))),
        Command::Health(args) => runtime()?.block_on(Box::pin(health::run(args)))?,
        Command::Sql(args) => return runtime()?.block_on(Box::pin(sql::run(args))),
        Command::Doctor(args) => return runtime()?.block_on(Box::pin(doctor::run(*args))),
        Command::User(args) => runtime()?.block_on(Box::pin(user::run(args)))?,
        Command::Retention(args) => runtime()?.block_on(Box::pin(retention::run(args)))?,
        Command::Collector(args) => runtime()?.block_on(Box::pin(collector::run(args)))?,
        Command::Kubernetes(args) => runtime()?.block_on(Box::pin(kubernetes::run(args)))?,
        Command::Token(args) => runtime()?.block_on(Box::pin(token::run(args)))?,
        Command::Views(args) => views::run(&args)?,
        Command::Openapi => openapi::run()?,
        Command::Completions(args) => completions::run(&args, command())?,
    }
    Ok(ExitCode::SUCCESS)
}
