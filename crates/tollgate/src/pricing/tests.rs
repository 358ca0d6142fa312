#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use super::*;
use crate::clock;
use crate::money;
use proptest::prelude::*;
use tollgate_protocol::usage::{ServiceTier, Usage};
use tollgate_protocol::video::kind::{Resolution, Sound, VideoKind};

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
    book.set(Kind::OpenAi, "x", Rates { input: Some(1_000_000_000), ..Rates::default() }, Vec::new(), false);
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
    let rates = price(Kind::OpenAi, "gpt-4o").rows(0)[0].rates.clone();
    book.set(Kind::OpenAi, "a", rates.clone(), Vec::new(), false);
    book.set(Kind::OpenAi, "b", Rates { input: Some(1), ..rates.clone() }, Vec::new(), false);
    book.set(Kind::OpenAi, "c", rates, Vec::new(), false);
    let version = |model: &str| book.find(Kind::OpenAi, model).unwrap().version().clone();
    assert!(version("a") == version("c") && version("a") != version("b"));
}

/// More of the vendors' pages: audio, images, long caches, tiers that name little.
#[test]
fn as_the_price_pages_say_of_other_media() {
    let million = 1_000_000;
    // gpt-audio: text 2.50 and 10, audio 32 and 64.
    let spoken = Usage { input_tokens: 100, audio_input_tokens: 200, audio_output_tokens: 300, ..Usage::default() };
    assert_eq!(usd(Kind::OpenAi, "gpt-audio", spoken), "0.025850000");
    // gemini-2.5-flash: audio at 1, text at 0.30; reasoning is output, at 2.50.
    let heard = Usage { input_tokens: 1_000, audio_input_tokens: 1_000, reasoning_tokens: 100, ..Usage::default() };
    assert_eq!(usd(Kind::Gemini, "gemini-2.5-flash", heard), "0.001550000");
    // Priority names 1.80 for audio and 4.50 for output, which is reasoning too.
    let first = Usage { tier: ServiceTier::Priority, ..heard };
    assert_eq!(usd(Kind::Gemini, "gemini-2.5-flash", first), "0.002790000");
    // gemini-2.5-flash-image: pictures at 30, images read as text at 0.30.
    let drawn = Usage { image_input_tokens: 1_000, image_output_tokens: 1_290, ..Usage::default() };
    assert_eq!(usd(Kind::Gemini, "gemini-2.5-flash-image", drawn), "0.039000000");
    // claude-haiku-5-5 has a step at 100,000, which cache writes count towards and are paid at: 0.625 and 1.
    let written = Usage { cache_write_5m_tokens: 60_000, cache_write_1h_tokens: 40_000, ..Usage::default() };
    assert_eq!(usd(Kind::Anthropic, "claude-haiku-5-5", written), "0.015500000");
    let one_more = Usage { input_tokens: 1, ..written };
    assert_eq!(usd(Kind::Anthropic, "claude-haiku-5-5", one_more), "0.077500500");
    // gpt-5-nano names no output for priority: the standard 0.40 counts, not nothing.
    let nano = Usage { output_tokens: million, tier: ServiceTier::Priority, ..Usage::default() };
    assert_eq!(usd(Kind::OpenAi, "gpt-5-nano", nano), "0.400000000");
    // A search costs 10 a thousand at any speed.
    let searched = Usage { tool_calls: 2, tier: ServiceTier::Flex, ..Usage::default() };
    assert_eq!(usd(Kind::OpenAi, "gpt-5-mini", searched), "0.020000000");
    // Transcription is told by length or by tokens, and paid once: 0.006 a minute, or 2.50 and 10 a million.
    let long = Usage { audio_milliseconds: 27_000, ..Usage::default() };
    assert_eq!(usd(Kind::OpenAi, "gpt-4o-transcribe", long), "0.002700000");
    let tokens = Usage { audio_input_tokens: 270, output_tokens: 30, ..Usage::default() };
    assert_eq!(usd(Kind::OpenAi, "gpt-4o-transcribe", tokens), "0.000975000");
    let both = Usage { audio_milliseconds: 27_000, ..tokens };
    assert_eq!(usd(Kind::OpenAi, "gpt-4o-transcribe", both), "0.000975000");
    // Five seconds of Veo 3.1 at 0.40.
    let film = Usage { video_milliseconds: 5_000, ..Usage::default() };
    assert_eq!(usd(Kind::Gemini, "veo-3.1-generate-preview", film), "2.000000000");
    // By resolution, where that has a price.
    let video = VideoKind { resolution: Resolution::P1080, sound: Sound::On, ..VideoKind::default() };
    let film = Usage { video_milliseconds: 5_000, video, ..Usage::default() };
    assert_eq!(usd(Kind::Ark, "doubao-seedance-2-0-260128", film), "1.770428570");
    assert_eq!(usd(Kind::Vertex, "veo-3.1-fast-generate-001", film), "0.600000000");
}

