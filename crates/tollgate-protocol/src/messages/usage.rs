//! What was used: cached input stands beside the fresh one, thinking inside the output.

use crate::chat::details;
use crate::json;
use crate::usage::{Reader, ServiceTier, Usage};
use crate::write::Object;

/// The last cumulative value of each field of `usage`, over the events of a stream or one answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct MessagesUsage {
    reader: Reader,
    /// A field that counts was there, if only with a zero.
    told: bool,
    top: Counts,
    /// Sum over the inner calls of one request, where the vendor made several.
    inner: Counts,
    searches: u64,
    tier: Option<ServiceTier>,
}

/// The fields that a request and each of its inner calls have alike.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    input: u64,
    read: u64,
    written: u64,
    written_5m: u64,
    written_1h: u64,
    output: u64,
    thinking: u64,
}

impl Counts {
    /// Takes one member; whether it is a field that counts.
    fn take(&mut self, reader: &mut Reader, key: &[u8], value: &[u8]) -> bool {
        match key {
            b"input_tokens" => reader.keep(&mut self.input, value),
            b"output_tokens" => reader.keep(&mut self.output, value),
            b"cache_read_input_tokens" => reader.keep(&mut self.read, value),
            b"cache_creation_input_tokens" => reader.keep(&mut self.written, value),
            b"cache_creation" => details(value, |key, value| match key {
                b"ephemeral_5m_input_tokens" => reader.keep(&mut self.written_5m, value),
                b"ephemeral_1h_input_tokens" => reader.keep(&mut self.written_1h, value),
                _ => {}
            }),
            b"output_tokens_details" => details(value, |key, value| {
                if key == b"thinking_tokens" {
                    reader.keep(&mut self.thinking, value);
                }
            }),
            _ => return false,
        }
        true
    }

    /// Both, field by field, by `join`.
    fn with(&self, other: &Self, join: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            input: join(self.input, other.input),
            read: join(self.read, other.read),
            written: join(self.written, other.written),
            written_5m: join(self.written_5m, other.written_5m),
            written_1h: join(self.written_1h, other.written_1h),
            output: join(self.output, other.output),
            thinking: join(self.thinking, other.thinking),
        }
    }
}

impl MessagesUsage {
    /// Takes a `usage` object.
    pub fn take(&mut self, value: &[u8]) {
        let Self { reader, top, .. } = self;
        let (mut told, mut inner) = (false, Counts::default());
        let read = json::members(value, |member| match member.key().as_ref() {
            b"iterations" => {
                // `null` where there was one call only.
                let _ = json::elements(member.value, |call| {
                    let mut counts = Counts::default();
                    details(call, |key, value| {
                        counts.take(reader, key, value);
                    });
                    inner = inner.with(&counts, u64::saturating_add);
                });
            }
            b"server_tool_use" => details(member.value, |key, value| {
                if key == b"web_search_requests" {
                    reader.keep(&mut self.searches, value);
                }
            }),
            b"service_tier" => self.tier = ServiceTier::read(member.value).or(self.tier),
            // A speed that is sold beside the tiers, at rates of its own.
            b"speed" if member.value == b"\"fast\"" => self.tier = Some(ServiceTier::Priority),
            key => told |= top.take(reader, key, member.value),
        });
        if read.is_ok() {
            self.told |= told;
            self.inner = self.inner.with(&inner, u64::max);
        }
    }

    /// What was used, as far as it was told.
    pub fn usage(&self) -> Option<Usage> {
        if !self.told {
            return None;
        }
        let mut reader = self.reader;
        // The totals leave out calls that condensed the context, were advice or were made again by another model.
        let counts = self.top.with(&self.inner, u64::max);
        let visible = reader.without(counts.output, counts.thinking);
        Some(Usage {
            input_tokens: counts.input,
            cache_read_tokens: counts.read,
            // What is not said to be kept for long is kept shortly.
            cache_write_5m_tokens: counts.written.saturating_sub(counts.written_1h).max(counts.written_5m),
            cache_write_1h_tokens: counts.written_1h,
            output_tokens: visible,
            reasoning_tokens: counts.thinking.min(counts.output),
            tool_calls: self.searches,
            tier: self.tier.unwrap_or_default(),
            suspect: reader.suspect(),
            ..Usage::default()
        })
    }
}

/// Reads a `usage` object; `None` where it is none or counts nothing.
pub fn usage(value: &[u8]) -> Option<Usage> {
    let mut used = MessagesUsage::default();
    used.take(value);
    used.usage()
}

