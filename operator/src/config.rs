//! The switches of a running controller.

use sluice_planner::Settings;

use crate::leader::Terms;
use crate::queue::Order;

/// How a controller runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The one namespace that it looks after; all where there is none.
    pub namespace: Option<String>,
    /// Only objects with this instance id; those without one where it is empty.
    pub instance_id: String,
    /// Passes that may be under way at once.
    pub concurrency: usize,
    /// The terms of the lease; `None` where this is the only replica.
    pub lease: Option<Terms>,
    /// What changes decisions.
    pub settings: Settings,
    /// In which order keys that are due are taken.
    pub order: Order,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            namespace: None,
            instance_id: String::new(),
            concurrency: 10,
            lease: None,
            settings: Settings::default(),
            order: Order::Fair,
        }
    }
}