#[test]
fn an_amount_is_rounded_half_up_once() {
    let nano = |cache_read_tokens| {
        let usage = Usage { cache_read_tokens, ..Usage::default() };
        price(Kind::OpenAi, "gpt-5-nano").amount(&usage, 0).nano
    };
    // gpt-5-nano: 0.005 a million, 5 nano-dollars a token of a cache.
    assert_eq!((nano(1), nano(2)), (5, 10));
    let mut book = PriceBook::catalogue().clone();
    let third = Rates { input: Some(500_000), output: Some(499_999), ..Rates::default() };
    book.set(Kind::OpenAi, "x", third, Vec::new(), false);
    let amount = |input_tokens, output_tokens| {
        let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
        book.find(Kind::OpenAi, "x").unwrap().amount(&usage, 0).nano
    };
    // Half a nano-dollar each: one rounds up, one just below does not, and two of them make one, not two.
    assert_eq!((amount(1, 0), amount(0, 1), amount(1, 1), amount(2, 0)), (1, 0, 1, 1));
}

#[test]
fn what_the_catalogue_does_not_know_has_no_price() {
    let book = PriceBook::catalogue();
    // Sold by the piece, with token rates of 0; sold by the character; in no price file.
    for (kind, model) in
        [(Kind::Gemini, "lyria-3.5"), (Kind::OpenAi, "tts-1"), (Kind::Kling, "kling-v2-6"), (Kind::OpenAi, "no-such")]
    {
        assert!(book.find(kind, model).is_none(), "{model}");
    }
    // A rate of 0 that a vendor publishes is a price.
    let free = price(Kind::Gemini, "gemma-3-27b-it");
    let amount = free.amount(&Usage { input_tokens: 1_000_000, ..Usage::default() }, 0);
    assert_eq!(amount, Amount { nano: 0, unpriced: false, other_tier: false });
    assert_eq!(price(Kind::Anthropic, "claude-opus-4-6").effective_from(0), "2026-03-13");
}

/// What a vendor has announced for a day begins with that day, for all tiers, and with it what a hold takes.
#[test]
fn announced_rates_begin_on_their_day() {
    let price = price(Kind::Gemini, "gemini-4-argon");
    let [before, from] = ["2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z"].map(|text| clock::parse(text).unwrap());
    let usage = |tier| Usage { input_tokens: 1_000, output_tokens: 100, tier, ..Usage::default() };
    let nano = |tier, at| price.amount(&usage(tier), at).nano;
    // 2 and 10 dollars a million until then, 4 and 20 afterwards; batch at half.
    assert_eq!([before, from].map(|at| nano(ServiceTier::Standard, at)), [3_000_000, 6_000_000]);
    assert_eq!([before, from].map(|at| nano(ServiceTier::Batch, at)), [1_500_000, 3_000_000]);
    assert_eq!([before, from].map(|at| price.ceiling(1_000, 100, at, false)), [3_000_000, 6_000_000]);
    assert_eq!([before, from].map(|at| price.effective_from(at)), ["2026-11-22", "2026-12-01"]);
    assert_eq!(Price::from_stored(&price.to_stored()).unwrap(), **price);
}

