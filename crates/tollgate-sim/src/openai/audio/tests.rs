//! Forms in, transcripts out, without a socket.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::Value;

use crate::{Request, Simulator, Step};

/// Two seconds of 16-bit mono silence at 8 kHz.
fn wav() -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data".to_vec();
    file.extend(32_000_u32.to_le_bytes());
    file.resize(file.len() + 32_000, 0);
    file
}

fn ask(path: &str, steer: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n".to_vec();
    body.extend(wav());
    for (name, value) in fields {
        body.extend(format!("\r\n--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}").as_bytes());
    }
    body.extend(b"\r\n--b--\r\n");
    let headers = [("Content-Type", "multipart/form-data; boundary=b"), ("x-tollgate-sim", steer)];
    let request = Request { method: "POST", path, query: None, headers: &headers, body: &body };
    let answer = Simulator::new(1).answer(&request);
    let mut text = Vec::new();
    for step in answer.steps {
        if let Step::Bytes(bytes) = step {
            text.extend_from_slice(&bytes);
        }
    }
    (answer.status, String::from_utf8(text).unwrap())
}

const PATH: &str = "/v1/audio/transcriptions";

#[test]
fn json_with_usage_by_tokens_or_by_duration() {
    let (status, body) = ask(PATH, "", &[("model", "gpt-4o-transcribe"), ("prompt", "two words")]);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!(body["usage"]["input_token_details"]["audio_tokens"], 20);
    assert_eq!(body["usage"]["input_tokens"], 22);
    let said = crate::count_tokens(body["text"].as_str().unwrap());
    assert_eq!(body["usage"]["output_tokens"], said);
    assert_eq!(body["usage"]["total_tokens"], 22 + said);
    let (_, body) = ask(PATH, "", &[("model", "whisper-1")]);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["usage"], serde_json::json!({"type": "duration", "seconds": 2}));
}

#[test]
fn every_format_of_those_that_have_it() {
    let whisper = |format| ask(PATH, "", &[("response_format", format), ("model", "whisper-1")]).1;
    assert!(whisper("text").ends_with('\n'));
    assert!(whisper("srt").starts_with("1\n00:00:00,000 --> 00:00:02,000\n"));
    assert!(whisper("vtt").starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n"));
    let verbose: Value = serde_json::from_str(&whisper("verbose_json")).unwrap();
    assert_eq!(verbose["duration"], 2.0);
    assert_eq!(verbose["segments"][0]["id"], 0);
    assert!(verbose.get("words").is_none());
    let fields = [("model", "whisper-1"), ("response_format", "verbose_json"), ("timestamp_granularities[]", "word")];
    let words: Value = serde_json::from_str(&ask("/audio/translations", "", &fields).1).unwrap();
    assert_eq!(words["task"], "translate");
    assert!(words["words"][0]["start"].is_number() && words.get("segments").is_none());
    let diarize = [("model", "gpt-4o-transcribe-diarize"), ("response_format", "diarized_json")];
    let diarized: Value = serde_json::from_str(&ask(PATH, "", &diarize).1).unwrap();
    assert_eq!(diarized["segments"][0]["speaker"], "A");
    let (status, error) = ask(PATH, "", &[("model", "gpt-4o-transcribe"), ("response_format", "srt")]);
    assert!(status == 400 && error.contains("not compatible"), "{error}");
}

#[test]
fn streams_deltas_whose_sum_is_the_text() {
    let (_, body) = ask(PATH, "output-tokens=9", &[("stream", "true"), ("model", "gpt-4o-transcribe")]);
    let events: Vec<&str> = body.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
    assert_eq!(events.last(), Some(&"[DONE]"));
    let events: Vec<Value> = events.iter().filter_map(|event| serde_json::from_str(event).ok()).collect();
    let deltas: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    let done = events.last().unwrap();
    assert_eq!(done["text"], deltas);
    assert_eq!(done["usage"]["output_tokens"], 9);
    // Whisper does not stream, whatever it is asked.
    let (_, body) = ask(PATH, "", &[("stream", "true"), ("model", "whisper-1")]);
    assert!(body.starts_with("{\"text\""));
}

#[test]
fn refuses_forms_without_a_file_or_a_model() {
    let (status, body) = ask(PATH, "", &[]);
    assert!(status == 400 && body.contains("model parameter"));
    let headers = [("content-type", "application/json")];
    let request = Request { method: "POST", path: PATH, query: None, headers: &headers, body: b"{}" };
    assert_eq!(Simulator::new(1).answer(&request).status, 400);
}
