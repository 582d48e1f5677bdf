//! What a collector reads and ships: every version and view, exact counts, servers in trouble, logins, credentials, TLS.

mod counting;
mod dark;
mod encrypted;
mod enrolment;
mod lacking;
mod login_files;
mod names;
mod numbers;
mod standby;
mod texts;
mod too_old;
mod troubles;
mod views;
mod wanted;