#[test]
fn a_hold_grows_at_the_rates_of_the_step() {
    let price = price(Kind::Gemini, "gemini-2.5-pro");
    assert_eq!(price.output_ceiling(200_000, 1_000, 0, false), 10_000_000);
    assert_eq!(price.output_ceiling(200_001, 1_000, 0, false), 15_000_000);
    // Who may ask for a faster tier is held for it: 2.5 and 15 dollars a million become 5 and 30.
    let tiers = PriceBook::catalogue().find(Kind::OpenAi, "gpt-5.4").unwrap();
    assert_eq!([false, true].map(|any| tiers.ceiling(1_000, 100, 0, any)), [4_000_000, 8_000_000]);
    // What may be written to a cache for an hour is held for at that rate.
    assert_eq!(
        PriceBook::catalogue().find(Kind::Anthropic, "claude-sonnet-4-5").unwrap().ceiling(1_000, 0, 0, false),
        6_000_000
    );
}

/// Another computation of the same: each counter apart, as a fraction of numbers without a limit, from the rows.
fn by_the_book(price: &Price, usage: &Usage, at_ms: i64) -> (u128, u128) {
    let tier =
        if price.rows(at_ms).iter().any(|row| row.tier == usage.tier) { usage.tier } else { ServiceTier::Standard };
    let mut rows: Vec<&Row> =
        price.rows(at_ms).iter().filter(|row| row.tier == tier && usage.total_input() >= row.above).collect();
    rows.retain(|row| row.above == 0 || usage.total_input() > row.above);
    if rows.iter().any(|row| row.hours.iter().any(|hours| hours.contains(at_ms))) {
        rows.retain(|row| row.hours.iter().any(|hours| hours.contains(at_ms)));
    } else {
        rows.retain(|row| row.hours.is_empty());
    }
    let rates = &rows.iter().max_by_key(|row| row.above).unwrap().rates;
    let rate = |name: &str| u128::from(rates.meant(name).unwrap_or(0));
    let names = [
        ("input", usage.input_tokens),
        ("cache_read", usage.cache_read_tokens),
        ("cache_write_5m", usage.cache_write_5m_tokens),
        ("cache_write_1h", usage.cache_write_1h_tokens),
        ("output", usage.output_tokens),
        ("reasoning", usage.reasoning_tokens),
        ("audio_input", usage.audio_input_tokens),
        ("audio_output", usage.audio_output_tokens),
        ("image_input", usage.image_input_tokens),
        ("image_output", usage.image_output_tokens),
    ];
    let tokens: u128 = names.iter().map(|(name, count)| rate(name) * u128::from(*count)).sum();
    (tokens + rate("tool_call_thousand") * 1_000 * u128::from(usage.tool_calls), 1_000_000)
}

fn any_usage() -> impl Strategy<Value = Usage> {
    (prop::array::uniform12(0..400_000_u64), 0..4_usize).prop_map(|(n, tier)| Usage {
        input_tokens: n[0],
        cache_read_tokens: n[1],
        cache_write_5m_tokens: n[2],
        cache_write_1h_tokens: n[3],
        output_tokens: n[4],
        reasoning_tokens: n[5],
        audio_input_tokens: n[6],
        audio_output_tokens: n[7],
        image_input_tokens: n[8],
        image_output_tokens: n[9],
        tool_calls: n[10] % 100,
        tier: ServiceTier::ALL[tier],
        ..Usage::default()
    })
}

fn any_price(choice: usize) -> &'static Arc<Price> {
    let mut all: Vec<_> = PriceBook::catalogue().all().collect();
    all.sort_by_key(|(kind, model, _)| (*kind, *model));
    all[choice % all.len()].2
}

