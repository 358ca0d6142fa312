//! `POST /embeddings`: answers of many megabytes whose floats nobody here reads. Also a request and its vectors as they
//! cross from one protocol to another.

use crate::canonical::{EmbedRequest, Losses, Vector, Vectors};
use crate::chat;
use crate::fault::Fault;
use crate::fields::{Fields, items, missing, wrong};
use crate::head::Spec;
use crate::json;
use crate::usage::Usage;
use crate::write;
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;

/// The path below a provider's base URL.
pub const PATH: &str = "/embeddings";

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

/// Reads a request into the canonical form. Tokens by their numbers mean something to one vendor's models only.
pub fn read_request(body: &[u8], losses: &mut Losses) -> Result<EmbedRequest, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| wrong("", "valid UTF-8"))?;
    let fields = Fields::read(text, "")?;
    let input = fields.raw("input").ok_or_else(|| missing("input"))?;
    let single = input.starts_with('"');
    let texts = if single {
        vec![json::string(input.as_bytes()).ok_or_else(|| wrong("input", "a string or a list"))?.into_owned()]
    } else {
        items(input, "input")?
            .iter()
            .map(|item| match item.raw.as_bytes() {
                [b'"', ..] => item.text().map(Cow::into_owned),
                _ => Err(Fault::unsupported("input", "This model takes texts, and no tokens by their numbers.")),
            })
            .collect::<Result<_, _>>()?
    };
    if texts.is_empty() {
        return Err(Fault::invalid("input", "'input' is empty."));
    }
    let request = EmbedRequest {
        model: fields.text("model")?.unwrap_or_default().into_owned(),
        texts,
        single,
        dimensions: fields.whole("dimensions")?,
        base64: match fields.text("encoding_format")?.as_deref() {
            None | Some("float") => false,
            Some("base64") => true,
            Some(_) => return Err(wrong("encoding_format", "'float' or 'base64'")),
        },
        user: fields.text("user")?.map(Cow::into_owned),
    };
    fields.rest(losses);
    Ok(request)
}

/// Writes a request. Numbers are asked for, whatever the caller wants: every server gives them.
pub fn write_request(request: &EmbedRequest, model: &str) -> Bytes {
    let EmbedRequest { model: _, texts, single, dimensions, base64: _, user } = request;
    let mut out = BytesMut::with_capacity(256);
    {
        let mut body = write::object(&mut out);
        body.text("model", model);
        match &**texts {
            [only] if *single => {
                body.text("input", only);
            }
            all => {
                body.texts("input", all.iter().map(String::as_str));
            }
        }
        body.text("encoding_format", "float");
        if let Some(count) = dimensions {
            body.whole("dimensions", *count);
        }
        body.text_if("user", user.as_deref());
    }
    out.freeze()
}

/// Reads the vectors of an answer that [`answer`] has found sound.
pub fn read_vectors(body: &[u8]) -> Result<Vectors, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| chat::not_an_answer())?;
    let mut placed: Vec<(u64, Vector)> = Vec::new();
    let mut read = || -> Result<(), Fault> {
        let fields = Fields::read(text, "")?;
        for item in fields.list("data")?.unwrap_or_default() {
            let one = item.fields()?;
            let raw = one.raw("embedding").ok_or_else(|| missing("embedding"))?;
            let vector = match json::string(raw.as_bytes()) {
                Some(text) => Vector::Base64(text.into_owned()),
                None => Vector::Numbers(raw.to_owned()),
            };
            placed.push((one.whole("index")?.unwrap_or(placed.len() as u64), vector));
        }
        Ok(())
    };
    read().map_err(|_| chat::not_an_answer())?;
    placed.sort_by_key(|(place, _)| *place);
    Ok(Vectors { vectors: placed.into_iter().map(|(_, vector)| vector).collect(), usage: answer(body)? })
}

/// Writes vectors as an answer. `model` is the name that the caller is to see; `tokens` what was read, where the vendor
/// does not say.
pub fn write_vectors(vectors: &Vectors, request: &EmbedRequest, model: &str, tokens: u64) -> Result<Bytes, Fault> {
    let Vectors { vectors, usage } = vectors;
    let mut out = BytesMut::with_capacity(1024);
    {
        let mut body = write::object(&mut out);
        body.text("object", "list");
        let mut list = body.list("data");
        for (index, vector) in vectors.iter().enumerate() {
            let mut one = list.object();
            one.text("object", "embedding").whole("index", i64::try_from(index).unwrap_or_default());
            if request.base64 {
                one.text("embedding", &vector.base64()?);
            } else {
                one.raw("embedding", &vector.numbers()?);
            }
        }
        drop(list);
        body.text("model", model);
        let tokens = usage.map_or(tokens, |usage| usage.total_input());
        body.object("usage").whole("prompt_tokens", tokens).whole("total_tokens", tokens);
    }
    Ok(out.freeze())
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
