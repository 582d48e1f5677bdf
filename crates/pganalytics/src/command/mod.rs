//! The subcommands, one a file.

pub(crate) mod all_in_one;
pub(crate) mod collect;
pub(crate) mod collector;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod health;
pub(crate) mod kubernetes;
pub(crate) mod lake;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod retention;
pub(crate) mod serve;
pub(crate) mod sql;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod views;

use std::process::ExitCode;

use crate::backend::runtime;
use crate::cli::{Cli, Command};

/// Runs the subcommand that was asked for.
pub(crate) fn run(Cli { command, log }: Cli) -> anyhow::Result<ExitCode> {
    match command {
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
        Command::Completions(args) => completions::run(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}
