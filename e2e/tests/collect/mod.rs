//! What a collector reads and ships: every version and view, exact counts, servers in trouble, logins, credentials, TLS.

mod canaries;
mod counting;
mod dark;
mod encrypted;
mod enrolment;
mod hostile;
mod lacking;
mod login_files;
mod names;
mod numbers;
mod slow_client;
mod standby;
mod texts;
mod too_old;
mod troubles;
mod views;
mod wanted;
mod way_in;
