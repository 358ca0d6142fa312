//! What is kept of one response.

use bytes::BytesMut;
use std::borrow::Cow;
use tollgate_protocol::fields::Fields;
use tollgate_protocol::write;

/// One kept response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    /// The vendor keeps it.
    Theirs {
        /// The account that can read it.
        account: String,
        /// The vendor's id.
        id: String,
        /// The response that it went on from, by the gateway's id.
        previous: Option<String>,
    },
    /// The gateway keeps it.
    Ours {
        /// The response that it went on from, by the gateway's id.
        previous: Option<String>,
        /// The request's own items, as a list.
        input: String,
        /// The response as the caller got it.
        response: String,
    },
}

impl Kept {
    pub(super) fn written(&self) -> BytesMut {
        let mut out = BytesMut::with_capacity(512);
        let mut object = write::object(&mut out);
        match self {
            Self::Theirs { account, id, previous } => {
                object.text("account", account).text("id", id).text_if("previous", previous.as_deref());
            }
            Self::Ours { previous, input, response } => {
                object.text_if("previous", previous.as_deref()).raw("input", input).raw("response", response);
            }
        }
        drop(object);
        out
    }

    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let fields = Fields::read(std::str::from_utf8(text).ok()?, "").ok()?;
        let previous = fields.text("previous").ok()?.map(Cow::into_owned);
        if let Some(account) = fields.text("account").ok()? {
            let id = fields.text("id").ok()??.into_owned();
            return Some(Self::Theirs { account: account.into_owned(), id, previous });
        }
        let (input, response) = (fields.raw("input")?.to_owned(), fields.raw("response")?.to_owned());
        Some(Self::Ours { previous, input, response })
    }
}

/// Where an item is that a vendor gave its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// At this account.
    Account(String),
    /// In a response that the gateway keeps under this id.
    Response(String),
}

impl Place {
    pub(super) fn written(&self) -> BytesMut {
        let mut out = BytesMut::with_capacity(64);
        let (name, value) = match self {
            Self::Account(account) => ("account", account),
            Self::Response(id) => ("response", id),
        };
        write::object(&mut out).text(name, value);
        out
    }

    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let fields = Fields::read(std::str::from_utf8(text).ok()?, "").ok()?;
        let text = |name: &str| fields.text(name).ok().flatten().map(Cow::into_owned);
        text("account").map(Self::Account).or_else(|| text("response").map(Self::Response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for kept in [
            Kept::Theirs { account: "a".into(), id: "resp_\"".into(), previous: None },
            Kept::Ours { previous: Some("resp_1".into()), input: "[1.0]".into(), response: "{\"id\":\"x\"}".into() },
        ] {
            assert_eq!(Kept::read(&kept.written()), Some(kept));
        }
        for place in [Place::Account("p:\"1".into()), Place::Response("resp_1".into())] {
            assert_eq!(Place::read(&place.written()), Some(place));
        }
        for other in ["", "{}", "7", r#"{"input":[]}"#] {
            assert_eq!(Place::read(other.as_bytes()), None, "{other}");
            assert_eq!(Kept::read(other.as_bytes()), None, "{other}");
        }
    }
}
