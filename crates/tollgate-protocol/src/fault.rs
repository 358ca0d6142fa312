//! What can go wrong with a request, with one meaning each.
//!
//! Rooms raise their own errors; the path turns each into a `Fault`; a protocol writes the `Fault` into its own
//! envelope. Causes stay with whoever logs them: a `Fault` holds only what the caller may read.

use std::borrow::Cow;
use std::time::Duration;

/// A failure as the caller is to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its meaning, from which status and type follow.
    pub kind: FaultKind,
    /// For a person: what happened and what to do. Holds no secret and nothing of the operator's account.
    pub message: Cow<'static, str>,
    /// For a machine.
    pub code: Cow<'static, str>,
    /// The request field it is about.
    pub param: Option<Cow<'static, str>>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// Overrules what a client library would decide from the status alone.
    pub should_retry: Option<bool>,
    /// The vendor's own body, account data taken out, for a caller who speaks the vendor's protocol.
    pub raw: Option<Vec<u8>>,
}

/// The meaning of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The request is wrong in itself.
    InvalidRequest,
    /// No key, or one that is not good.
    Unauthenticated,
    /// The budget is used up.
    BudgetExceeded,
    /// The key is good but may not do this.
    Forbidden,
    /// No such route, model or object.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// What the request refers to is in a state that does not allow it.
    Conflict,
    /// The request contradicts an earlier one.
    Contradiction,
    /// Body or upload over the limit.
    TooLarge,
    /// The caller was too slow to send what it announced.
    RequestTimeout,
    /// A limit of the key or the vendor's own rate limit.
    RateLimited,
    /// The vendor refused the caller's request for a reason in the request; the vendor's status.
    Rejected(u16),
    /// The vendor's answer broke, made no sense, or refused the operator's account.
    UpstreamBroken,
    /// The vendor is overloaded or cannot be reached, or all of its accounts rest.
    UpstreamUnavailable,
    /// The vendor says that it is overloaded, where its protocol has a status of its own for that.
    UpstreamOverloaded,
    /// The vendor did not answer in time.
    UpstreamTimeout,
    /// The gateway is shutting down or out of some resource.
    Unavailable,
    /// A fault of the gateway itself.
    Internal,
}

/// Whose concern a vendor's error is, and so what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The caller's request is wrong: tell the caller, ask nobody else.
    Caller,
    /// The operator's account is refused, locked or out of money: ask the next, and this one last for a while.
    Account,
    /// The account is over its rate: rest the credential for the time the vendor named, ask the next.
    RateLimited,
    /// The vendor has no room or is down for the moment: ask the next.
    Unavailable,
    /// The vendor failed: ask the next.
    Broken,
}

impl FaultKind {
    /// The HTTP status that every protocol here uses for it.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Unauthenticated => 401,
            Self::BudgetExceeded => 402,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Contradiction => 422,
            Self::RateLimited => 429,
            Self::Rejected(status) => status,
            Self::Internal => 500,
            Self::UpstreamBroken => 502,
            Self::UpstreamUnavailable | Self::UpstreamOverloaded | Self::Unavailable => 503,
            Self::UpstreamTimeout => 504,
        }
    }
}

impl Fault {
    /// A failure of `kind` with a machine code and a sentence.
    pub fn new(kind: FaultKind, code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            code: code.into(),
            param: None,
            retry_after: None,
            should_retry: None,
            raw: None,
        }
    }

    /// A vendor's failure, by its status: one that gave up waiting for itself (504) is told as such, whoever it is.
    pub fn failed(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        if status == 504 {
            return Self::new(FaultKind::UpstreamTimeout, "upstream_timeout", message);
        }
        Self::broken("upstream_error", message)
    }

    /// A wrong request; names the field.
    pub fn invalid(param: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FaultKind::InvalidRequest, "invalid_request", message).about(param)
    }

    /// A right request that the model or the vendor's protocol cannot express; names the field.
    pub fn unsupported(param: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FaultKind::InvalidRequest, "unsupported_parameter", message).about(param)
    }

    /// The vendor's answer broke or made no sense.
    pub fn broken(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FaultKind::UpstreamBroken, code, message)
    }

    /// Names the request field.
    #[must_use]
    pub fn about(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Says when trying again makes sense.
    #[must_use]
    pub fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Overrules the client library's own retry rule.
    #[must_use]
    pub fn retry(mut self, should: bool) -> Self {
        self.should_retry = Some(should);
        self
    }

    /// Takes a secret out of everything that the caller may read.
    pub fn conceal(&mut self, secret: &str) {
        self.reword(secret, "***");
    }

    /// Puts other words in the place of some in everything that the caller may read: the gateway's id for the vendor's.
    pub fn reword(&mut self, words: &str, others: &str) {
        let hide = |text: &mut Cow<'static, str>| {
            if !words.is_empty() && text.contains(words) {
                *text = text.replace(words, others).into();
            }
        };
        hide(&mut self.message);
        hide(&mut self.code);
        self.param.iter_mut().for_each(hide);
        if let Some(raw) = self.raw.take() {
            let mut raw: Cow<'static, str> = String::from_utf8_lossy(&raw).into_owned().into();
            hide(&mut raw);
            self.raw = Some(raw.into_owned().into_bytes());
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.kind.status()
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Fault {}
