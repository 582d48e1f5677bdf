//! What a collector reads and ships: every version and view, exact counts, servers in trouble, logins, credentials, TLS.

mod canaries;
mod counting;
mod dark;
mod encrypted;
mod enrolment;
mod hostile;
mod login_files;
mod names;
mod numbers;
mod slow_client;
mod standby;
mod too_old;
mod troubles;
mod views;
mod way_in;
