//! The hosts of a connection string.

use std::fmt;
use std::path::PathBuf;

use super::error::ConninfoError;
use crate::connect::secret::Secret;

const DEFAULT_PORT: u16 = 5432;
/// The folders of the socket: that of Debian and most distributions, and PostgreSQL's own default.
pub(super) const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// One of the hosts of a connection string.
#[derive(Clone, PartialEq, Eq)]
pub struct Host {
    pub at: Address,
    pub port: u16,
    /// The password from the string, from `PGPASSWORD` or from the password file, which has one password per host.
    pub password: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host name or an IP address.
    Tcp(String),
    /// The folder of the server's Unix socket.
    Socket(PathBuf),
}

impl Host {
    /// Whether the address means the local machine on every machine: a socket, or a loopback address.
    #[must_use]
    pub fn is_here(&self) -> bool {
        match &self.at {
            Address::Socket(_) => true,
            Address::Tcp(name) => {
                name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Address::Tcp(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Address::Tcp(host) => write!(f, "{host}:{}", self.port),
            Address::Socket(_) => write!(f, "localhost:{}", self.port),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Pairs the hosts and ports as libpq does.
pub(super) fn addresses(host: Option<&str>, hostaddr: Option<&str>, port: Option<&str>) -> Result<Vec<(Address, u16)>, ConninfoError> {
    let list = |text: Option<&str>| text.map(|text| text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>());
    let (hosts, addresses, ports) = (list(host), list(hostaddr), list(port).unwrap_or_default());
    let names = match (hosts, addresses) {
        (Some(hosts), Some(addresses)) if hosts.len() != addresses.len() => {
            return Err(ConninfoError::new("host and hostaddr list different numbers of hosts", "list one hostaddr per host"));
        }
        // An address replaces the look-up of the name. If the address is empty, the name is looked up.
        (Some(hosts), Some(addresses)) => {
            hosts.into_iter().zip(addresses).map(|(host, address)| if address.is_empty() { host } else { address }).collect()
        }
        (Some(names), None) | (None, Some(names)) => names,
        (None, None) => vec![String::new()],
    };
    if ports.len() > 1 && ports.len() != names.len() {
        return Err(ConninfoError::new("host and port list different numbers of hosts", "write one port, or one port per host"));
    }
    let port_of = |i: usize| match ports.get(if ports.len() == 1 { 0 } else { i }).map(String::as_str) {
        None | Some("") => Ok(DEFAULT_PORT),
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| ConninfoError::new("a port is not a number from 1 to 65535", "write the server's port, such as 5432")),
    };
    names
        .into_iter()
        .enumerate()
        .map(|(i, name)| {
            let port = port_of(i)?;
            let at = match name.as_str() {
                "" => default_address(port),
                folder if folder.starts_with('/') => Address::Socket(name.into()),
                folder if folder.starts_with('@') => {
                    return Err(ConninfoError::new("abstract sockets are not supported", "write the folder of the server's socket"));
                }
                _ => Address::Tcp(name),
            };
            Ok((at, port))
        })
        .collect()
}

/// The local server's socket if it exists, else localhost.
fn default_address(port: u16) -> Address {
    let there = |folder: &&str| PathBuf::from(folder).join(format!(".s.PGSQL.{port}")).exists();
    SOCKET_FOLDERS
        .iter()
        .find(|folder| there(folder))
        .map_or_else(|| Address::Tcp("localhost".into()), |folder| Address::Socket(folder.into()))
}
