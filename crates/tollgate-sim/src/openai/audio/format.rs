//! The forms a transcript can take: JSON of four kinds, subtitles of two, and events.
//!
//! Times are spread evenly over the words; a segment is ten words; speakers take turns.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::super::error;
use crate::{
    content::count_tokens,
    output::Output,
    sse::{Frames, Kind},
};

const SEGMENT: usize = 10;

pub(super) struct Transcript {
    pub task: &'static str,
    pub words: Output,
    pub seconds: f64,
}

/// Some consecutive words with the time they take.
pub(super) struct Segment {
    pub start: f64,
    pub end: f64,
    pub text: String,
}

impl Transcript {
    pub(super) fn text(&self) -> String {
        self.words.text()
    }

    fn spans(&self, size: usize) -> Vec<Segment> {
        let text = self.text();
        let words: Vec<&str> = text.split_whitespace().collect();
        let each = self.seconds / super::as_float(words.len().max(1));
        let time = |word: usize| (each * super::as_float(word) * 100.0).round() / 100.0;
        let groups = words.chunks(size).enumerate();
        groups
            .map(|(at, group)| {
                let first = at * size;
                Segment { start: time(first), end: time(first + group.len()), text: group.join(" ") }
            })
            .collect()
    }

    pub(super) fn json(&self, logprobs: bool, usage: Option<&Value>) -> Value {
        let mut body = json!({"text": self.text()});
        if logprobs {
            let spans = self.spans(1);
            let token = |word: &Segment| json!({"token": word.text, "logprob": -0.01, "bytes": word.text.as_bytes()});
            insert(&mut body, "logprobs", spans.iter().map(token).collect());
        }
        insert_usage(&mut body, usage);
        body
    }

    pub(super) fn verbose(&self, words: bool, segments: bool, usage: Option<&Value>) -> Value {
        let mut body = json!({"task": self.task, "language": "english", "duration": self.seconds, "text": self.text()});
        if words {
            let spans = self.spans(1);
            let word = |word: &Segment| json!({"word": word.text, "start": word.start, "end": word.end});
            insert(&mut body, "words", spans.iter().map(word).collect());
        }
        if segments || !words {
            let spans = self.spans(SEGMENT);
            let segment = |(id, segment): (usize, &Segment)| {
                let tokens: Vec<u64> = (0..count_tokens(&segment.text)).map(|token| 50_364 + token).collect();
                json!({"id": id, "seek": 0, "start": segment.start, "end": segment.end, "text": format!(" {}", segment.text),
                    "tokens": tokens, "temperature": 0.0, "avg_logprob": -0.25, "compression_ratio": 0.9, "no_speech_prob": 0.002})
            };
            insert(&mut body, "segments", spans.iter().enumerate().map(segment).collect());
        }
        insert_usage(&mut body, usage);
        body
    }

    pub(super) fn diarized(&self, usage: Option<&Value>) -> Value {
        let segments: Vec<Value> = self.spans(SEGMENT).iter().enumerate().map(|(at, one)| speech(at, one)).collect();
        let mut body = json!({"task": self.task, "duration": self.seconds, "text": self.text(), "segments": segments});
        insert_usage(&mut body, usage);
        body
    }

    pub(super) fn srt(&self) -> String {
        let spans = self.spans(SEGMENT);
        let line = |(at, one): (usize, &Segment)| {
            format!("{}\n{} --> {}\n{}\n\n", at + 1, clock(one.start, ','), clock(one.end, ','), one.text)
        };
        spans.iter().enumerate().map(line).collect::<String>() + "\n"
    }

    pub(super) fn vtt(&self) -> String {
        let spans = self.spans(SEGMENT);
        let line = |one: &Segment| format!("{} --> {}\n{}\n\n", clock(one.start, '.'), clock(one.end, '.'), one.text);
        "WEBVTT\n\n".to_owned() + &spans.iter().map(line).collect::<String>()
    }
}

fn speech(at: usize, segment: &Segment) -> Value {
    let speaker = if at.is_multiple_of(2) { "A" } else { "B" };
    json!({"type": "transcript.text.segment", "text": format!(" {}", segment.text), "speaker": speaker,
        "start": segment.start, "end": segment.end, "id": format!("seg_{at}")})
}

fn insert(body: &mut Value, name: &str, value: Value) {
    if let Value::Object(fields) = body {
        fields.insert(name.to_owned(), value);
    }
}

fn insert_usage(body: &mut Value, usage: Option<&Value>) {
    if let Some(usage) = usage {
        insert(body, "usage", usage.clone());
    }
}

/// `00:00:02,500`
fn clock(seconds: f64, point: char) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and an upload is not that long"
    )]
    let millis = (seconds * 1000.0).round() as u64;
    let (secs, millis) = (millis / 1000, millis % 1000);
    format!("{:02}:{:02}:{:02}{point}{millis:03}", secs / 3600, secs / 60 % 60, secs % 60)
}

/// A transcript as events: deltas, or whole segments with speakers, then `done` and `[DONE]`.
pub(super) struct Events {
    words: Output,
    segments: Option<std::vec::IntoIter<Segment>>,
    next_id: usize,
    done: Option<String>,
    ended: bool,
    said: u64,
}

impl Events {
    pub(super) fn new(transcript: &Transcript, diarized: bool, usage: Option<&Value>) -> Self {
        let mut done = json!({"type": "transcript.text.done", "text": transcript.text()});
        insert_usage(&mut done, usage);
        Self {
            words: transcript.words.clone(),
            segments: diarized.then(|| transcript.spans(SEGMENT).into_iter()),
            next_id: 0,
            done: Some(done.to_string()),
            ended: false,
            said: 0,
        }
    }

    fn more_content(&self) -> bool {
        self.segments.as_ref().map_or(!self.words.is_over(), |segments| !segments.as_slice().is_empty())
    }
}

impl Frames for Events {
    fn peek(&self) -> Option<Kind> {
        match (self.more_content(), &self.done, self.ended) {
            (true, _, _) => Some(Kind::Content),
            (false, Some(_), _) => Some(Kind::Closing),
            (false, None, false) => Some(Kind::Done),
            (false, None, true) => None,
        }
    }

    fn frame(&mut self, out: &mut BytesMut) -> Option<Kind> {
        let kind = self.peek()?;
        let data = match (kind, &mut self.segments) {
            (Kind::Content, Some(segments)) => {
                let segment = segments.next()?;
                self.next_id += 1;
                self.said += count_tokens(&segment.text);
                speech(self.next_id - 1, &segment).to_string()
            }
            (Kind::Closing, _) => self.done.take()?,
            (Kind::Done, _) => {
                self.ended = true;
                "[DONE]".to_owned()
            }
            (Kind::Content | Kind::Between, _) => {
                let mut delta = String::new();
                self.said += self.words.next(&mut delta)?;
                json!({"type": "transcript.text.delta", "delta": delta}).to_string()
            }
        };
        out.extend_from_slice(format!("data: {data}\n\n").as_bytes());
        Some(kind)
    }

    fn tokens(&self) -> u64 {
        self.said
    }

    fn error(&mut self, out: &mut BytesMut) {
        error::in_the_middle().event(out);
    }
}
