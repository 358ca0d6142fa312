//! Control proxies: what a gateway built on hyper costs before it does anything of its own.
//!
//! `hyper` passes requests and answers on frame by frame over pooled connections. `duties` does what no
//! gateway can leave out on top: it looks up the key, reads the model from the request, swaps the key and
//! reads the usage from the answer.

mod duties;
mod proxy;
mod relay;

use crate::args::{Args, Failure};
use crate::net::Place;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use proxy::Proxy;
use std::rc::Rc;

/// Runs a control.
pub(crate) fn run(kind: &str, mut args: Args) -> Result<(), Failure> {
    let with_duties = match kind {
        "hyper" => false,
        "duties" => true,
        _ => return Err(Failure::usage("control is hyper or duties")),
    };
    let place = Place::take(&mut args)?;
    let upstream: String = args.need("upstream")?;
    args.finish()?;
    let proxy = Rc::new(Proxy::new(upstream, with_duties)?);
    place.serve(move |stream| {
        let proxy = Rc::clone(&proxy);
        async move {
            let service = service_fn(move |request| {
                let proxy = Rc::clone(&proxy);
                async move { proxy.pass(request).await }
            });
            let connection =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            // An error here is a caller that left, or an upstream that did.
            let _ = connection.await;
        }
    })
}
