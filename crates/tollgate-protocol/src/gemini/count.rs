//! `countTokens`: how many tokens a request has, told without an answer to it.
//!
//! The Gemini API counts contents alone, or a whole request inside `generateContentRequest`; Vertex counts contents with
//! what stands beside them.

use super::path::bare;
use super::{error, fields, read_request, write_request};
use crate::canonical::{Losses, Request};
use crate::codec::{Codec, InPath, Target};
use crate::fault::Fault;
use crate::fields::wrong;
use crate::json;
use crate::write;
use crate::writing::Writing;
use bytes::{Bytes, BytesMut};

/// What Vertex counts beside contents.
const BESIDE: [&[u8]; 4] = [b"contents", b"systemInstruction", b"tools", b"generationConfig"];

/// Checks a whole answer and reads the number of tokens. It uses none itself.
pub fn check_count(body: &[u8]) -> Result<u64, Fault> {
    let (mut total, mut failed) = (None, false);
    let read = json::object(body, |member| match member.key().as_ref() {
        // Left out where it is zero.
        b"totalTokens" | b"promptTokensDetails" | b"totalBillableCharacters" | b"cachedContentTokenCount" => {
            let counted = member.key().as_ref() == b"totalTokens";
            let count = if counted { json::whole(member.value) } else { None };
            total = count.or(total).or(Some(0));
        }
        b"error" => failed |= !member.is_null(),
        _ => {}
    });
    match (read, failed, total) {
        (Ok(_), false, Some(total)) => Ok(total),
        (Ok(_), false, None) if body.trim_ascii() == b"{}" => Ok(0),
        _ => Err(error::in_band(body).unwrap_or_else(crate::chat::not_an_answer)),
    }
}

/// Reads the request whose tokens are to be counted.
pub fn read_count_request(body: &[u8], path: &InPath<'_>, losses: &mut Losses) -> Result<Request, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| wrong("", "valid UTF-8"))?;
    let all = fields::read(text, "")?;
    match fields::object(&all, "generateContentRequest")? {
        Some(inner) => {
            let request = read_request::content(&inner, path, losses)?;
            all.raw("model");
            all.rest(losses);
            Ok(request)
        }
        None => read_request::content(&all, path, losses),
    }
}

/// Writes a request to count tokens. `beside`: for Vertex, which takes what is counted as it stands.
pub fn write_count_request(
    request: &Request,
    target: &Target<'_>,
    names: &dyn Codec,
    losses: &mut Losses,
    beside: bool,
) -> Result<Bytes, Fault> {
    let mut out = BytesMut::with_capacity(1024);
    if !beside {
        let mut body = write::object(&mut out);
        let mut inner = body.object("generateContentRequest");
        inner.text("model", &format!("models/{}", bare(target.model)));
        write_request::content(&mut inner, request, &mut Writing { target, names, losses })?;
        drop(inner);
        drop(body);
        return Ok(out.freeze());
    }
    let whole = write_request::request(request, &mut Writing { target, names, losses })?;
    let mut body = write::object(&mut out);
    // What was written just now is sound.
    let _ = json::members(&whole, |member| {
        let key = member.key();
        if let (true, Ok(name), Ok(value)) =
            (BESIDE.contains(&key.as_ref()), std::str::from_utf8(&key), std::str::from_utf8(member.value))
        {
            body.raw(name, value);
        }
    });
    drop(body);
    Ok(out.freeze())
}

/// Writes the number of tokens as an answer.
pub fn write_count(tokens: u64) -> Vec<u8> {
    let mut out = BytesMut::new();
    write::object(&mut out).whole("totalTokens", tokens);
    out.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Capabilities;
    use crate::gemini::GenerateContent;

    #[test]
    fn counts_are_read_and_written() {
        let told = br#"{"totalTokens": 31,"promptTokensDetails":[{"modality":"TEXT","tokenCount":31}]}"#;
        assert_eq!(check_count(told).unwrap(), 31);
        assert_eq!(check_count(&write_count(7)).unwrap(), 7);
        assert_eq!(check_count(b"{}").unwrap(), 0);
        assert_eq!(
            check_count(br#"{"error":{"code":404,"message":"m","status":"NOT_FOUND"}}"#).unwrap_err().status(),
            404
        );
        for bad in ["", "<html>", "{\"totalTokens\":", "{\"x\":1}"] {
            assert_eq!(check_count(bad.as_bytes()).unwrap_err().status(), 502, "{bad}");
        }
    }

    #[test]
    fn what_is_counted_stands_in_many_places() {
        let path = InPath { model: Some("m".into()), ..InPath::default() };
        let accepts = Capabilities::default();
        let target = Target { model: "g", accepts: &accepts, strict: false };
        let inner = r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"hi"}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}"#;
        for body in [format!("{inner}}}"), format!(r#"{{"generate_content_request":{inner},"model":"models/m"}}}}"#)] {
            let mut losses = Losses::default();
            let request = read_count_request(body.as_bytes(), &path, &mut losses).unwrap();
            let wrapped = write_count_request(&request, &target, &GenerateContent, &mut losses, false).unwrap();
            let beside = write_count_request(&request, &target, &GenerateContent, &mut losses, true).unwrap();
            assert!(losses.is_empty(), "{losses}");
            assert_eq!(
                std::str::from_utf8(&wrapped).unwrap(),
                format!(r#"{{"generateContentRequest":{{"model":"models/g",{}}}}}"#, &inner[1..])
            );
            let flat = inner.split(r#","toolConfig""#).next().unwrap();
            assert_eq!(std::str::from_utf8(&beside).unwrap(), format!("{flat}}}"));
        }
    }
}
