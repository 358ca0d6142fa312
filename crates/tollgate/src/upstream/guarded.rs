//! Calls to addresses that a stranger has named: webhooks, links in vendors' answers.
//!
//! The name is resolved here, every address it has is looked at, and the connection goes to one of those very
//! addresses: nothing is resolved a second time. Redirects are never followed. No connection is kept.

use super::{Call, CallError, Network, Origin, Reply, connect, http1};
use crate::config::{BaseUrl, HttpVersion};
use http::{HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// For the name, TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest URL, in bytes.
const MAX_URL: usize = 8 * 1024;
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 4;

/// A URL that a stranger has named, in the parts that are used. Nothing reads its text a second time.
#[derive(Debug, Clone)]
pub struct StrangersUrl {
    base: BaseUrl,
    /// Path and query.
    path: String,
}

/// Why a URL is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It cannot be read, or has a user's name in it.
    #[error("is not a URL that can be called")]
    Unreadable,
    /// Neither `https` nor `http`.
    #[error("must begin with https://")]
    Scheme,
    /// A port for other things.
    #[error("has a port that is not for HTTPS")]
    Port,
}

impl StrangersUrl {
    /// Reads a URL. `http` and odd ports are allowed only where the address turns out to be one of the operator's own
    /// networks.
    pub fn read(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.len() > MAX_URL || !text.is_ascii() {
            return Err(UrlError::Unreadable);
        }
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().map_err(|_| UrlError::Unreadable)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().ok_or(UrlError::Unreadable)?;
        let host = authority.host().to_ascii_lowercase();
        if authority.as_str().contains('@') || host.is_empty() {
            return Err(UrlError::Unreadable);
        }
        let usual = if tls { 443 } else { 80 };
        let port = match (authority.port_u16(), authority.port()) {
            (Some(0), _) | (None, Some(_)) => return Err(UrlError::Port),
            (Some(port), _) => port,
            (None, None) if authority.as_str().len() == authority.host().len() => usual,
            (None, None) => return Err(UrlError::Port),
        };
        let value = if port == usual { host.clone() } else { format!("{host}:{port}") };
        let authority = HeaderValue::from_str(&value).map_err(|_| UrlError::Unreadable)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { base: BaseUrl { tls, host, port, authority, path: String::new() }, path })
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it leads to the same scheme, host and port as a configured URL.
    pub fn is_at(&self, base: &BaseUrl) -> bool {
        (self.base.tls, &self.base.host, self.base.port) == (base.tls, &base.host, base.port)
    }

    /// The host.
    pub fn host(&self) -> &str {
        &self.base.host
    }

    /// Whether it may be called if its address is public.
    pub fn check(&self) -> Result<(), UrlError> {
        if !self.base.tls {
            return Err(UrlError::Scheme);
        }
        // Ports that are somebody's mail, database or shell.
        if self.base.port != 443 && self.base.port < 1024 {
            return Err(UrlError::Port);
        }
        Ok(())
    }
}

impl Network {
    /// Sends one request to a stranger's URL and waits for the head of its answer. `inside` are networks of the operator
    /// that may be reached although they are not public.
    pub async fn call_stranger(
        &self,
        url: &StrangersUrl,
        mut call: Call,
        inside: &[IpNet],
    ) -> Result<Reply, CallError> {
        call.headers.push(HeaderName::from_static("connection"), HeaderValue::from_static("close"));
        let origin = Origin::new(&url.base, HttpVersion::Http1, CONNECT);
        let io = tokio::time::timeout(CONNECT, self.connect_stranger(url, inside))
            .await
            .map_err(|_| CallError::ConnectTimeout)??;
        http1::exchange(http1::Connection::new(io), &origin, call, false).await
    }

