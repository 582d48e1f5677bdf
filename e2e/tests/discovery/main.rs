//! Discovery against a real Kubernetes API and real PostgreSQL servers at the pods' addresses. `make test-discovery` builds what it takes.

mod bootstrap;
mod enrols;
mod follows;
mod found;
mod refused;
mod setting;
