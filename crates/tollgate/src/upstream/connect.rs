//! New connections: name, TCP with happy eyeballs (hyper-util's connector), TLS with ALPN.

use super::{CallError, Origin};
use crate::config::HttpVersion;
use crate::http1::Io;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tower::Service;

/// Why no TLS client can be set up.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct TlsSetupError(String);

/// Opens connections to vendors.
pub struct Connector {
    tcp: HttpConnector,
    any: TlsConnector,
    http1: TlsConnector,
    http2: TlsConnector,
}

/// A fresh connection and what is to be spoken on it.
pub(super) enum Connected {
    Http1(Io),
    Http2(Io),
}

impl Connector {
    /// Trusts the system's certificates (`SSL_CERT_FILE` and `SSL_CERT_DIR` included), or the web's own list where
    /// the system has none.
    pub fn new() -> Result<Self, TlsSetupError> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in rustls_native_certs::load_native_certs().certs {
            // A store may hold certificates that no TLS library reads; the others count.
            let _ = roots.add(certificate);
        }
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let speaking = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
            TlsConnector::from(Arc::new(config))
        };
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        Ok(Self {
            tcp,
            any: speaking(&[b"h2", b"http/1.1"]),
            http1: speaking(&[b"http/1.1"]),
            http2: speaking(&[b"h2"]),
        })
    }

    pub(super) async fn connect(&self, origin: &Origin) -> Result<Connected, CallError> {
        tokio::time::timeout(origin.connect_timeout, self.open(origin)).await.map_err(|_| CallError::ConnectTimeout)?
    }

    async fn open(&self, origin: &Origin) -> Result<Connected, CallError> {
        let base = &origin.base;
        let host = if base.host.contains(':') { format!("[{}]", base.host) } else { base.host.clone() };
        let uri = http::Uri::builder()
            .scheme(if base.tls { "https" } else { "http" })
            .authority(format!("{host}:{}", base.port))
            .path_and_query("/")
            .build()
            .map_err(|e| CallError::Connect(e.to_string()))?;
        let tcp = self.tcp.clone().call(uri).await.map_err(|e| CallError::Connect(chain(&e)))?.into_inner();
        if !base.tls {
            let io = Io::Tcp(tcp);
            return Ok(if origin.http == HttpVersion::Http2 { Connected::Http2(io) } else { Connected::Http1(io) });
        }
        let name = ServerName::try_from(base.host.clone()).map_err(|e| CallError::Tls(e.to_string()))?;
        let connector = match origin.http {
            HttpVersion::Auto => &self.any,
            HttpVersion::Http1 => &self.http1,
            HttpVersion::Http2 => &self.http2,
        };
        let tls = connector.connect(name, tcp).await.map_err(|e| CallError::Tls(e.to_string()))?;
        let agreed_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        if origin.http == HttpVersion::Http2 && !agreed_http2 {
            return Err(CallError::Tls("the provider does not speak HTTP/2".into()));
        }
        let io = Io::ClientTls(Box::new(tls));
        Ok(if agreed_http2 { Connected::Http2(io) } else { Connected::Http1(io) })
    }
}

/// TLS over a connection that is there already, for HTTP/1.1.
pub(super) async fn over_tls(connector: &Connector, host: &str, tcp: tokio::net::TcpStream) -> Result<Io, CallError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|e| CallError::Tls(e.to_string()))?;
    let tls = connector.http1.connect(name, tcp).await.map_err(|e| CallError::Tls(e.to_string()))?;
    Ok(Io::ClientTls(Box::new(tls)))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
