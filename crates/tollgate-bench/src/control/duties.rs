//! The least a gateway does for a request: who asks, for which model, and what it used.

use crate::sample::CONTROL_KEY;
use http::HeaderValue;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

/// Keys on file.
const KEYS: u32 = 10_000;
/// An answer's usage stands near its end; so many bytes are kept to find it there.
const TAIL: usize = 2048;

/// What the duties need to know.
pub(crate) struct Duties {
    keys: HashMap<[u8; 32], u32>,
    /// The key that goes upstream.
    pub(crate) upstream_key: HeaderValue,
    tokens: Rc<Cell<u64>>,
}

#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(default)]
    stream: bool,
}

impl Duties {
    /// Files ten thousand keys.
    pub(crate) fn new() -> Self {
        let mut keys: HashMap<[u8; 32], u32> =
            (0..KEYS).map(|i| (hash(format!("sk-other-{i:04}").as_bytes()), i)).collect();
        keys.insert(hash(CONTROL_KEY.as_bytes()), KEYS);
        Self { keys, upstream_key: HeaderValue::from_static("Bearer sk-upstream"), tokens: Rc::default() }
    }

    /// Whether a request's key is on file.
    pub(crate) fn knows(&self, authorization: Option<&HeaderValue>) -> bool {
        authorization
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
            .is_some_and(|key| self.keys.contains_key(&hash(key)))
    }

    /// Reads the model and whether the answer is to be streamed; false if there is no model.
    pub(crate) fn reads(body: &[u8]) -> bool {
        match serde_json::from_slice::<Asked<'_>>(body) {
            Ok(asked) => {
                std::hint::black_box(asked.stream);
                !asked.model.is_empty()
            }
            Err(_) => false,
        }
    }
}

fn hash(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// The last bytes of an answer, searched for the usage when it ends.
pub(crate) struct UsageTail {
    kept: Vec<u8>,
    tokens: Rc<Cell<u64>>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl UsageTail {
    /// Starts on an answer.
    pub(crate) fn new(duties: &Duties) -> Self {
        Self { kept: Vec::with_capacity(TAIL), tokens: Rc::clone(&duties.tokens) }
    }

    /// Looks at the next piece.
    pub(crate) fn see(&mut self, piece: &[u8]) {
        if piece.len() >= TAIL {
            self.kept.clear();
        } else if self.kept.len() + piece.len() > 2 * TAIL {
            let old = self.kept.len().saturating_sub(TAIL);
            self.kept.drain(..old);
        }
        self.kept.extend_from_slice(&piece[piece.len().saturating_sub(TAIL)..]);
    }

    /// Counts the tokens once the answer is complete.
    pub(crate) fn count(self) {
        const NAME: &[u8] = b"\"usage\":";
        let Some(at) = memchr::memmem::rfind(&self.kept, NAME) else {
            return;
        };
        let object = &self.kept[at + NAME.len()..];
        let mut found = serde_json::Deserializer::from_slice(object).into_iter::<Usage>();
        if let Some(Ok(usage)) = found.next() {
            let sum = usage.prompt_tokens.saturating_add(usage.completion_tokens);
            self.tokens.set(self.tokens.get().saturating_add(sum));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duties, UsageTail};
    use crate::sample;
    use http::HeaderValue;

    #[test]
    fn keys_and_models_are_read() {
        let duties = Duties::new();
        let value = HeaderValue::from_str(&format!("Bearer {}", sample::CONTROL_KEY)).unwrap();
        assert!(duties.knows(Some(&value)));
        assert!(!duties.knows(Some(&HeaderValue::from_static("Bearer sk-nobody"))));
        assert!(!duties.knows(None));
        assert!(Duties::reads(sample::chat_request("m", None).as_bytes()));
        assert!(!Duties::reads(b"{}"));
    }

    #[test]
    fn usage_is_found_whatever_the_cuts() {
        let duties = Duties::new();
        let mut stream = String::new();
        sample::stream_start(&mut stream);
        for index in 0..20 {
            sample::stream_chunk(&mut stream, index, 7);
        }
        sample::stream_end(&mut stream);
        let mut expected = 0;
        for answer in [sample::chat_answer(), stream] {
            for piece in [1, 100, 2047, 2048, 5000, usize::MAX] {
                let mut tail = UsageTail::new(&duties);
                for part in answer.as_bytes().chunks(piece) {
                    tail.see(part);
                }
                tail.count();
                expected += 73;
                assert_eq!(duties.tokens.get(), expected, "pieces of {piece}");
            }
        }
    }
}
