//! The collector's configuration: a TOML file, `PGANALYTICS_*` variables over it, and flags over both; all of it is
//! checked before anything starts.
//!
//! ```toml
//! [backend]
//! url = "https://pganalytics.example.com"    # PGANALYTICS_BACKEND_URL
//! token = "…"                                # PGANALYTICS_BACKEND_TOKEN; a token of kind collector
//! token_file = "/run/secrets/token"          # PGANALYTICS_BACKEND_TOKEN_FILE; read again for each request, so it may be rotated
//! enrolment_token = "…"                      # PGANALYTICS_BACKEND_ENROLMENT_TOKEN; instead of a token: exchanged once for a credential
//! enrolment_token_file = "/run/secrets/e"    # PGANALYTICS_BACKEND_ENROLMENT_TOKEN_FILE; the credential is kept beside the spool
//! rotate_every = "30d"                       # PGANALYTICS_BACKEND_ROTATE_EVERY; how often that credential is renewed
//! ca_file = "/etc/ssl/our-ca.pem"            # PGANALYTICS_BACKEND_CA_FILE; authorities trusted in addition to the system's
//! cert_file = "/etc/ssl/db-1.pem"            # PGANALYTICS_BACKEND_CERT_FILE; the client certificate, if the backend asks for one
//! key_file = "/etc/ssl/db-1.key"             # PGANALYTICS_BACKEND_KEY_FILE; these three are read again when they change
//! tls_min_version = "1.3"                    # PGANALYTICS_BACKEND_TLS_MIN_VERSION; or "1.2"
//!
//! [spool]
//! folder = "/var/lib/pganalytics-collector"  # PGANALYTICS_SPOOL_FOLDER
//! max_bytes = "1GiB"                         # PGANALYTICS_SPOOL_MAX_BYTES; when it is full the oldest batches are dropped
//!
//! [collector]
//! name = "db-1"                              # PGANALYTICS_COLLECTOR_NAME; the host name by default
//! listen = "127.0.0.1:8081"                  # PGANALYTICS_COLLECTOR_LISTEN; /metrics, /livez, /readyz; "off" for none
//! plain_http = true                          # PGANALYTICS_COLLECTOR_PLAIN_HTTP; needed if other machines can reach listen and there is no tls_cert
//! tls_cert = "/etc/ssl/metrics.pem"          # PGANALYTICS_COLLECTOR_TLS_CERT; serves listen over HTTPS; read again when it changes
//! tls_key = "/etc/ssl/metrics.key"           # PGANALYTICS_COLLECTOR_TLS_KEY
//! tls_min_version = "1.3"                    # PGANALYTICS_COLLECTOR_TLS_MIN_VERSION
//! tls_client_ca = "/etc/ssl/prometheus.pem"  # PGANALYTICS_COLLECTOR_TLS_CLIENT_CA; clients need a certificate of these authorities
//! tls_client_crl = "/etc/ssl/revoked.pem"    # PGANALYTICS_COLLECTOR_TLS_CLIENT_CRL; certificates that those authorities have revoked
//! tls_client_auth = "optional"               # PGANALYTICS_COLLECTOR_TLS_CLIENT_AUTH; asks for it on /metrics only; "required" by default
//! flush = "10s"                              # PGANALYTICS_COLLECTOR_FLUSH; how often a batch is closed
//! views = "/etc/pganalytics/views"           # PGANALYTICS_COLLECTOR_VIEWS; a folder with more views/*.toml
//!
//! [[target]]                                 # any number of them
//! conninfo = "postgresql://pganalytics@db-1:5432/postgres?sslmode=verify-full"  # or key=value words, as psql takes it
//! name = "db-1"                              # host:port by default
//! databases = ["*"]                          # the databases to read; `*` matches anything
//! exclude_databases = ["scratch_*"]
//! max_databases = 100
//! user_file = "/run/secrets/db-1/username"     # a login outside conninfo: both files are read at each connection, so it may
//! password_file = "/run/secrets/db-1/password" # be rotated; user_file needs password_file
//! max_connections = 2                        # one for the sampling of sessions, the others for everything else
//!
//! [kubernetes]                               # discovers and reads PostgreSQL pods; off by default
//! enabled = true                             # PGANALYTICS_KUBERNETES_ENABLED
//! namespaces = ["shop", "billing"]           # PGANALYTICS_KUBERNETES_NAMESPACES, separated by commas; all by default
//! node = "worker-1"                          # PGANALYTICS_KUBERNETES_NODE; pods of this node only, for a collector on each node
//! secrets = true                             # PGANALYTICS_KUBERNETES_SECRETS; logins come from Secrets, which are read by name
//! user = "pganalytics"                       # PGANALYTICS_KUBERNETES_USER or PGUSER; the user, if no Secret names one
//! password_file = "/run/secrets/password"    # PGANALYTICS_KUBERNETES_PASSWORD_FILE, or PGPASSWORD itself; read again after a refused login
//! database = "postgres"                      # PGANALYTICS_KUBERNETES_DATABASE
//! sslmode = "verify-ca"                      # PGANALYTICS_KUBERNETES_SSLMODE; by default the usual mode of the server's operator
//! ca_file = "/etc/ssl/postgres-ca.pem"       # PGANALYTICS_KUBERNETES_CA_FILE; authorities for all discovered servers
//! cgroups = "/host/sys/fs/cgroup"            # PGANALYTICS_KUBERNETES_CGROUPS; the node's, for CPU, throttling and memory of pods
//! volumes = "/host/var/lib/kubelet/pods"     # PGANALYTICS_KUBERNETES_VOLUMES; the kubelet's pod folders, for the use of data volumes
//! databases, exclude_databases, max_databases, max_connections  # as for a target
//! api_url, token_file, api_ca_file           # only outside a pod
//!
//! [view.pg_stat_user_indexes]                # any view, by name
//! enabled = true
//! interval = "5m"
//! timeout = "10s"
//! max_rows = 20000
//! ```
//!
//! May use `connect`.
//! Used by `operate`, `find`, `read` and `ship`.

mod backend;
mod backend_table;
mod collector;
mod kubernetes;
mod load;
mod overrides;
mod place;
mod spool;
mod target;
#[cfg(test)]
mod tests;
mod value;
mod view;

pub use backend::{Backend, Source, Token};
pub use kubernetes::{KubernetesOptions, Watched};
pub use load::Config;
pub use overrides::Overrides;
pub use place::ConfigError;
pub use spool::SpoolOptions;
pub(crate) use spool::{CREDENTIAL_FILE, credential_file};
pub use target::TargetOptions;
