//! Scenarios: a YAML file says what is there, what happens and what must come of it; the same file
//! runs in memory and against a real control plane, against any controller.

mod backend;
mod expect;
mod file;
pub mod gitops;
mod in_memory;
mod mirror;
mod named;
mod promises;
mod resources;
mod routers;
mod run;
mod user;
mod way_out;

pub use backend::{
    Backend, ControllerUnderTest, Environment, PROMETHEUS_ADDRESS, Pending, Running, Start, Write,
    tally,
};
pub use file::{
    CannotRead, ControllerOptions, Prometheus, Refuse, Scenario, Span, read_yaml,
    read_yaml_documents,
};
pub use in_memory::{Dying, InMemory};
pub use mirror::Seen;
pub use promises::{Breach, Onlooker, PROMISES, Writer};
pub use resources::{kind_of, path, plural_of};
pub use routers::crds::of_set as router_crds;
pub use routers::gateway::{GatewayOptions, Verifies};
pub use run::{Care, Outcome, run};
