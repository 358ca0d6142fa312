//! The protocols against recorded traffic of real vendors and the vendors' own descriptions of their APIs.
//!
//! `fixtures` reads the traffic, `schema` validates against the descriptions, `samples` makes requests out of them,
//! `third` asks of each such request that nothing in it is lost in silence. All four know no protocol: each protocol
//! adds its own file, its line in `third::SPOKEN`, and its cases.

mod fixtures;
mod messages;
mod samples;
mod schema;
mod third;
