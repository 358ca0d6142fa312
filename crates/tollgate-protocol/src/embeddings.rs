//! `POST /embeddings`: answers of many megabytes whose floats nobody here reads.

use crate::chat;
use crate::fault::Fault;
use crate::head::Spec;
use crate::json;
use crate::usage::Usage;

/// The head of a request.
pub const HEAD: Spec =
    Spec { needs: &["input"], model: Some("model"), stream: None, usage_on_demand: false, caps: &[], choices: None };

/// How much of each end of a large answer is kept to find usage in, in bytes.
pub const WINDOW: usize = 4096;

/// Checks a whole answer and reads its usage; floats are skipped, not converted.
pub fn answer(body: &[u8]) -> Result<Option<Usage>, Fault> {
    let (mut used, mut data, mut error) = (None, false, None);
    json::object(body, |member| match member.key().as_ref() {
        b"usage" => used = chat::usage(member.value),
        b"data" => data = true,
        b"error" if !member.is_null() => error = Some(member),
        _ => {}
    })
    .map_err(|_| chat::not_an_answer())?;
    if let Some(member) = error {
        return Err(chat::in_band(&member));
    }
    if data { Ok(used) } else { Err(chat::not_an_answer()) }
}

/// Finds `"usage":{…}` near the end or the start of an answer that was too large to keep.
pub fn usage_in_window(window: &[u8]) -> Option<Usage> {
    chat::usage(last_value(window, b"\"usage\"")?)
}

/// The value of the last member of that (quoted) name in a piece of a JSON text.
pub(crate) fn last_value<'a>(window: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let key = memchr::memmem::rfind(window, name)?;
    let rest = window.get(key + name.len()..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&serde_json::value::RawValue>();
    Some(values.next()?.ok()?.get().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_from_the_whole_and_from_the_tail() {
        let body = br#"{"object":"list","data":[{"embedding":[0.1,-2e-9]}],"model":"m", "usage" : {"prompt_tokens":8,"total_tokens":8}}"#;
        let whole = answer(body).unwrap().unwrap();
        assert_eq!(whole.input_tokens, 8);
        assert_eq!(usage_in_window(&body[60..]), Some(whole));
        assert_eq!(usage_in_window(b"no"), None);
        assert_eq!(answer(b"{\"data\":[0.1,").unwrap_err().status(), 502);
    }
}
