//! What a refusal means. Errors are read and written as everywhere in Google's protocols.

use crate::codec;
use crate::fault;
use crate::gemini;
use crate::video::{Meaning, Refusal};

/// What an error answer means.
pub fn refusal(status: u16, body: &[u8]) -> Refusal {
    let codec::Refusal { meaning, fault } = gemini::refusal(status, body, None);
    let meaning = match meaning {
        fault::Meaning::Caller if status == 404 => Meaning::Missing,
        fault::Meaning::Caller if is_policy(&fault.message) => Meaning::Policy,
        fault::Meaning::Caller => Meaning::Caller,
        fault::Meaning::Account => Meaning::Account,
        fault::Meaning::RateLimited => Meaning::RateLimited,
        fault::Meaning::Unavailable | fault::Meaning::Broken => Meaning::Doubtful,
    };
    let (code, message, wait) = (fault.code.into_owned(), fault.message.into_owned(), fault.retry_after);
    Refusal { meaning, code, message, wait }
}

/// Google has no code of its own for content that it will not make.
pub(super) fn is_policy(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    let words = ["usage guidelines", "responsible ai", "safety", "sensitive", "prohibited", "violat"];
    words.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn meanings() {
        let meaning = |status: u16, code: &str, reason: &str| {
            let details = json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason }]);
            let body = json!([{ "error": { "code": status, "status": code, "message": "m", "details": details } }]);
            refusal(status, body.to_string().as_bytes()).meaning
        };
        assert_eq!(meaning(400, "INVALID_ARGUMENT", ""), Meaning::Caller);
        assert_eq!(meaning(400, "INVALID_ARGUMENT", "API_KEY_INVALID"), Meaning::Account);
        assert_eq!(meaning(403, "PERMISSION_DENIED", ""), Meaning::Account);
        assert_eq!(meaning(404, "NOT_FOUND", ""), Meaning::Missing);
        assert_eq!(meaning(503, "UNAVAILABLE", ""), Meaning::Doubtful);
        let limited = br#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m","details":[
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.4s"}]}}"#;
        assert_eq!(refusal(429, limited).wait, Some(Duration::from_millis(34_400)));
    }
}
