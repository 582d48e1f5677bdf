//! The listener from outside: clients with good and bad certificates, with none, with no TLS at all, and silent ones.

mod authority;
mod reload;
mod clients;
mod served;