    async fn connect_stranger(&self, url: &StrangersUrl, inside: &[IpNet]) -> Result<crate::http1::Io, CallError> {
        let refused = || CallError::Connect("the address is not one that may be called".into());
        let base = &url.base;
        let addresses: Vec<SocketAddr> = match base.host.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::new(ip, base.port)],
            Err(_) => {
                let found = tokio::net::lookup_host((base.host.as_str(), base.port)).await;
                found.map_err(|error| CallError::Connect(error.to_string()))?.collect()
            }
        };
        let own = |address: &SocketAddr| inside.iter().any(|net| net.contains(&address.ip().to_canonical()));
        let public = |address: &SocketAddr| is_public(address.ip());
        // One bad address among good ones is how a name is made to point inside later.
        let all_own = !addresses.is_empty() && addresses.iter().all(own);
        let all_public = !addresses.is_empty() && addresses.iter().all(|address| public(address) || own(address));
        if !(all_own || (all_public && url.check().is_ok())) {
            return Err(refused());
        }
        let mut last = refused();
        for address in addresses.into_iter().take(MAX_ADDRESSES) {
            match tokio::net::TcpStream::connect(address).await {
                Ok(tcp) => {
                    // A small delay of small packets does no harm if this fails.
                    let _ = tcp.set_nodelay(true);
                    return if base.tls {
                        connect::over_tls(&self.connector, &base.host, tcp).await
                    } else {
                        Ok(crate::http1::Io::Tcp(tcp))
                    };
                }
                Err(error) => last = CallError::Connect(error.to_string()),
            }
        }
        Err(last)
    }
}

/// Whether an address is one of the public internet.
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        // Carriers' own networks, protocol assignments, benchmarks, relays of 6to4.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 192 && b == 88 && c == 99))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    // Only what is handed out to networks; within it the ways in which an older address hides in a newer one.
    let global = a & 0xe000 == 0x2000;
    let teredo_and_more = a == 0x2001 && b < 0x0200;
    let documentation = (a == 0x2001 && b == 0x0db8) || (a == 0x3fff && b < 0x1000);
    global && !teredo_and_more && !documentation && a != 0x2002
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn public_addresses() {
        for public in ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.88.99.1",
            "203.0.113.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:1::",
            "2001:db8::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
    }

    #[test]
    fn urls() {
        let url = StrangersUrl::read("https://Hooks.Example.com/a/b?c=d#e").unwrap();
        assert_eq!((url.host(), url.path(), url.check()), ("hooks.example.com", "/a/b?c=d", Ok(())));
        assert_eq!(StrangersUrl::read("https://x:8443").unwrap().path(), "/");
        assert_eq!(StrangersUrl::read("http://x").unwrap().check(), Err(UrlError::Scheme));
        assert_eq!(StrangersUrl::read("https://x:22/").unwrap().check(), Err(UrlError::Port));
        for (text, wrong) in [
            ("ftp://x", UrlError::Scheme),
            ("x", UrlError::Scheme),
            ("https://user@x/", UrlError::Unreadable),
            ("https://user:p@127.0.0.1@x/", UrlError::Unreadable),
            ("https://x:0/", UrlError::Port),
            ("https://x:99999/", UrlError::Port),
            ("https://x\\y/", UrlError::Unreadable),
            ("https://é/", UrlError::Unreadable),
            ("https:///", UrlError::Unreadable),
        ] {
            assert_eq!(StrangersUrl::read(text).err(), Some(wrong), "{text}");
        }
    }

    #[tokio::test]
    async fn nothing_goes_inside() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let network = Network::new(super::super::Connector::new().unwrap());
        let call = || Call {
            method: http::Method::POST,
            path: "/".into(),
            headers: crate::lines::Lines::default(),
            body: super::super::CallBody::Whole(bytes::Bytes::new()),
        };
        for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1"] {
            for scheme in ["http", "https"] {
                let Ok(url) = StrangersUrl::read(&format!("{scheme}://{host}:{port}/")) else { continue };
                let error = network.call_stranger(&url, call(), &[]).await.err();
                assert!(matches!(error, Some(CallError::Connect(_))), "{scheme}://{host}: {error:?}");
            }
        }
        let accepted = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(accepted.is_err(), "a connection was made");
        // The operator's own networks may be reached.
        let url = StrangersUrl::read(&format!("http://127.0.0.1:{port}/")).unwrap();
        let inside = ["127.0.0.0/8".parse().unwrap()];
        let both = tokio::join!(
            listener.accept(),
            tokio::time::timeout(Duration::from_millis(50), network.call_stranger(&url, call(), &inside))
        );
        assert!(both.0.is_ok());
    }
}
