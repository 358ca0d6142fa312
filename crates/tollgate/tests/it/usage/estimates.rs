//! Estimates against what vendors counted. Ratios are in percent of the vendor's count.

use super::{Recorded, push, recorded};
use tollgate::estimate as room;
use tollgate_protocol::chat;
use tollgate_protocol::estimate::{self, Prompt};
use tollgate_protocol::relay::Relay;

/// Tags of requests that are more than their text.
const NOT_TEXT: [&str; 5] = ["images", "audio", "video_input", "documents", "file_reference"];

/// Ratios of estimates to vendors' counts, in percent.
#[derive(Default)]
struct Ratios(Vec<u64>);

impl Ratios {
    fn add(&mut self, ours: u64, theirs: u64) {
        self.0.push(ours * 100 / theirs);
    }

    fn median(&self) -> u64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    }

    /// How many of a hundred are between half and double.
    fn near(&self) -> usize {
        self.0.iter().filter(|ratio| (50..=200).contains(*ratio)).count() * 100 / self.0.len()
    }

    fn print(&self, name: &str) {
        if !self.0.is_empty() {
            println!(
                "estimates: {name}: {}, median {} %, {} % within half and double",
                self.0.len(),
                self.median(),
                self.near()
            );
        }
    }
}

/// Whether somebody recorded it and left its numbers alone.
fn is_real(case: &Recorded) -> bool {
    case.fidelity.starts_with("re")
}

#[test]
fn inputs_are_estimated_and_bounded() {
    let (mut all, mut rough, mut media) = (Ratios::default(), Ratios::default(), Ratios::default());
    let (mut missed, mut missed_media, mut bounded) = (Vec::new(), Vec::new(), 0);
    for protocol in ["openai-chat", "openai-embeddings", "openai-responses", "anthropic-messages", "gemini-generate"] {
        let (mut some, mut some_rough) = (Ratios::default(), Ratios::default());
        for case in recorded(&[protocol]).iter().filter(|case| is_real(case) && case.request.is_object()) {
            let told = case.read().map_or(0, |usage| usage.total_input());
            if told == 0 {
                continue;
            }
            let found = Prompt::read(&serde_json::to_vec(&case.request).unwrap());
            let likely = room::usage(&found, 0, b"").total_input();
            let text = !case.has(&NOT_TEXT);
            if found.is_open() || !text {
                media.add(likely, told);
            } else {
                some.add(likely, told);
                some_rough.add(found.likely_tokens(), told);
                all.add(likely, told);
                rough.add(found.likely_tokens(), told);
            }
            if !found.is_open() {
                bounded += usize::from(text);
                if found.upper_tokens() < told {
                    let line = format!("{}: {told} told, bound {}", case.id, found.upper_tokens());
                    if text { &mut missed } else { &mut missed_media }.push(line);
                }
            }
        }
        some.print(protocol);
        some_rough.print(&format!("{protocol} without the tokenizer"));
    }
    if all.0.is_empty() {
        return;
    }
    all.print("inputs of text");
    rough.print("the same without the tokenizer");
    media.print("inputs with media or vendors' tools");
    println!("estimates: bound missed for text: {missed:#?}, for media: {missed_media:#?}");
    assert!((75..=135).contains(&all.median()) && all.near() >= 70);
    assert!((75..=135).contains(&rough.median()));
    assert!(missed.len() * 100 <= bounded, "{missed:#?}");
}

#[test]
fn outputs_are_estimated_and_counted_while_they_run() {
    let (mut all, mut rough, mut running) = (Ratios::default(), Ratios::default(), Ratios::default());
    for case in recorded(&["openai-chat"]).iter().filter(|case| is_real(case)) {
        let Some(told) = case.read() else { continue };
        if told.total_output() < 20 || case.has(&["audio_output", "image_output", "prediction"]) {
            continue;
        }
        let mut relay = Relay::new(Box::new(chat::ChatWatch::new(false)));
        let plain = if case.streamed {
            case.parts.iter().for_each(|data| push(&mut relay, data));
            None
        } else {
            Some(chat::generated(&case.parts[0]))
        };
        let (bytes, sample) = match &plain {
            Some(made) => (made.bytes(), made.sample().bytes()),
            None => (relay.content_bytes(), relay.output_sample()),
        };
        // Thoughts that are billed but not shown cannot be seen by anybody.
        let text = String::from_utf8_lossy(&case.parts.concat()).into_owned();
        let hidden =
            told.reasoning_tokens > 0 && !text.contains("reasoning_content\":\"") && !text.contains("reasoning\":\"");
        if hidden || bytes == 0 {
            continue;
        }
        all.add(room::usage(&Prompt::default(), bytes, sample).total_output(), told.total_output());
        rough.add(estimate::tokens_of_text(bytes), told.total_output());
        if case.streamed {
            running.add(relay.tokens_seen(), told.total_output());
        }
    }
    if all.0.is_empty() {
        return;
    }
    all.print("outputs");
    rough.print("outputs without the tokenizer");
    running.print("outputs while they run");
    let low = running.0.iter().filter(|ratio| **ratio < 100).count();
    println!("estimates: {low} of {} running counts below the vendor's", running.0.len());
    assert!((75..=135).contains(&all.median()) && all.near() >= 85);
    assert!(running.median() >= 120 && low * 4 <= running.0.len());
}
