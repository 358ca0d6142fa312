//! Behaviour of the whole gateway, from outside.

mod config;
mod keys;
