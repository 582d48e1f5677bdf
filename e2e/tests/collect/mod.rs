//! What a collector reads and ships: every version and view, exact counts, servers in trouble, logins, credentials, TLS.

mod canaries;
mod counting;
mod dark;
mod encrypted;
mod enrolment;
mod login_files;
mod names;
mod numbers;
mod standby;
mod too_old;
mod troubles;
mod views;
