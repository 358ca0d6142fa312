#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::*;
use crate::clock;
use crate::money;
use proptest::prelude::*;
use tollgate_protocol::usage::{ServiceTier, Usage};

fn price(kind: Kind, model: &str) -> &'static Arc<Price> {
    PriceBook::catalogue().find(kind, model).unwrap_or_else(|| panic!("{model} has no price"))
}

fn usd(kind: Kind, model: &str, usage: Usage) -> String {
    let amount = price(kind, model).amount(&usage, 1_795_000_000_000);
    assert!(!amount.unpriced, "{model}");
    money::print(amount.nano)
}

/// Computed by hand from the vendors' price pages as the catalogue has them.
#[test]
fn as_the_price_pages_say() {
    let chat = Usage {
        input_tokens: 1_000,
        cache_read_tokens: 2_000,
        output_tokens: 300,
        reasoning_tokens: 700,
        ..Usage::default()
    };
    // gpt-5-mini: 0.25 in, 0.025 cached, 2 out: 1000×0.25 + 2000×0.025 + 1000×2 millionths.
    assert_eq!(usd(Kind::OpenAi, "gpt-5-mini", chat), "0.002300000");
    // Priority: 0.45, 0.045, 3.6; flex: 0.125, 0.0125, 1.
    assert_eq!(usd(Kind::OpenAi, "gpt-5-mini", Usage { tier: ServiceTier::Priority, ..chat }), "0.004140000");
    assert_eq!(usd(Kind::OpenAi, "gpt-5-mini", Usage { tier: ServiceTier::Flex, ..chat }), "0.001150000");
    // claude-sonnet-4-5: 3 in, 0.30 read, 3.75 and 6 written, 15 out, searches at 10 a thousand.
    let claude = Usage { cache_write_5m_tokens: 1_000, cache_write_1h_tokens: 1_000, tool_calls: 3, ..chat };
    assert_eq!(usd(Kind::Anthropic, "claude-sonnet-4-5", claude), "0.058350000");
    // gemini-2.5-pro: 1.25 and 10 up to 200,000 tokens of input, above it 2.50 and 15 for all of them.
    let long = |input_tokens| Usage { input_tokens, output_tokens: 100, ..Usage::default() };
    assert_eq!(usd(Kind::Gemini, "gemini-2.5-pro", long(200_000)), "0.251000000");
    assert_eq!(usd(Kind::Gemini, "gemini-2.5-pro", long(200_001)), "0.501502500");
    // What is cached counts towards the step, and is paid at the step's 0.25.
    let cached = Usage { cache_read_tokens: 1, ..long(200_000) };
    assert_eq!(usd(Kind::Gemini, "gemini-2.5-pro", cached), "0.501500250");
    // whisper-1: 0.006 a minute.
    assert_eq!(usd(Kind::OpenAi, "whisper-1", Usage { audio_milliseconds: 90_500, ..Usage::default() }), "0.009050000");
    // text-embedding-3-small: 0.02.
    assert_eq!(
        usd(Kind::OpenAi, "text-embedding-3-small", Usage { input_tokens: 7, ..Usage::default() }),
        "0.000000140"
    );
}

#[test]
fn hours_of_the_day() {
    let usage = Usage { input_tokens: 1_000_000, ..Usage::default() };
    let at = |time: &str| price(Kind::DeepSeek, "deepseek-flash").amount(&usage, clock::parse(time).unwrap()).nano;
    // A Monday: half price outside 01:00–04:00 and 06:00–10:00 UTC; the weekend is half price throughout.
    for (time, nano) in [
        ("2026-11-23T00:59:59Z", 150_000_000),
        ("2026-11-23T01:00:00Z", 300_000_000),
        ("2026-11-23T05:00:00Z", 150_000_000),
        ("2026-11-23T09:59:59Z", 300_000_000),
        ("2026-11-23T10:00:00Z", 150_000_000),
        ("2026-11-22T02:00:00Z", 150_000_000),
    ] {
        assert_eq!(at(time), nano, "{time}");
    }
}

#[test]
fn nothing_is_silently_free() {
    let mut book = PriceBook::catalogue().clone();
    book.set(Kind::OpenAi, "x", Rates { input: Some(1_000_000_000), ..Rates::default() }, false);
    let price = book.find(Kind::OpenAi, "x").unwrap();
    let cached = Usage { cache_read_tokens: 1_000, cache_write_1h_tokens: 1_000, ..Usage::default() };
    assert_eq!(price.amount(&cached, 0), Amount { nano: 2_000_000, unpriced: false, other_tier: false });
    assert!(price.amount(&Usage { output_tokens: 1, ..Usage::default() }, 0).unpriced);
    assert!(price.amount(&Usage { images: 1, ..Usage::default() }, 0).unpriced);
}

#[test]
fn versions_name_rates() {
    for (kind, model, price) in PriceBook::catalogue().all() {
        let stored = price.to_stored();
        assert_eq!(Price::from_stored(&stored).as_ref(), Some(&**price), "{kind}/{model}");
    }
    let mut book = PriceBook::catalogue().clone();
    let rates = price(Kind::OpenAi, "gpt-4o").rows()[0].rates.clone();
    book.set(Kind::OpenAi, "a", rates.clone(), false);
    book.set(Kind::OpenAi, "b", Rates { input: Some(1), ..rates.clone() }, false);
    book.set(Kind::OpenAi, "c", rates, false);
    let version = |model: &str| book.find(Kind::OpenAi, model).unwrap().version().clone();
    assert!(version("a") == version("c") && version("a") != version("b"));
}

proptest! {
    #[test]
    fn sums_are_exact_and_rounded_once(counts in prop::array::uniform5(0..10_000_000_u64), at in 0..4_000_000_000_000_i64) {
        let all: Vec<_> = PriceBook::catalogue().all().map(|(.., price)| price).collect();
        let price = all[usize::try_from(at).unwrap() % all.len()];
        let usage = Usage {
            input_tokens: counts[0], cache_read_tokens: counts[1], output_tokens: counts[2],
            reasoning_tokens: counts[3], audio_milliseconds: counts[4], ..Usage::default()
        };
        // In units of 1/60,000,000 nano-dollar, each line on its own.
        let exact: i128 = price.lines(&usage, at).iter().map(|line| {
            i128::from(line.quantity) * i128::from(line.rate.unwrap_or(0)) * (60_000_000 / i128::from(line.per))
        }).sum();
        let nano = i128::from(price.amount(&usage, at).nano);
        prop_assert!((2 * (nano * 60_000_000 - exact)).abs() <= 60_000_000, "{nano} {exact}");
        // Of text alone the ceiling is never below the amount.
        let text = Usage { audio_milliseconds: 0, ..usage };
        let output = text.output_tokens + text.reasoning_tokens;
        prop_assert!(price.ceiling(text.total_input(), output, at) >= price.amount(&text, at).nano);
    }

    #[test]
    fn never_panics_and_never_shrinks(n: u64, tier in 0..4_usize) {
        for (.., price) in PriceBook::catalogue().all().take(40) {
            let usage = Usage { input_tokens: n / 16, output_tokens: n / 16, tier: ServiceTier::ALL[tier], images: n, ..Usage::default() };
            let more = Usage { output_tokens: (n / 16).saturating_add(1), ..usage };
            prop_assert!(price.amount(&more, 0).nano >= price.amount(&usage, 0).nano);
            prop_assert!(price.amount(&usage, 0).nano >= 0);
            let _ = price.ceiling(n, n, 0);
        }
    }
}