/// Reads the usage of a whole answer.
pub fn answer(body: &[u8]) -> Option<Usage> {
    let mut used = None;
    json::object(body, |member| {
        if member.key().as_ref() == b"usage" {
            used = usage(member.value);
        }
    })
    .ok()?;
    used
}

/// Writes usage as this protocol counts: the fresh input beside the cached one, thinking inside the output. What was
/// heard or seen is input like any other here.
pub(super) fn write(object: &mut Object<'_>, usage: &Usage) {
    let written = usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens);
    let cached = written.saturating_add(usage.cache_read_tokens);
    object.whole("input_tokens", usage.total_input().saturating_sub(cached));
    object.whole("cache_creation_input_tokens", written);
    object.whole("cache_read_input_tokens", usage.cache_read_tokens);
    let mut kept = object.object("cache_creation");
    kept.whole("ephemeral_5m_input_tokens", usage.cache_write_5m_tokens);
    kept.whole("ephemeral_1h_input_tokens", usage.cache_write_1h_tokens);
    drop(kept);
    object.whole("output_tokens", usage.total_output());
    object.object("output_tokens_details").whole("thinking_tokens", usage.reasoning_tokens);
    if usage.tool_calls > 0 {
        let mut tools = object.object("server_tool_use");
        tools.whole("web_search_requests", usage.tool_calls).whole("web_fetch_requests", 0);
    } else {
        object.null("server_tool_use");
    }
    let tier = match usage.tier {
        ServiceTier::Standard => Some("standard"),
        ServiceTier::Priority => Some("priority"),
        ServiceTier::Batch => Some("batch"),
        ServiceTier::Flex => None,
    };
    object.text_or_null("service_tier", tier).null("inference_geo");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_stand_beside_and_thinking_inside() {
        let told = br#"{"input_tokens":51,"cache_creation_input_tokens":30,"cache_read_input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":1699,"output_tokens_details":{"thinking_tokens":139},"server_tool_use":{"web_search_requests":2},"service_tier":"batch"}"#;
        let expected = Usage {
            input_tokens: 51,
            cache_read_tokens: 7,
            cache_write_5m_tokens: 10,
            cache_write_1h_tokens: 20,
            output_tokens: 1560,
            reasoning_tokens: 139,
            tool_calls: 2,
            tier: ServiceTier::Batch,
            ..Usage::default()
        };
        assert_eq!(usage(told), Some(expected));
        let body = [b"{\"usage\":", told.as_slice(), b"}"].concat();
        assert_eq!(answer(&body), Some(expected));
        let unsplit = usage(br#"{"input_tokens":1,"cache_creation_input_tokens":30}"#).unwrap();
        assert_eq!((unsplit.cache_write_5m_tokens, unsplit.cache_write_1h_tokens), (30, 0));
        assert_eq!((usage(b"null"), usage(b"{}"), answer(b"[")), (None, None, None));
        assert!(usage(br#"{"output_tokens":1,"output_tokens_details":{"thinking_tokens":2}}"#).unwrap().suspect);
    }

    #[test]
    fn a_stream_keeps_the_last_value_of_each_field() {
        let mut used = MessagesUsage::default();
        assert_eq!(used.usage(), None);
        used.take(br#"{"input_tokens":2037,"cache_read_input_tokens":9,"output_tokens":1}"#);
        let cut = used.usage().unwrap();
        assert_eq!((cut.input_tokens, cut.cache_read_tokens, cut.output_tokens), (2037, 9, 1));
        used.take(br#"{"input_tokens":15665,"cache_read_input_tokens":null,"output_tokens":89}"#);
        used.take(br#"{"input_tokens":0,"output_tokens":-3}"#);
        let whole = used.usage().unwrap();
        assert_eq!((whole.input_tokens, whole.cache_read_tokens, whole.output_tokens), (15665, 9, 89));
        assert!(whole.suspect);
    }

    #[test]
    fn inner_calls_that_the_totals_leave_out_are_counted() {
        let told = br#"{"input_tokens":229,"output_tokens":5,"cache_creation_input_tokens":0,"iterations":[{"input_tokens":100,"output_tokens":131,"cache_creation_input_tokens":55096,"cache_creation":{"ephemeral_5m_input_tokens":55096},"type":"compaction"},{"input_tokens":229,"output_tokens":5,"type":"message"}]}"#;
        let usage = usage(told).unwrap();
        assert_eq!((usage.input_tokens, usage.cache_write_5m_tokens, usage.output_tokens), (329, 55096, 136));
    }
}
