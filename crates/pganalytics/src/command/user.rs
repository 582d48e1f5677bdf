//! `user`: the users who may log in.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use axum::http::Method;
use clap::Subcommand;
use pganalytics_server::Secret;
use pganalytics_server::lake::Role;
use serde_json::{Value, json};

use crate::client::{Client, ClientArgs};
use crate::output;
use crate::table::table;

/// Create, list, change and delete users
///
/// Uses the running backend, or the data folder if no backend runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pganalytics user add alice --role editor\n  \
    pganalytics user password alice --password-file /run/secrets/alice")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a user
    Add {
        name: String,
        /// viewer reads; editor may also change shared objects; admin may also change users and tokens
        #[arg(long, default_value_t = Role::Viewer)]
        role: Role,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// List users
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Set a user's password; this ends the user's sessions
    Password {
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Change a user's role
    Role {
        name: String,
        role: Role,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Disable a user; this ends the user's sessions
    Disable {
        name: String,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Enable a disabled user
    Enable {
        name: String,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Delete a user
    Remove {
        name: String,
        #[command(flatten)]
        client: ClientArgs,
    },
}

#[derive(Debug, clap::Args)]
struct PasswordArgs {
    /// A file with the password, or '-' for stdin; by default a password is generated and printed once
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl PasswordArgs {
    /// The password, and whether it was generated.
    fn read(&self) -> anyhow::Result<(Secret, bool)> {
        let text = match &self.password_file {
            None => return Ok((pganalytics_server::generate_password(), true)),
            Some(path) if path.as_os_str() == "-" => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("read the password from stdin")?;
                text
            }
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("read the password from {}", path.display()))?,
        };
        let password = Secret::new(text.trim_end_matches(['\r', '\n']));
        pganalytics_server::check_password(&password)?;
        Ok((password, false))
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    match args.action {
        Action::Add { name, role, password, client } => {
            let (secret, generated) = password.read()?;
            let body = json!({"name": name, "role": role, "password": secret.expose()});
            call(&client, Method::POST, &["users"], Some(body)).await?;
            output::remark(format!("created {name} with the role {role}"));
            show(&secret, generated)
        }
        Action::List { client } => {
            let users = call(&client, Method::GET, &["users"], None).await?;
            let rows: Vec<Vec<Value>> = users
                .as_array()
                .context("read the list of users")?
                .iter()
                .map(|user| {
                    let state = if user["disabled"] == true { "disabled" } else { "" };
                    vec![user["name"].clone(), user["role"].clone(), state.into(), user["created"].clone()]
                })
                .collect();
            output::print(table(&["name", "role", "state", "created"].map(String::from), &rows))
        }
        Action::Password { name, password, client } => {
            let (secret, generated) = password.read()?;
            change(&client, &name, json!({"password": secret.expose()})).await?;
            output::remark(format!("set the password of {name} and ended the user's sessions"));
            show(&secret, generated)
        }
        Action::Role { name, role, client } => change(&client, &name, json!({"role": role})).await,
        Action::Disable { name, client } => change(&client, &name, json!({"disabled": true})).await,
        Action::Enable { name, client } => change(&client, &name, json!({"disabled": false})).await,
        Action::Remove { name, client } => call(&client, Method::DELETE, &["users", &name], None).await.map(drop),
    }
}

/// Prints a generated password as the only output on stdout, for scripts.
fn show(password: &Secret, generated: bool) -> anyhow::Result<()> {
    if generated { output::line(password.expose()) } else { Ok(()) }
}

async fn change(client: &ClientArgs, name: &str, body: Value) -> anyhow::Result<()> {
    call(client, Method::PATCH, &["users", name], Some(body)).await.map(drop)
}

async fn call(args: &ClientArgs, method: Method, segments: &[&str], body: Option<Value>) -> anyhow::Result<Value> {
    let client = Client::open(args).await?;
    let answer = client.json(method, segments, body.as_ref()).await;
    client.close().await;
    answer
}
