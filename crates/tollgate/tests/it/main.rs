//! Behaviour of the whole gateway, from outside.

mod keys;
