//! The listener as its clients see it: clients with valid, invalid or no certificates, without TLS, and silent ones.

mod authority;
mod certificates;
mod clients;
mod reload;
mod served;
