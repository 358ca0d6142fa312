//! Where a provider is: base URLs in the forms that people have at hand.
//!
//! Owns parsing and the version segment. A vendor's own client library puts a version into its base URL or does
//! not; both forms must work. Never resolves a name and never opens a socket.

use std::fmt;

use http::{HeaderValue, Uri};

use super::{BaseUrl, Kind};

/// Reads a base URL for a kind of provider. The message names no part of the URL, which may hold a secret.
pub(super) fn parse(text: &str, kind: Kind) -> Result<BaseUrl, String> {
    let text = text.trim();
    if text.contains(['?', '#']) {
        return Err("a base URL has no query and no fragment".to_owned());
    }
    let uri: Uri = text.parse().map_err(|_| "is not a URL".to_owned())?;
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err("must begin with https:// or http://".to_owned()),
    };
    let authority = uri.authority().ok_or("has no host")?;
    if authority.as_str().contains('@') {
        return Err("must not hold a user name or password; use `credentials`".to_owned());
    }
    let host = authority.host().to_ascii_lowercase();
    if host.is_empty() {
        return Err("has no host".to_owned());
    }
    let default_port = if tls { 443 } else { 80 };
    let port = match (authority.port_u16(), authority.port()) {
        (Some(0), _) => return Err("has port 0".to_owned()),
        (Some(port), _) => port,
        (None, None) if authority.as_str().len() == authority.host().len() => default_port,
        _ => return Err("has a port that is not a number up to 65535".to_owned()),
    };
    let value = if port == default_port { host.clone() } else { format!("{host}:{port}") };
    let value = HeaderValue::from_str(&value).map_err(|_| "has a host that cannot be sent")?;
    let written = uri.path().trim_end_matches('/');
    let odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    if written.split('/').skip(1).any(odd) {
        return Err("has an empty, `.` or `..` segment in its path".to_owned());
    }
    Ok(BaseUrl {
        tls,
        host: host.trim_matches(['[', ']']).to_owned(),
        port,
        authority: value,
        path: versioned(written, kind),
    })
}

/// Reads a URL without a version of its own, such as the gateway's: with its path, without a slash at the end.
pub(super) fn plain(text: &str) -> Result<String, String> {
    // This kind adds nothing to a path.
    parse(text, Kind::Kling).map(|base| base.to_string())
}

impl BaseUrl {
    /// Reads a URL that has no version of its own: its path is taken as it is, without a slash at its end.
    pub fn plain(text: &str) -> Result<Self, String> {
        // To this kind's path nothing is added.
        parse(text, Kind::DeepSeek)
    }
}

/// Adds the version segment where the kind has one and the path does not end with one.
fn versioned(path: &str, kind: Kind) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    match kind {
        Kind::OpenAi | Kind::OpenAiCompatible if path.is_empty() => "/v1".to_owned(),
        Kind::OpenAi | Kind::OpenAiCompatible | Kind::DeepSeek => path.to_owned(),
        // Kling's own paths begin with the version.
        Kind::Kling => path.strip_suffix("/v1").unwrap_or(path).to_owned(),
        _ if version(last) => path.to_owned(),
        Kind::Anthropic | Kind::Vertex => format!("{path}/v1"),
        Kind::Gemini => format!("{path}/v1beta"),
        Kind::Ark if last == "api" => format!("{path}/v3"),
        Kind::Ark => format!("{path}/api/v3"),
    }
}

/// `v1`, `v3`, `v1beta`, `v1beta1`, `v1alpha`.
fn version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix('v') else {
        return false;
    };
    let stage = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = rest.len() > stage.len();
    let stage = stage.trim_end_matches(|c: char| c.is_ascii_digit());
    number && matches!(stage, "" | "alpha" | "beta")
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let authority = self.authority.to_str().unwrap_or_default();
        write!(f, "{scheme}://{authority}{}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, kind: Kind) -> String {
        parse(text, kind).map_or_else(|why| why, |base| base.to_string())
    }

    #[test]
    fn version_segments_by_kind() {
        use Kind::{Anthropic, Ark, DeepSeek, Gemini, Kling, OpenAi, OpenAiCompatible, Vertex};
        for (kind, path, meant) in [
            (OpenAi, "", "/v1"),
            (OpenAi, "/", "/v1"),
            (OpenAi, "/v1/", "/v1"),
            (OpenAi, "/openai/v2", "/openai/v2"),
            (OpenAiCompatible, "", "/v1"),
            (OpenAiCompatible, "/api", "/api"),
            (Anthropic, "", "/v1"),
            (Anthropic, "/v1", "/v1"),
            (Anthropic, "/anthropic", "/anthropic/v1"),
            (DeepSeek, "", ""),
            (DeepSeek, "/v1", "/v1"),
            (DeepSeek, "/beta/", "/beta"),
            (Gemini, "", "/v1beta"),
            (Gemini, "/v1beta", "/v1beta"),
            (Gemini, "/v1", "/v1"),
            (Gemini, "/google/v1alpha", "/google/v1alpha"),
            (Vertex, "", "/v1"),
            (Vertex, "/v1beta1", "/v1beta1"),
            (Ark, "", "/api/v3"),
            (Ark, "/api", "/api/v3"),
            (Ark, "/api/v3", "/api/v3"),
            (Ark, "/api/plan/v3", "/api/plan/v3"),
            (Kling, "", ""),
            (Kling, "/v1", ""),
            (Kling, "/kling", "/kling"),
        ] {
            let text = format!("https://h.example{path}");
            assert_eq!(read(&text, kind), format!("https://h.example{meant}"), "{kind:?} {path}");
        }
    }

    #[test]
    fn hosts_and_ports() {
        let base = parse("http://[::1]:9000", Kind::OpenAi).unwrap();
        assert_eq!((base.host.as_str(), base.port, base.tls), ("::1", 9000, false));
        assert_eq!(base.authority, "[::1]:9000");
        let base = parse("HTTPS://API.Example.com:443/v1", Kind::OpenAi).unwrap();
        assert_eq!(base.authority, "api.example.com");
        for bad in [
            "",
            "api.openai.com",
            "ftp://h",
            "http://",
            "http://u:p@h",
            "http://h?key=1",
            "http://h/#x",
            "http://h:99999",
            "http://h:0",
            "http://h:",
            "http://h/a//b",
            "http://h/../b",
            "http://a b",
            "/v1",
        ] {
            assert!(parse(bad, Kind::OpenAi).is_err(), "{bad}");
        }
    }
}
