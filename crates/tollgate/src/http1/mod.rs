//! HTTP/1.1 as bytes: strict heads, body framing, and the connection underneath. Both sides use it: the door for
//! callers, the upstream room for vendors.
//!
//! Why by hand and not hyper: the front door must refuse what hyper accepts (bare LF, a length beside chunking, two
//! hosts, absolute targets), and streams are where a general HTTP library costs most. `docs/decisions/0001-http1.md` has the
//! figures. HTTP/2 is hyper's, on both sides.

mod body;
mod head;
mod io;
mod watchdog;

pub use body::{BodyDecoder, CHUNK_HEAD, DecodeError, Framing, LAST_CHUNK, chunk_head};
pub use head::{HeadError, Limits, RequestHead, ResponseHead, head_end, request, response};
pub(crate) use head::{authority, canonical_path, canonical_query};
pub use io::{Io, fill, with_scratch};
pub use watchdog::Watchdog;
