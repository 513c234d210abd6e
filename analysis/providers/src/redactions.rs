//! The secrets that are known while a measurement is taken.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use sluice_analysis::Redactor;

/// The secrets of the metric's arguments, and those that providers meet: keys that they read,
/// tokens that they are given. Clones share what they learn.
#[derive(Clone, Default)]
pub struct Redactions(Arc<Mutex<Redactor>>);

impl fmt::Debug for Redactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactions")
    }
}

impl From<Redactor> for Redactions {
    fn from(redactor: Redactor) -> Self {
        Self(Arc::new(Mutex::new(redactor)))
    }
}

impl Redactions {
    /// Adds a secret.
    pub fn learn(&self, secret: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(secret);
    }

    /// Adds a secret, and gives it back.
    pub(crate) fn learned(&self, secret: SecretString) -> SecretString {
        self.learn(secret.expose_secret());
        secret
    }

    /// What takes out all that is known by now.
    pub fn redactor(&self) -> Redactor {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
