//! The list of models, and one model.

use super::path::Verb;
use crate::write::{self, Object};
use bytes::BytesMut;

/// Most models on one page, and how many where the caller does not say (Google's API description, 2026-08).
const MOST: usize = 1000;
const USUAL: usize = 50;

/// A model as the list tells of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Model<'a> {
    /// The name by which it is asked for.
    pub id: &'a str,
    /// The name that people see.
    pub display_name: &'a str,
    /// Most input tokens, where known.
    pub max_input_tokens: Option<u64>,
    /// Most output tokens, where known.
    pub max_output_tokens: Option<u64>,
    /// What can be done with it.
    pub verbs: &'a [Verb],
    /// Whether it thinks.
    pub thinking: bool,
}

/// Which part of a list a caller asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many.
    pub size: usize,
    /// After which model: a name that an earlier page gave.
    pub after: Option<String>,
}

impl Page {
    /// Reads `pageSize` and `pageToken` of a query without its `?`.
    pub fn of(query: Option<&str>) -> Self {
        let mut page = Self { size: USUAL, after: None };
        for (name, value) in query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "pageSize" | "page_size" => match value.parse() {
                    Ok(0) | Err(_) => {}
                    Ok(size) => page.size = MOST.min(size),
                },
                "pageToken" | "page_token" => {
                    page.after = super::path::decoded(value).map(std::borrow::Cow::into_owned);
                }
                _ => {}
            }
        }
        page.after = page.after.filter(|after| !after.is_empty());
        page
    }
}

/// Writes the part of a list that `page` asks for; `models` is the whole list, always in the same order.
pub fn write_models<'a>(models: impl IntoIterator<Item = Model<'a>>, page: &Page) -> Vec<u8> {
    let mut out = BytesMut::new();
    {
        let mut body = write::object(&mut out);
        let (mut last, mut more, mut count) = (None, false, 0);
        {
            let mut list = body.list("models");
            let mut reached = page.after.is_none();
            for model in models {
                if !reached {
                    reached = page.after.as_deref() == Some(model.id);
                } else if count < page.size {
                    count += 1;
                    last = Some(model.id);
                    write(&mut list.object(), &model);
                } else {
                    more = true;
                    break;
                }
            }
        }
        body.text_if("nextPageToken", last.filter(|_| more));
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
    let Model { id, display_name, max_input_tokens, max_output_tokens, verbs, thinking } = model;
    out.text("name", &format!("models/{id}")).text("version", "001").text("displayName", display_name);
    for (name, limit) in [("inputTokenLimit", max_input_tokens), ("outputTokenLimit", max_output_tokens)] {
        if let Some(limit) = limit {
            out.whole(name, *limit);
        }
    }
    // The list names what is streamed under the same name as what is not.
    let mut methods: Vec<&str> = verbs.iter().filter(|verb| **verb != Verb::Stream).map(|verb| verb.name()).collect();
    methods.dedup();
    out.texts("supportedGenerationMethods", methods);
    if *thinking {
        out.flag("thinking", true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(id: &str) -> Model<'_> {
        let verbs = &[Verb::Generate, Verb::Stream, Verb::CountTokens];
        Model { id, display_name: id, max_input_tokens: Some(9), max_output_tokens: None, verbs, thinking: true }
    }

    #[test]
    fn one_model() {
        assert_eq!(
            String::from_utf8(write_model(&model("openai/x"))).unwrap(),
            r#"{"name":"models/openai/x","version":"001","displayName":"openai/x","inputTokenLimit":9,"supportedGenerationMethods":["generateContent","countTokens"],"thinking":true}"#
        );
    }

    #[test]
    fn page_by_page() {
        let ids = ["a", "b/c", "d"];
        let mut seen = Vec::new();
        let mut query = "pageSize=2".to_owned();
        loop {
            let body = write_models(ids.iter().map(|id| model(id)), &Page::of(Some(&query)));
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            seen.push(value["models"].as_array().unwrap().len());
            let Some(next) = value["nextPageToken"].as_str() else { break };
            query = format!("pageSize=2&pageToken={}", next.replace('/', "%2F"));
        }
        assert_eq!(seen, [2, 1]);
        assert_eq!(Page::of(None), Page { size: USUAL, after: None });
        assert_eq!(Page::of(Some("pageSize=99999&pageToken=")).size, MOST);
        let none = write_models([], &Page::of(None));
        assert_eq!(none, br#"{"models":[]}"#);
    }
}