proptest! {
    #[test]
    fn equals_another_computation(usage in any_usage(), choice: usize, at in 0..4_000_000_000_000_i64) {
        let price = any_price(choice);
        let (parts, whole) = by_the_book(price, &usage, at);
        let nano = u128::try_from(price.amount(&usage, at).nano).unwrap();
        prop_assert_eq!(nano, (2 * parts + whole) / (2 * whole));
        // Kept beside the ledger, it gives the same amount.
        let kept = Price::from_stored(&price.to_stored()).unwrap();
        prop_assert_eq!(kept.amount(&usage, at), price.amount(&usage, at));
    }

    #[test]
    fn more_never_costs_less(usage in any_usage(), choice: usize, which in 0..14_usize, more in 1..300_000_u64, at in 0..4_000_000_000_000_i64) {
        let price = any_price(choice);
        let mut larger = usage;
        *counter(&mut larger, which) += more;
        // Audio told by its length as well is the same audio; that the tokens become the measure may cost less.
        prop_assume!(which != 10);
        prop_assert!(price.amount(&larger, at).nano >= price.amount(&usage, at).nano, "{:?}", counter(&mut larger, which));
    }

    #[test]
    fn any_numbers_are_borne(counts in prop::array::uniform14(prop_oneof![Just(u64::MAX), any::<u64>()]), choice: usize, at: i64) {
        let price = any_price(choice);
        let mut usage = Usage::default();
        for (which, count) in counts.iter().enumerate() {
            *counter(&mut usage, which) = *count;
        }
        prop_assert!(price.amount(&usage, at).nano >= 0);
        let _ = price.lines(&usage, at);
        prop_assert!(price.ceiling(counts[0], counts[1], at, false) >= price.output_ceiling(counts[0], counts[1], at, false));
        prop_assert!(price.audio_ceiling(counts[2], at) >= 0);
    }

    #[test]
    fn a_hold_that_grew_is_enough(input in 0..500_000_u64, first in 0..5_000_u64, more in 0..5_000_u64, choice: usize, at in 0..4_000_000_000_000_i64) {
        let price = any_price(choice);
        let held = price.ceiling(input, first, at, false) + price.output_ceiling(input, more, at, false);
        for (input_tokens, cache_write_1h_tokens) in [(input, 0), (0, input)] {
            let usage = Usage { input_tokens, cache_write_1h_tokens, output_tokens: first, reasoning_tokens: more, ..Usage::default() };
            prop_assert!(held >= price.amount(&usage, at).nano);
        }
    }

    #[test]
    fn no_stored_text_is_fatal(text in "\\PC*") {
        prop_assert!(Price::from_stored(&text).is_none());
    }
}

fn counter(usage: &mut Usage, which: usize) -> &mut u64 {
    match which {
        0 => &mut usage.input_tokens,
        1 => &mut usage.cache_read_tokens,
        2 => &mut usage.cache_write_5m_tokens,
        3 => &mut usage.cache_write_1h_tokens,
        4 => &mut usage.output_tokens,
        5 => &mut usage.reasoning_tokens,
        6 => &mut usage.audio_input_tokens,
        7 => &mut usage.audio_output_tokens,
        8 => &mut usage.image_input_tokens,
        9 => &mut usage.image_output_tokens,
        10 => &mut usage.audio_milliseconds,
        11 => &mut usage.video_milliseconds,
        12 => &mut usage.images,
        _ => &mut usage.tool_calls,
    }
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
        prop_assert!(price.ceiling(text.total_input(), output, at, false) >= price.amount(&text, at).nano);
    }

    #[test]
    fn never_panics_and_never_shrinks(n: u64, tier in 0..4_usize) {
        for (.., price) in PriceBook::catalogue().all().take(40) {
            let usage = Usage { input_tokens: n / 16, output_tokens: n / 16, tier: ServiceTier::ALL[tier], images: n, ..Usage::default() };
            let more = Usage { output_tokens: (n / 16).saturating_add(1), ..usage };
            prop_assert!(price.amount(&more, 0).nano >= price.amount(&usage, 0).nano);
            prop_assert!(price.amount(&usage, 0).nano >= 0);
            let _ = price.ceiling(n, n, 0, false);
        }
    }
}
