//! A canary whose requests a router splits (spec §2.4; issue 6). Not carried out yet: such a Rollout
//! is held.

#[cfg(test)]
mod sizes;
