//! The list of models, and one model.

use crate::canonical::{Capabilities, Effort, SchemaSupport};
use crate::write::{self, Object};
use bytes::BytesMut;

/// A model as the list tells of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Model<'a> {
    /// The name by which it is asked for.
    pub id: &'a str,
    /// The name that people see.
    pub display_name: &'a str,
    /// When it came out, in Unix seconds.
    pub created: i64,
    /// Most input tokens, where known.
    pub max_input_tokens: Option<u64>,
    /// Most output tokens, where known.
    pub max_tokens: Option<u64>,
    /// What it accepts, where known.
    pub capabilities: Option<&'a Capabilities>,
}

/// Writes a list. `more`: there are more after it.
pub fn write_models<'a>(models: impl IntoIterator<Item = Model<'a>>, more: bool) -> Vec<u8> {
    let mut out = BytesMut::new();
    let (mut first, mut last) = (None, None);
    {
        let mut body = write::object(&mut out);
        {
            let mut list = body.list("data");
            for model in models {
                first.get_or_insert(model.id);
                last = Some(model.id);
                write(&mut list.object(), &model);
            }
        }
        body.flag("has_more", more).text_or_null("first_id", first).text_or_null("last_id", last);
    }
    out.to_vec()
}

/// Writes one.
pub fn write_model(model: &Model<'_>) -> Vec<u8> {
    let mut out = BytesMut::new();
    write(&mut write::object(&mut out), model);
    out.to_vec()
}

fn write(out: &mut Object<'_>, model: &Model<'_>) {
    let limit = |out: &mut Object<'_>, name, limit: Option<u64>| match limit {
        Some(limit) => {
            out.whole(name, limit);
        }
        None => {
            out.null(name);
        }
    };
    out.text("type", "model").text("id", model.id).text("display_name", model.display_name);
    out.text("created_at", &time(model.created));
    limit(out, "max_input_tokens", model.max_input_tokens);
    limit(out, "max_tokens", model.max_tokens);
    match model.capabilities {
        Some(accepts) => capabilities(&mut out.object("capabilities"), accepts),
        None => {
            out.null("capabilities");
        }
    }
}

/// What the protocol asks of a model. The vendor's own services (batches, code execution, editing of the context)
/// are not the gateway's to promise.
fn capabilities(out: &mut Object<'_>, accepts: &Capabilities) {
    let supported = |out: &mut Object<'_>, name, is| {
        out.object(name).flag("supported", is);
    };
    for (name, is) in [
        ("batch", false),
        ("citations", false),
        ("code_execution", false),
        ("image_input", accepts.image_input),
        ("pdf_input", accepts.document_input),
        ("structured_outputs", accepts.schema == SchemaSupport::Native),
    ] {
        supported(out, name, is);
    }
    {
        let mut context = out.object("context_management");
        context.flag("supported", false);
        for name in ["clear_thinking_20251015", "clear_tool_uses_20250919", "compact_20260112"] {
            context.null(name);
        }
    }
    let thinking = &accepts.thinking;
    {
        let mut effort = out.object("effort");
        effort.flag("supported", !thinking.efforts.is_empty());
        for level in [Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max] {
            supported(&mut effort, level.name(), thinking.efforts.has(level));
        }
    }
    let mut out = out.object("thinking");
    out.flag("supported", thinking.adaptive || thinking.budget);
    let mut types = out.object("types");
    supported(&mut types, "adaptive", thinking.adaptive);
    supported(&mut types, "enabled", thinking.budget);
}

/// Unix seconds as RFC 3339, in UTC. Years before 0 and after 9999 have no place there and become the nearest.
fn time(seconds: i64) -> String {
    let seconds = seconds.clamp(-62_167_219_200, 253_402_300_799);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The calendar counted from 1 March 0000, so that the leap day is the last of its year.
    let day = days + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_772_323_199, "2026-02-28T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
            (i64::MIN, "0000-01-01T00:00:00Z"),
        ] {
            assert_eq!(time(seconds), text);
        }
    }

    #[test]
    fn a_list_names_its_ends() {
        let model = |id| Model {
            id,
            display_name: id,
            created: 0,
            max_input_tokens: None,
            max_tokens: Some(9),
            capabilities: None,
        };
        let list = String::from_utf8(write_models([model("a"), model("b")], true)).unwrap();
        assert!(list.ends_with(r#""has_more":true,"first_id":"a","last_id":"b"}"#), "{list}");
        assert!(list.starts_with(r#"{"data":[{"type":"model","id":"a","#));
        let none = String::from_utf8(write_models([], false)).unwrap();
        assert_eq!(none, r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#);
    }
}
