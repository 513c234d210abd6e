//! The plugin
pub mod view;
