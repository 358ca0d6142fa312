//! A request for a video in this dialect, JSON or form.

use super::form::Form;
use crate::fault::Fault;
use crate::json;
use crate::video::fields::{Object, is_url};
use crate::video::image;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest prompt, in characters.
const MAX_PROMPT: usize = 32_000;
/// Longest video that may be asked for, in seconds.
const MAX_SECONDS: u64 = 3600;
/// Names that a request may have; others are told as losses where the request is translated.
const KNOWN: [&str; 5] = ["model", "prompt", "seconds", "size", "input_reference"];

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// The model; empty if none is named.
    pub model: String,
    /// What is to be seen.
    pub prompt: String,
    /// Length in seconds.
    pub seconds: Option<u32>,
    /// Size in pixels.
    pub size: Option<Size>,
    /// The picture to begin with.
    pub picture: Option<Picture>,
    /// A picture by its id at a vendor's store of files.
    pub file_id: bool,
    /// Persons and things kept at the vendor.
    pub characters: bool,
    /// Names that this dialect does not have.
    pub unknown: Vec<String>,
}

/// A picture in a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Picture {
    /// Where the vendor gets it.
    Url(String),
    /// Itself.
    Data {
        /// `image/png`, `image/jpeg` or `image/webp`.
        mime: &'static str,
        /// In base64.
        base64: String,
    },
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(_) => f.write_str("Url"),
            Self::Data { mime, base64 } => write!(f, "{mime}, {} bytes", base64.len()),
        }
    }
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Size {
    /// What the protocol's own description names as the default.
    pub const USUAL: Self = Self { width: 720, height: 1280 };

    /// Reads `1280x720`.
    pub fn read(text: &str) -> Option<Self> {
        let (width, height) = text.split_once('x')?;
        let side = |text: &str| text.parse().ok().filter(|side| (64..=8192).contains(side));
        Some(Self { width: side(width)?, height: side(height)? })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// Reads a JSON request.
pub fn read_json(body: &[u8]) -> Result<Ask, Fault> {
    let body = Object::body(body)?;
    let mut ask = Ask { prompt: prompt(body.needed("prompt")?.into_owned())?, ..Ask::default() };
    ask.model = body.text("model")?.unwrap_or_default().into_owned();
    ask.seconds = match body.raw("seconds") {
        // The protocol has a string; many programs send a number.
        Some(value) => Some(seconds(&json::string(value).unwrap_or_else(|| String::from_utf8_lossy(value)))?),
        None => None,
    };
    ask.size = body.text("size")?.map(|text| size(&text)).transpose()?;
    if let Some(value) = body.raw("input_reference") {
        reference(&mut ask, &body, value)?;
    }
    ask.characters = body.has("characters");
    ask.unknown = body
        .names()
        .filter(|name| !KNOWN.contains(&&**name) && name != "characters")
        .map(|name| short(&name))
        .collect();
    Ok(ask)
}

fn reference(ask: &mut Ask, body: &Object<'_>, value: &[u8]) -> Result<(), Fault> {
    if let Some(text) = json::string(value) {
        ask.picture = Some(picture("input_reference", &text)?);
        return Ok(());
    }
    let Some(reference) = body.object("input_reference")? else { return Ok(()) };
    ask.file_id = reference.has("file_id");
    match reference.text("image_url")? {
        Some(_) if ask.file_id => {
            return Err(reference.wrong("file_id", "and 'image_url' exclude each other"));
        }
        Some(url) => ask.picture = Some(picture("input_reference.image_url", &url)?),
        None if ask.file_id => {}
        None => return Err(body.wrong("input_reference", "must have 'image_url' or 'file_id'")),
    }
    Ok(())
}

fn picture(field: &'static str, text: &str) -> Result<Picture, Fault> {
    if is_url(text) {
        return Ok(Picture::Url(text.to_owned()));
    }
    let wrong = || {
        let message = format!("'{field}' must be an https URL, or 'data:image/…;base64,…' of a png, jpeg or webp.");
        Fault::invalid(field, message)
    };
    let (_, base64) =
        text.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,")).ok_or_else(wrong)?;
    data(base64).ok_or_else(wrong)
}

/// A picture from its base64: its first bytes say what it is.
fn data(base64: &str) -> Option<Picture> {
    let start = STANDARD.decode(base64.get(..16)?).ok()?;
    let mime = image::content_type(&start)?;
    let sound = base64.trim_end_matches('=').bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
    (sound && base64.len().is_multiple_of(4)).then(|| Picture::Data { mime, base64: base64.to_owned() })
}

/// Reads a request that came as a form.
pub fn read_form(form: &Form) -> Result<Ask, Fault> {
    let mut ask = Ask::default();
    let mut seen: Vec<&str> = Vec::new();
    for part in &form.parts {
        let name = part.name.as_str();
        if seen.contains(&name) {
            return Err(Fault::invalid(name.to_owned(), format!("'{name}' is given twice.")));
        }
        seen.push(name);
        let content = form.content(part);
        if name == "input_reference" && part.is_file {
            let mime = image::content_type(content)
                .ok_or_else(|| Fault::invalid("input_reference", "'input_reference' must be a png, jpeg or webp."))?;
            ask.picture = Some(Picture::Data { mime, base64: STANDARD.encode(content) });
            continue;
        }
        let text = std::str::from_utf8(content)
            .map_err(|_| Fault::invalid(name.to_owned(), format!("'{name}' is not UTF-8.")))?;
        match name {
            "model" => text.clone_into(&mut ask.model),
            "prompt" => ask.prompt = prompt(text.to_owned())?,
            "seconds" => ask.seconds = Some(seconds(text)?),
            "size" => ask.size = Some(size(text)?),
            "input_reference" => ask.picture = Some(picture("input_reference", text)?),
            // The libraries' way of writing objects in forms.
            "input_reference[image_url]" => ask.picture = Some(picture("input_reference.image_url", text)?),
            "input_reference[file_id]" => ask.file_id = true,
            _ if name.starts_with("characters") => ask.characters = true,
            _ => ask.unknown.push(short(name)),
        }
    }
    if ask.prompt.is_empty() {
        return Err(Fault::invalid("prompt", "You must give 'prompt'."));
    }
    Ok(ask)
}

/// Reads a request to make a finished video anew: its prompt.
pub fn read_remix(body: &[u8]) -> Result<String, Fault> {
    prompt(Object::body(body)?.needed("prompt")?.into_owned())
}

fn prompt(text: String) -> Result<String, Fault> {
    if text.is_empty() || text.chars().count() > MAX_PROMPT {
        let message = format!("'prompt' must have 1 to {MAX_PROMPT} characters.");
        return Err(Fault::invalid("prompt", message));
    }
    Ok(text)
}

fn seconds(text: &str) -> Result<u32, Fault> {
    let number = text.trim().parse::<u64>().ok().filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
    let number = number.and_then(|seconds| u32::try_from(seconds).ok());
    number.ok_or_else(|| Fault::invalid("seconds", "'seconds' must be a whole number of seconds, such as \"8\"."))
}

fn size(text: &str) -> Result<Size, Fault> {
    Size::read(text).ok_or_else(|| Fault::invalid("size", "'size' must be WIDTHxHEIGHT, such as \"1280x720\"."))
}

fn short(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic() && !",;=".contains(*c)).take(64).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    const PNG: &str =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    #[test]
    fn json_in_its_forms() {
        let ask = read_json(br#"{"prompt":"a cat","model":"m","seconds":"8","size":"1280x720","zzz":1}"#).unwrap();
        assert_eq!((ask.seconds, ask.size.unwrap().to_string()), (Some(8), "1280x720".into()));
        assert_eq!(ask.unknown, ["zzz"]);
        assert_eq!(read_json(br#"{"prompt":"a","seconds":8}"#).unwrap().seconds, Some(8));
        let data = format!("data:image/png;base64,{PNG}");
        for body in [
            format!(r#"{{"prompt":"a","input_reference":{{"image_url":"{data}"}}}}"#),
            format!(r#"{{"prompt":"a","input_reference":"{data}"}}"#),
        ] {
            let picture = read_json(body.as_bytes()).unwrap().picture;
            assert_eq!(picture, Some(Picture::Data { mime: "image/png", base64: PNG.into() }));
        }
        let url = read_json(br#"{"prompt":"a","input_reference":{"image_url":"https://x.example/a.png"}}"#).unwrap();
        assert_eq!(url.picture, Some(Picture::Url("https://x.example/a.png".into())));
    }

    #[test]
    fn wrong_fields_are_named() {
        for (body, field) in [
            (r"{}", "prompt"),
            (r#"{"prompt":""}"#, "prompt"),
            (r#"{"prompt":1}"#, "prompt"),
            (r#"{"prompt":"a","seconds":"soon"}"#, "seconds"),
            (r#"{"prompt":"a","seconds":0}"#, "seconds"),
            (r#"{"prompt":"a","seconds":1.5}"#, "seconds"),
            (r#"{"prompt":"a","size":"720p"}"#, "size"),
            (r#"{"prompt":"a","size":"1x1"}"#, "size"),
            (r#"{"prompt":"a","model":1}"#, "model"),
            (r#"{"prompt":"a","input_reference":{}}"#, "input_reference"),
            (r#"{"prompt":"a","input_reference":5}"#, "input_reference"),
            (r#"{"prompt":"a","input_reference":"data:image/gif;base64,R0lGODlhAQABAAAAACw="}"#, "input_reference"),
            (r#"{"prompt":"a","input_reference":{"image_url":"x","file_id":"f"}}"#, "input_reference.file_id"),
        ] {
            assert_eq!(read_json(body.as_bytes()).unwrap_err().param.unwrap(), field, "{body}");
        }
    }

    #[test]
    fn forms_hold_files() {
        let png = STANDARD.decode(PNG).unwrap();
        let mut body = b"--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na cat\r\n--b\r\n\
            Content-Disposition: form-data; name=\"input_reference\"; filename=\"a.png\"\r\n\r\n"
            .to_vec();
        body.extend_from_slice(&png);
        body.extend_from_slice(b"\r\n--b\r\nContent-Disposition: form-data; name=\"seconds\"\r\n\r\n12\r\n--b--\r\n");
        let ask = read_form(&Form::read(body.into(), "b").unwrap()).unwrap();
        assert_eq!((ask.prompt.as_str(), ask.seconds), ("a cat", Some(12)));
        assert_eq!(ask.picture, Some(Picture::Data { mime: "image/png", base64: PNG.into() }));
    }
}
