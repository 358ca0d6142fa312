//! Usage: cached input stands inside the whole, as does reasoning. The image API counts the same way.

use crate::chat::details;
use crate::json;
use crate::usage::{Reader, ServiceTier, Usage};
use crate::write::Object;

/// The last cumulative value of each field of `usage`, over the events of a stream or one answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResponsesUsage {
    reader: Reader,
    /// A field that counts was there, if only with a zero.
    told: bool,
    input: u64,
    cached: u64,
    written: u64,
    audio_in: u64,
    image_in: u64,
    output: u64,
    reasoning: u64,
    audio_out: u64,
    image_out: u64,
    /// Searches as `usage` counts them, where a vendor does.
    counted: u64,
    /// Searches among the items of the whole answer, and among those that a stream has finished so far.
    listed: u64,
    finished: u64,
    tier: Option<ServiceTier>,
}

impl ResponsesUsage {
    /// Takes a `usage` object.
    pub fn take(&mut self, value: &[u8]) {
        let Self { reader, .. } = self;
        let mut told = false;
        let read = json::members(value, |member| match member.key().as_ref() {
            b"input_tokens" => {
                told = true;
                reader.keep(&mut self.input, member.value);
            }
            b"output_tokens" => {
                told = true;
                reader.keep(&mut self.output, member.value);
            }
            b"input_tokens_details" => details(member.value, |key, value| match key {
                b"cached_tokens" => reader.keep(&mut self.cached, value),
                b"cache_write_tokens" => reader.keep(&mut self.written, value),
                b"audio_tokens" => reader.keep(&mut self.audio_in, value),
                b"image_tokens" => reader.keep(&mut self.image_in, value),
                _ => {}
            }),
            b"output_tokens_details" => details(member.value, |key, value| match key {
                b"reasoning_tokens" => reader.keep(&mut self.reasoning, value),
                b"audio_tokens" => reader.keep(&mut self.audio_out, value),
                b"image_tokens" => reader.keep(&mut self.image_out, value),
                _ => {}
            }),
            b"server_side_tool_usage_details" => {
                let mut searches = 0;
                details(member.value, |key, value| {
                    if matches!(key, b"web_search_calls" | b"x_search_calls") {
                        searches += reader.count(value);
                    }
                });
                self.counted = self.counted.max(searches);
            }
            _ => {}
        });
        self.told |= told && read.is_ok();
    }

    /// Takes a response object: a whole answer, or what the events about the whole carry.
    pub(super) fn response(&mut self, value: &[u8]) {
        details(value, |key, value| match key {
            b"usage" => self.take(value),
            b"service_tier" => self.tier = ServiceTier::read(value).or(self.tier),
            b"tool_usage" => details(value, |key, value| {
                if key == b"web_search" {
                    details(value, |key, value| {
                        if key == b"num_requests" {
                            self.reader.keep(&mut self.counted, value);
                        }
                    });
                }
            }),
            b"output" => {
                let mut listed = 0;
                // `null` in an answer that has not begun.
                let _ = json::elements(value, |item| listed += u64::from(is_search(item)));
                self.listed = self.listed.max(listed);
            }
            _ => {}
        });
    }

    /// Takes an item that a stream has finished.
    pub(super) fn finished_item(&mut self, item: &[u8]) {
        self.finished += u64::from(is_search(item));
    }

    /// Takes the data of one event: those about the whole response carry usage, an item that is done may be a search.
    pub fn event(&mut self, data: &[u8]) {
        let (mut done, mut item) = (false, None);
        // What is no object says nothing about usage; that the stream is broken is not said here.
        let _ = json::object(data, |member| match member.key().as_ref() {
            b"type" => done = member.value == b"\"response.output_item.done\"",
            b"response" => self.response(member.value),
            b"item" => item = Some(member.value),
            _ => {}
        });
        if let Some(item) = item.filter(|_| done) {
            self.finished_item(item);
        }
    }

    /// What was used, as far as it was told.
    pub fn usage(&self) -> Option<Usage> {
        if !self.told {
            return None;
        }
        let mut reader = self.reader;
        let fresh = reader.without(self.input, self.cached + self.written);
        reader.within(self.input, self.audio_in + self.image_in);
        let cached = self.cached.min(self.input);
        let audio_in = self.audio_in.min(fresh);
        let image_in = self.image_in.min(fresh - audio_in);
        let visible = reader.without(self.output, self.reasoning);
        reader.within(visible, self.audio_out + self.image_out);
        let audio_out = self.audio_out.min(visible);
        let image_out = self.image_out.min(visible - audio_out);
        Some(Usage {
            input_tokens: fresh - audio_in - image_in,
            cache_read_tokens: cached,
            cache_write_5m_tokens: self.written.min(self.input - cached),
            output_tokens: visible - audio_out - image_out,
            reasoning_tokens: self.reasoning.min(self.output),
            audio_input_tokens: audio_in,
            audio_output_tokens: audio_out,
            image_input_tokens: image_in,
            image_output_tokens: image_out,
            tool_calls: self.counted.max(self.listed).max(self.finished),
            tier: self.tier.unwrap_or_default(),
            suspect: reader.suspect(),
            ..Usage::default()
        })
    }
}

