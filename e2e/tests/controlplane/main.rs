//! The control plane against itself: that it starts, that its pods do what they are told, that it
//! watches its users, and that nothing of it is left.

mod lifecycle;
mod objects;
mod pods;
mod support;
mod users;
