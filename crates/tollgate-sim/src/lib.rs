//! Pretend providers.