/// Whether an item is a search that is billed by the call. Opening or searching within a page is not.
fn is_search(item: &[u8]) -> bool {
    let (mut search, mut free) = (false, false);
    details(item, |key, value| match key {
        b"type" => search = value == b"\"web_search_call\"",
        b"status" => free |= value == b"\"failed\"",
        b"action" => details(value, |key, value| free |= key == b"type" && value != b"\"search\""),
        _ => {}
    });
    search && !free
}

/// Writes the members of a `usage` object.
pub(super) fn write(object: &mut Object<'_>, used: &Usage) {
    let (input, output) = (used.total_input(), used.total_output());
    object.whole("input_tokens", input);
    {
        let mut details = object.object("input_tokens_details");
        details.whole("cached_tokens", used.cache_read_tokens);
        details.whole("cache_write_tokens", used.cache_write_5m_tokens.saturating_add(used.cache_write_1h_tokens));
        for (name, count) in [("audio_tokens", used.audio_input_tokens), ("image_tokens", used.image_input_tokens)] {
            if count > 0 {
                details.whole(name, count);
            }
        }
    }
    object.whole("output_tokens", output);
    {
        let mut details = object.object("output_tokens_details");
        details.whole("reasoning_tokens", used.reasoning_tokens);
        for (name, count) in [("audio_tokens", used.audio_output_tokens), ("image_tokens", used.image_output_tokens)] {
            if count > 0 {
                details.whole(name, count);
            }
        }
    }
    object.whole("total_tokens", input.saturating_add(output));
}

/// Reads a `usage` object; `None` where it is none or counts nothing.
pub fn usage(value: &[u8]) -> Option<Usage> {
    let mut used = ResponsesUsage::default();
    used.take(value);
    used.usage()
}

/// Reads the usage of a whole answer.
pub fn answer(body: &[u8]) -> Option<Usage> {
    std::str::from_utf8(body).ok()?;
    let mut used = ResponsesUsage::default();
    used.response(body);
    used.usage()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: &str = r#"{"id":"ws_1","type":"web_search_call","status":"completed","action":{"type":"search"}}"#;
    const OPEN: &str = r#"{"id":"ws_2","type":"web_search_call","status":"completed","action":{"type":"open_page"}}"#;
    const USAGE: &str = r#"{"input_tokens":36,"input_tokens_details":{"cached_tokens":10,"cache_write_tokens":4},"output_tokens":87,"output_tokens_details":{"reasoning_tokens":64},"total_tokens":123}"#;

    fn expected() -> Usage {
        Usage {
            input_tokens: 22,
            cache_read_tokens: 10,
            cache_write_5m_tokens: 4,
            output_tokens: 23,
            reasoning_tokens: 64,
            tool_calls: 1,
            tier: ServiceTier::Priority,
            ..Usage::default()
        }
    }

    #[test]
    fn a_whole_answer() {
        let body = format!(
            r#"{{"service_tier":"priority","output":[{SEARCH},{OPEN}],"tool_usage":{{"web_search":{{"num_requests":1}}}},"usage":{USAGE}}}"#
        );
        assert_eq!(answer(body.as_bytes()), Some(expected()));
        assert_eq!((answer(b"{\"usage\":null}"), answer(b"<html>"), usage(b"{}")), (None, None, None));
        let images = br#"{"input_tokens":20,"input_tokens_details":{"image_tokens":12,"text_tokens":8},"output_tokens":200,"output_tokens_details":{"image_tokens":196,"text_tokens":4}}"#;
        let images = usage(images).unwrap();
        assert_eq!((images.input_tokens, images.image_input_tokens), (8, 12));
        assert_eq!((images.output_tokens, images.image_output_tokens), (4, 196));
    }

    #[test]
    fn a_stream_tells_at_its_end_and_counts_each_search_once() {
        let mut used = ResponsesUsage::default();
        used.event(br#"{"type":"response.created","response":{"service_tier":"auto","output":[],"usage":null}}"#);
        used.event(format!(r#"{{"type":"response.output_item.added","item":{SEARCH}}}"#).as_bytes());
        used.event(format!(r#"{{"type":"response.output_item.done","item":{SEARCH}}}"#).as_bytes());
        assert_eq!(used.usage(), None);
        for end in ["completed", "incomplete", "failed"] {
            let mut used = used;
            let whole = format!(r#"{{"service_tier":"priority","output":[{SEARCH}],"usage":{USAGE}}}"#);
            used.event(format!(r#"{{"type":"response.{end}","response":{whole}}}"#).as_bytes());
            assert_eq!(used.usage(), Some(expected()), "{end}");
        }
    }

    #[test]
    fn impossible_usage_is_marked() {
        for bad in [
            r#"{"input_tokens":-1}"#,
            r#"{"input_tokens":1,"input_tokens_details":{"cached_tokens":2}}"#,
            r#"{"output_tokens":1,"output_tokens_details":{"reasoning_tokens":2}}"#,
        ] {
            assert!(usage(bad.as_bytes()).unwrap().suspect, "{bad}");
        }
    }
}
