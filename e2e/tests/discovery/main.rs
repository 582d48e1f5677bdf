//! Discovery with a real Kubernetes API and real PostgreSQL servers at the pods' addresses. `make test-discovery` builds the programs.

mod bootstrap;
mod enrols;
mod follows;
mod found;
mod refused;
mod setting;
