//! What a create or a remix asks for, as JSON or as a form, checked as the vendor documents it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    multipart::parts,
    openai::{
        check::given,
        error::{Failure, missing, not_supported, wrong_type},
        object,
    },
    videos::{Call, image::image, life::Wish, media::RATE, shape::Shape, ticket::Kind},
};

/// A request that can be taken.
pub(super) struct Ask {
    pub model: String,
    pub prompt: String,
    pub wish: Wish,
}

/// The model when none is named.
const USUAL: &str = "sora-2";
const SECONDS: &[&str] = &["4", "8", "12"];
const SIZES: &[&str] = &["720x1280", "1280x720", "1024x1792", "1792x1024"];
/// Sizes of the larger models beside those, and what tells such a model.
const LARGE: (&str, &[&str]) = ("-pro", &["1920x1080", "1080x1920"]);
const PROMPT: usize = 32_000;

/// The fields of a request; files aside.
struct Form {
    fields: Map<String, Value>,
    file: Option<Vec<u8>>,
}

pub(super) fn read(call: &Call<'_>) -> Result<Ask, Failure> {
    let Form { fields, file } = form(call)?;
    let model = word(&fields, "model")?.unwrap_or_else(|| USUAL.to_owned());
    let prompt = prompt(&fields)?;
    let seconds = word(&fields, "seconds")?.unwrap_or_else(|| "4".to_owned());
    if !SECONDS.contains(&seconds.as_str()) {
        return Err(not_supported("seconds", &seconds, SECONDS));
    }
    let size = word(&fields, "size")?.unwrap_or_else(|| "720x1280".to_owned());
    let large = model.contains(LARGE.0) && LARGE.1.contains(&size.as_str());
    let shape = Shape::sized(&size).filter(|_| large || SIZES.contains(&size.as_str()));
    let shape = shape.ok_or_else(|| not_supported("size", &size, SIZES))?;
    match (file, given(&fields, "input_reference")) {
        (Some(bytes), _) => fits(&bytes, shape)?,
        (None, Some(reference)) => refers(reference, shape)?,
        (None, None) => {}
    }
    let frames = seconds.parse::<u16>().unwrap_or(4) * u16::try_from(RATE).unwrap_or(24);
    let mut wish = Wish::new(Kind::OpenAi, shape, frames);
    wish.audio = true;
    Ok(Ask { model, prompt, wish })
}

/// The prompt of a remix.
pub(super) fn remixed(call: &Call<'_>) -> Result<String, Failure> {
    prompt(&form(call)?.fields)
}

/// The model a request names, for errors about it.
pub(super) fn model(call: &Call<'_>) -> String {
    let named = form(call).ok().and_then(|form| word(&form.fields, "model").ok().flatten());
    named.unwrap_or_else(|| USUAL.to_owned())
}

fn form(call: &Call<'_>) -> Result<Form, Failure> {
    let kind = call.request.header("content-type").unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("multipart/") {
        return Ok(Form { fields: object(call.request.body)?, file: None });
    }
    let parts = parts(kind, call.request.body)
        .ok_or_else(|| Failure::plain("We could not parse the multipart body of your request."))?;
    let mut form = Form { fields: Map::new(), file: None };
    for part in parts {
        if part.filename.is_some() {
            form.file = Some(part.data.to_vec()).filter(|_| part.name == "input_reference").or(form.file);
        } else {
            let text = String::from_utf8_lossy(part.data).into_owned();
            // An object in a form is its JSON.
            let value =
                if text.starts_with('{') { serde_json::from_str(&text).unwrap_or(json!(text)) } else { json!(text) };
            form.fields.insert(part.name.to_owned(), value);
        }
    }
    Ok(form)
}

fn word(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Failure> {
    match given(fields, name) {
        None => Ok(None),
        Some(Value::String(word)) if !word.is_empty() => Ok(Some(word.clone())),
        Some(Value::String(_)) => Err(missing(name)),
        Some(other) => Err(wrong_type(name, "a string", other)),
    }
}

fn prompt(fields: &Map<String, Value>) -> Result<String, Failure> {
    let prompt = word(fields, "prompt")?.ok_or_else(|| missing("prompt"))?;
    let length = prompt.chars().count();
    if length > PROMPT {
        let why = format!(
            "Invalid 'prompt': string too long. Expected a string with maximum length {PROMPT}, but got a string with \
             length {length} instead."
        );
        return Err(Failure::invalid(why, "prompt", "string_above_max_length"));
    }
    Ok(prompt)
}

/// A reference in JSON: an address, a picture in base64, or a file's id; exactly one.
fn refers(reference: &Value, shape: Shape) -> Result<(), Failure> {
    let Some(fields) = reference.as_object() else {
        return Err(wrong_type("input_reference", "an object", reference));
    };
    match (word(fields, "image_url")?, word(fields, "file_id")?) {
        (Some(url), None) => {
            if let Some((_, data)) = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
                let bytes = STANDARD.decode(data).map_err(|_| invalid("the data of 'image_url' is not base64"))?;
                return fits(&bytes, shape);
            }
            let fetched = url.starts_with("https://") || url.starts_with("http://");
            if fetched { Ok(()) } else { Err(invalid("'image_url' is neither an address nor a data URL")) }
        }
        (None, Some(_)) => Ok(()),
        _ => Err(invalid("expected exactly one of 'image_url' and 'file_id'")),
    }
}

fn invalid(why: &str) -> Failure {
    Failure::invalid(format!("Invalid 'input_reference': {why}."), "input_reference", "invalid_value")
}

/// A picture must be one of three kinds, and as large as the clip.
fn fits(bytes: &[u8], shape: Shape) -> Result<(), Failure> {
    let kinds = "Supported file formats are 'image/jpeg', 'image/png', and 'image/webp'.";
    let image = image(bytes).ok_or_else(|| {
        let why = format!("Invalid file 'input_reference': unsupported mimetype ('application/octet-stream'). {kinds}");
        Failure::invalid(why, "input_reference", "unsupported_file_mimetype")
    })?;
    if (image.width, image.height) != (shape.width, shape.height) {
        return Err(Failure::plain("Inpaint image must match the requested width and height"));
    }
    Ok(())
}
