//! The way of one request through a control.

use super::duties::{Duties, UsageTail};
use super::relay::{Lease, Pool, Relay};
use crate::args::Failure;
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Incoming;
use std::error::Error;
use std::rc::Rc;

/// The body of a request on its way up: passed on, or read first.
pub(crate) type Upload = Either<Incoming, Full<Bytes>>;
/// The body of an answer on its way down: passed on, or our own.
pub(crate) type Download = Either<Relay, Full<Bytes>>;

type Fault = Box<dyn Error + Send + Sync>;

/// A reverse proxy for one upstream.
pub(crate) struct Proxy {
    host: HeaderValue,
    pool: Rc<Pool>,
    duties: Option<Duties>,
}

impl Proxy {
    /// A proxy for the upstream at an address.
    pub(crate) fn new(upstream: String, with_duties: bool) -> Result<Self, Failure> {
        Ok(Self {
            host: HeaderValue::from_str(&upstream).map_err(|_| Failure::usage("--upstream is not an address"))?,
            pool: Rc::new(Pool::new(upstream)),
            duties: with_duties.then(Duties::new),
        })
    }

    /// Passes a request up and its answer down.
    pub(crate) async fn pass(&self, request: Request<Incoming>) -> Result<Response<Download>, Fault> {
        let (mut head, body) = request.into_parts();
        let upload = match &self.duties {
            None => Either::Left(body),
            Some(duties) => {
                if !duties.knows(head.headers.get(AUTHORIZATION)) {
                    return Ok(refuse(StatusCode::UNAUTHORIZED, "unknown key"));
                }
                let whole = body.collect().await?.to_bytes();
                if !Duties::reads(&whole) {
                    return Ok(refuse(StatusCode::BAD_REQUEST, "no model"));
                }
                head.headers.insert(AUTHORIZATION, duties.upstream_key.clone());
                head.headers.remove(TRANSFER_ENCODING);
                head.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
                Either::Right(Full::new(whole))
            }
        };
        strip(&mut head.headers);
        head.headers.insert(HOST, self.host.clone());
        head.uri = match head.uri.path_and_query() {
            Some(path) => Uri::from(path.clone()),
            None => Uri::from_static("/"),
        };
        let mut sender = self.pool.sender().await?;
        let answer = sender.send_request(Request::from_parts(head, upload)).await?;
        let (mut head, body) = answer.into_parts();
        strip(&mut head.headers);
        let usage = self.duties.as_ref().map(UsageTail::new);
        let relay = Relay::new(body, Lease::new(sender, &self.pool), usage);
        Ok(Response::from_parts(head, Either::Left(relay)))
    }
}

/// Takes away the headers that belong to one connection.
fn strip(headers: &mut HeaderMap) {
    const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    for name in [CONNECTION, KEEP_ALIVE, TE, UPGRADE] {
        headers.remove(name);
    }
}

fn refuse(status: StatusCode, message: &str) -> Response<Download> {
    let body = format!(r#"{{"error":{{"message":"{message}"}}}}"#);
    let mut response = Response::new(Either::Right(Full::from(body)));
    *response.status_mut() = status;
    response
}
