//! Remedies for errors of the store.

/// A remedy for an error of the store. It names no host, user or value, so it may be shown to any client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remedy(pub(crate) &'static str);

impl std::fmt::Display for Remedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// Converts a database error, and adds its [`Remedy`] as context if there is one.
pub(crate) fn explain(error: sqlx::Error) -> anyhow::Error {
    let remedy = remedy(&error);
    let error = anyhow::Error::new(error);
    match remedy {
        Some(remedy) => error.context(remedy),
        None => error,
    }
}

/// The remedy for a database error, if one is known.
pub(crate) fn remedy(error: &sqlx::Error) -> Option<Remedy> {
    let remedy = match error {
        sqlx::Error::Database(database) => {
            let code = database.code();
            let code = code.as_deref().unwrap_or_default();
            match code.parse::<i32>() {
                Ok(code) if code.to_string().len() < 5 => of_sqlite(code & 0xff),
                _ => of_postgres(code),
            }
        }
        sqlx::Error::PoolTimedOut => {
            Some("no connection to the meta store's PostgreSQL in time: check that it runs and that its max_connections suffices")
        }
        sqlx::Error::Io(_) => Some("the meta store's PostgreSQL does not answer: check that it runs and that the address is correct"),
        sqlx::Error::Tls(_) => Some("TLS with the meta store's PostgreSQL failed: check sslmode and sslrootcert in the database URL"),
        _ => None,
    };
    remedy.map(Remedy)
}

fn of_sqlite(code: i32) -> Option<&'static str> {
    match code {
        13 => Some("the disk is full: free space in the data folder, shorten the retention, or grow the volume"),
        10 => Some("reading or writing the data folder failed (full disk, file size limit, or broken disk): check the system's log"),
        8 => Some("the data folder is read-only: mount it writable"),
        11 | 26 => Some("meta.db is damaged: restore the data folder from a backup"),
        _ => None,
    }
}

fn of_postgres(code: &str) -> Option<&'static str> {
    match code {
        "53100" => {
            Some("the disk of the meta store's PostgreSQL is full: grow its volume; no rows are lost, collectors keep their batches")
        }
        "25006" => {
            Some("the meta store's PostgreSQL is read-only: connect to the primary, or list all hosts with target_session_attrs=read-write")
        }
        "53300" => Some("the meta store's PostgreSQL has no free connection: raise max_connections"),
        "28P01" | "28000" => Some("the meta store's PostgreSQL refuses this user and password: check the database URL"),
        "3D000" => Some("the database does not exist: create it, or set another in the database URL"),
        "42501" => Some("the user lacks a privilege in the meta store's database: make it the owner of the schema"),
        "42P01" | "42703" => Some("the meta store's schema is not at this version: run pganalytics migrate"),
        "57P01" | "57P02" | "57P03" => Some("the meta store's PostgreSQL is stopping or starting; retries automatically"),
        _ => None,
    }
}
