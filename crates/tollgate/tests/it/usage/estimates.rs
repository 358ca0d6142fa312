//! Estimates against what vendors counted.

use super::{Recorded, push, recorded};
use tollgate::estimate as room;
use tollgate_protocol::chat;
use tollgate_protocol::estimate::{self, Prompt};
use tollgate_protocol::relay::Relay;

/// Tags of requests that are more than their text, or whose vendor adds text of its own.
const NOT_TEXT: [&str; 14] = [
    "images",
    "audio",
    "video_input",
    "documents",
    "file_reference",
    "web_search",
    "web_fetch",
    "code_execution",
    "file_search",
    "mcp",
    "computer_use",
    "client_builtin_tool",
    "previous_response",
    "tool_search",
];

fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
}

fn share_within(ratios: &[f64], low: f64, high: f64) -> f64 {
    ratios.iter().filter(|ratio| (low..=high).contains(*ratio)).count() as f64 / ratios.len() as f64
}

fn prompt(case: &Recorded) -> Option<Prompt> {
    case.request.is_object().then(|| estimate::prompt(&serde_json::to_vec(&case.request).unwrap()))
}

#[test]
fn inputs_are_estimated_and_bounded() {
    let protocols = ["openai-chat", "openai-embeddings", "openai-responses", "anthropic-messages", "gemini-generate"];
    let (mut ratios, mut rough, mut misses, mut media) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for case in recorded(&protocols) {
        if case.fidelity == "modelled" || case.fidelity == "documented" || case.fidelity == "curated" {
            continue;
        }
        let Some((found, told)) = prompt(&case).zip(case.read()) else { continue };
        let told = told.total_input();
        if told == 0 {
            continue;
        }
        let likely = room::usage(&found, 0, b"").total_input();
        if case.has(&NOT_TEXT) || found.is_open() {
            media.push((likely as f64 / told as f64, found.upper_tokens() < told, case.id.clone(), told, found));
            continue;
        }
        ratios.push((likely as f64 / told as f64, case.protocol.clone()));
        rough.push(found.likely_tokens() as f64 / told as f64);
        if found.upper_tokens() < told {
            misses.push(format!("{}: bound {}, vendor {told}, {found:.60?}", case.id, found.upper_tokens()));
        }
    }
    if ratios.is_empty() {
        return;
    }
    for protocol in protocols {
        let some: Vec<_> = ratios.iter().filter(|(_, p)| p == protocol).map(|(ratio, _)| *ratio).collect();
        println!(
            "estimates: {protocol}: {} inputs, median {:.2}, {:.0} % within half and double",
            some.len(),
            median(some.clone()),
            100.0 * share_within(&some, 0.5, 2.0)
        );
    }
    let all: Vec<_> = ratios.iter().map(|(ratio, _)| *ratio).collect();
    let (middle, within) = (median(all.clone()), share_within(&all, 0.5, 2.0));
    println!("estimates: {} inputs of text, median {middle:.2}, without tokenizer {:.2}", all.len(), median(rough));
    println!("estimates: bound missed {} times: {misses:#?}", misses.len());
    let over = media.iter().filter(|(_, missed, ..)| *missed).count();
    println!(
        "estimates: {} inputs with media or vendors' tools, median {:.2}, bound missed {over} times",
        media.len(),
        median(media.iter().map(|(ratio, ..)| *ratio).collect())
    );
    assert!((0.75..=1.35).contains(&middle) && within > 0.7, "median {middle}, {within} within half and double");
    assert!(misses.len() * 100 <= all.len(), "{} of {} over the bound", misses.len(), all.len());
}

#[test]
fn outputs_are_estimated_and_never_counted_too_low_while_they_run() {
    let (mut ratios, mut running, mut low) = (Vec::new(), Vec::new(), Vec::new());
    for case in recorded(&["openai-chat"]) {
        let Some(told) = case.read() else { continue };
        // Thoughts that are billed but not shown cannot be estimated.
        if told.total_output() < 20
            || case.has(&["audio_output", "image_output", "prediction"])
            || case.fidelity == "modelled"
        {
            continue;
        }
        let (bytes, sample, seen) = if case.streamed {
            let mut relay = Relay::new(Box::new(chat::ChatWatch::new(false)));
            case.parts.iter().for_each(|data| push(&mut relay, data));
            (relay.content_bytes(), relay.output_sample().to_vec(), relay.output_tokens_seen())
        } else {
            let all = chat::generated(&case.parts[0]);
            (all.bytes(), all.sample().bytes().to_vec(), all.tokens())
        };
        let text = String::from_utf8_lossy(&case.parts.concat()).into_owned();
        let shown = text.contains("reasoning_content\":\"") || text.contains("reasoning\":\"");
        if told.reasoning_tokens > 0 && !shown || bytes == 0 {
            continue;
        }
        let likely = room::usage(&Prompt::default(), bytes, &sample).total_output();
        ratios.push(likely as f64 / told.total_output() as f64);
        if case.streamed {
            running.push(seen as f64 / told.total_output() as f64);
            if seen < told.total_output() {
                low.push(format!("{}: {seen} seen, {} told, {bytes} bytes", case.id, told.total_output()));
            }
        }
    }
    if ratios.is_empty() {
        return;
    }
    let middle = median(ratios.clone());
    println!(
        "estimates: {} outputs, median {middle:.2}, {:.0} % within half and double; running count: {} streams, median {:.2}, {} too low: {low:#?}",
        ratios.len(),
        100.0 * share_within(&ratios, 0.5, 2.0),
        running.len(),
        median(running.clone()),
        low.len()
    );
    assert!((0.75..=1.35).contains(&middle), "median {middle}");
    assert!(median(running) >= 1.0);
}
