//! The parameters of a load balancer's file, and how a test changes a line of such a file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::machine::certificate::Certificate;
use crate::machine::programs::checkout;

/// The number of backends in both files.
pub const BACKENDS: usize = 3;

/// The parameters of a load balancer's file.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    pub(super) folder: &'a Path,
    pub(super) certificate: &'a Certificate,
    pub(super) http: u16,
    pub(super) https: u16,
    pub(super) backends: [SocketAddr; BACKENDS],
    /// Set if the connections to the backends use TLS.
    pub(super) inner: Option<Inner<'a>>,
}

/// How a balancer verifies the backends' certificates.
#[derive(Debug, Clone, Copy)]
pub struct Inner<'a> {
    /// The authority that signed the certificates.
    pub authority: &'a Path,
    /// The name in the certificates.
    pub name: &'a str,
}

/// The path of a file of `deploy/`.
pub(super) fn deployed(name: &str) -> PathBuf {
    checkout().join("deploy").join(name)
}

/// Replaces a line or a part of a line.
///
/// # Errors
/// If the file does not have the line.
pub(super) fn adapt(text: &str, line: &str, adapted: &str) -> Result<String> {
    ensure!(text.contains(line), "the file in deploy/ no longer has the line '{line}': change the line in e2e/src/servers/balancer too");
    Ok(text.replace(line, adapted))
}
