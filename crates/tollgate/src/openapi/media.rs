//! Embeddings and speech to text. Field facts: `OpenAI`'s API description of 2026-08.

use super::errors::Envelope;
use super::operation::{Operation, Tag, body, events, form, text};
use super::schema::string;
use super::schema::{Schema, any_of, anything, array, boolean, choice, constant, integer, map, number, object, refer};
use serde_json::json;

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        (
            "EmbeddingRequest",
            object()
                .about("Texts to make vectors of.")
                .need(
                    "input",
                    any_of([
                        string(),
                        array(string()).items(1, 2048),
                        array(integer()).items(1, 300_000),
                        array(array(integer())).items(1, 2048),
                    ])
                    .about("A text, texts, or tokens of them."),
                )
                .need("model", string().about("A public model name.").example("text-embedding-3-small"))
                .may("encoding_format", choice(&["float", "base64"]).default("float"))
                .may("dimensions", integer().least(1).about("Only for models of the `-3-` family."))
                .may("user", string()),
        ),
        (
            "EmbeddingResponse",
            object()
                .about("Vectors in the order of the input.")
                .need("object", constant("list"))
                .need(
                    "data",
                    array(
                        object()
                            .need("object", constant("embedding"))
                            .need("index", integer())
                            .need(
                                "embedding",
                                any_of([array(number()), string().about("Base64 of little-endian 32-bit floats.")]),
                            ),
                    ),
                )
                .need("model", string())
                .need("usage", object().need("prompt_tokens", integer()).need("total_tokens", integer())),
        ),
        ("TranscriptionRequest", transcription()),
        (
            "TranslationRequest",
            object()
                .about("Speech to be written down in English.")
                .need("file", string().about("The recording."))
                .need("model", string().example("whisper-1"))
                .may("prompt", string().default(""))
                .may("response_format", choice(&["json", "text", "srt", "verbose_json", "vtt"]).default("json"))
                .may("temperature", number().range(0, 1).default(0)),
        ),
        ("TranscriptionResponse", transcript()),
        (
            "TranscriptionStreamEvent",
            object()
                .about("`transcript.text.delta`, `transcript.text.segment`, and at the end `transcript.text.done` with the usage.")
                .need("type", string())
                .may("delta", string())
                .may("text", string())
                .may("usage", map(anything())),
        ),
    ]
}

fn transcription() -> Schema {
    object()
        .about("Speech to be written down. Empty optional fields are as good as none.")
        .need("file", string().about("flac, mp3, mp4, mpeg, mpga, m4a, ogg, wav or webm."))
        .need("model", string().about("A public model name.").example("whisper-1"))
        .may("prompt", string().default(""))
        .may(
            "response_format",
            choice(&["json", "text", "srt", "verbose_json", "vtt", "diarized_json"])
                .default("json")
                .about("Not every model has every format."),
        )
        .may("temperature", number().range(0, 1).default(0))
        .may("language", string().default("").about("ISO 639-1, such as `en`."))
        .may(
            "timestamp_granularities",
            array(choice(&["word", "segment"])).about("With `verbose_json`; the name with `[]` is taken too."),
        )
        .may("stream", boolean().default(false).about("Ignored by whisper-1."))
        .may("include[]", array(string()))
        .may("chunking_strategy", any_of([constant("auto"), map(anything())]))
        .may("known_speaker_names[]", array(string()).items(0, 4))
        .may("known_speaker_references[]", array(string()).items(0, 4))
}

fn transcript() -> Schema {
    let word = object().need("word", string()).need("start", number()).need("end", number());
    object()
        .about("What was said. The plain form has `text` only; `verbose_json` has the rest.")
        .need("text", string())
        .may("task", string())
        .may("language", string())
        .may("duration", number().about("Seconds."))
        .may(
            "segments",
            array(
                object()
                    .need("id", any_of([integer(), string()]))
                    .may("seek", integer())
                    .need("start", number())
                    .need("end", number())
                    .need("text", string())
                    .may("tokens", array(integer()))
                    .all(&["temperature", "avg_logprob", "compression_ratio", "no_speech_prob"], &number())
                    .may("words", array(word.clone())),
            ),
        )
        .may("words", array(word))
        .may("usage", map(anything()))
}

pub(super) fn operations() -> Vec<Operation> {
    let new = |path, id, tag, summary| Operation::new(("POST", path), id, tag, Envelope::OpenAi, summary);
    let answers = || {
        [
            body(refer("TranscriptionResponse"))
                .example("json", "json", json!({ "text": "Hello everyone, welcome to the demo." }))
                .example(
                    "verbose",
                    "verbose_json",
                    json!({
                        "task": "transcribe", "language": "english", "duration": 3.42,
                        "text": "Hello everyone, welcome to the demo.",
                        "segments": [{
                            "id": 0, "seek": 0, "start": 0.0, "end": 3.42,
                            "text": " Hello everyone, welcome to the demo.", "tokens": [50364, 2425, 1134],
                            "temperature": 0.0, "avg_logprob": -0.21, "compression_ratio": 1.12, "no_speech_prob": 0.01,
                        }],
                    }),
                ),
            text("text/plain").example("text", "text", "Hello everyone, welcome to the demo.\n"),
        ]
    };
    vec![
        new("/v1/embeddings", "createEmbedding", Tag::Embeddings, "Create embeddings")
            .about("Put the model's name in the body; every other parameter stays the same across models.")
            .takes(
                body(refer("EmbeddingRequest"))
                    .example(
                        "text",
                        "A text",
                        json!({
                            "model": "text-embedding-3-small", "input": "The food was delicious.", "encoding_format": "float",
                        }),
                    )
                    .example(
                        "texts",
                        "Texts, short vectors",
                        json!({ "model": "text-embedding-3-small", "input": ["One", "Two"], "dimensions": 8 }),
                    ),
            )
            .generates(
                "The vectors.",
                [body(refer("EmbeddingResponse")).example(
                    "vector",
                    "A vector, shortened",
                    json!({
                        "object": "list",
                        "data": [{ "object": "embedding", "index": 0, "embedding": [0.002_306_4, -0.009_327_3] }],
                        "model": "text-embedding-3-small",
                        "usage": { "prompt_tokens": 5, "total_tokens": 5 },
                    }),
                )],
            ),
        new("/v1/audio/transcriptions", "createTranscription", Tag::Audio, "Transcribe audio")
            .about("A form with a file. `text`, `srt` and `vtt` answer as plain text.")
            .takes(form(refer("TranscriptionRequest")).example(
                "file",
                "A recording",
                json!({ "file": "speech.wav", "model": "whisper-1", "response_format": "json" }),
            ))
            .generates("What was said.", answers().into_iter().chain([events(refer("TranscriptionStreamEvent"))])),
        new("/v1/audio/translations", "createTranslation", Tag::Audio, "Translate audio into English")
            .takes(form(refer("TranslationRequest")).example(
                "file",
                "A recording",
                json!({ "file": "speech.wav", "model": "whisper-1" }),
            ))
            .generates("What was said, in English.", answers()),
    ]
}
