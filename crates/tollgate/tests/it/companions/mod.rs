//! Routes beside conversations: counting tokens, vectors in two protocols, lists of models in three shapes.

mod counts;
mod models;
mod vectors;
