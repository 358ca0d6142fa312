//! Finds the text and the media of a request in one pass over its JSON. Knows the names that four protocols give to
//! things without knowing which protocol it reads; what it does not know counts as text, so that nothing can be
//! hidden from a hold by an unusual name.

use super::sample::text_length;
use super::{MAX_PARTS, Prompt};
use crate::json::MAX_DEPTH;

/// What a part of a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unknown,
    Image,
    Audio,
    File,
    Text,
    Opaque,
}

impl Kind {
    fn of_media_type(written: &[u8]) -> Self {
        match written.split(|b| *b == b'/').next() {
            Some(b"image") => Self::Image,
            Some(b"audio") => Self::Audio,
            Some(b"text") => Self::Text,
            _ => Self::File,
        }
    }

    /// By the `type` of a part.
    fn of_type(written: &[u8]) -> Self {
        match written {
            b"image" | b"image_url" | b"input_image" => Self::Image,
            b"input_audio" => Self::Audio,
            b"file" | b"input_file" | b"document" => Self::File,
            b"redacted_thinking" => Self::Opaque,
            _ => Self::Unknown,
        }
    }

    fn or(self, other: Self) -> Self {
        if self == Self::Unknown { other } else { self }
    }
}

/// One object of a message while it is read.
struct Part {
    /// By its own members, else by the name it stands under.
    own: Kind,
    outer: Kind,
    /// Bytes of media in it.
    payload: u64,
    /// It names media that lie elsewhere.
    elsewhere: bool,
    /// It has the members of a message.
    message: bool,
}

/// The pass itself. `None` from a step: the text is not JSON, or nested too deeply; what was found so far stands.
pub(super) struct Scan<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    pub(super) found: Prompt,
}

impl<'a> Scan<'a> {
    /// Reads a whole request.
    pub(super) fn request(text: &'a [u8]) -> Prompt {
        let mut scan = Self { text, at: 0, found: Prompt::default() };
        if scan.members(Self::top).is_none() {
            // Whoever can still read this may find text in the rest.
            scan.found.text_bytes += text.len().saturating_sub(scan.at) as u64;
        }
        scan.found
    }

    /// The value of a member of the request itself.
    fn top(&mut self, key: &[u8]) -> Option<()> {
        match key {
            b"messages"
            | b"input"
            | b"prompt"
            | b"contents"
            | b"content"
            | b"system"
            | b"systemInstruction"
            | b"system_instruction"
            | b"instructions"
            | b"suffix"
            | b"requests" => self.content(Kind::Unknown, 0),
            // Settings and names that no model reads.
            b"model" | b"metadata" | b"user" | b"safety_identifier" | b"prompt_cache_key" | b"stream_options"
            | b"stop" | b"stop_sequences" | b"logit_bias" | b"safetySettings" | b"modalities" | b"service_tier"
            | b"encoding_format" | b"labels" | b"cache_control" | b"thinking" | b"include" | b"generationConfig"
            | b"generation_config" => self.skip().map(drop),
            b"tools" => self.tools(),
            // In this mode several calls are made of one.
            b"reasoning" => {
                let start = self.at;
                self.skip()?;
                let pro = memchr::memmem::find(self.text.get(start..self.at)?, b"\"pro\"").is_some();
                self.found.elsewhere += u64::from(pro);
                Some(())
            }
            b"web_search_options" | b"search_settings" => {
                self.found.elsewhere += 1;
                self.skip().map(drop)
            }
            b"previous_response_id" | b"conversation" | b"cachedContent" | b"cached_content" | b"container" => {
                if self.peek()? != b'n' {
                    self.found.elsewhere += 1;
                }
                self.skip().map(drop)
            }
            _ if matches!(self.peek()?, b'{' | b'[' | b'"') => self.schema(),
            _ => self.skip().map(drop),
        }
    }

    /// A value that is counted byte for byte, as tools and their arguments are; a string is text like any other.
    pub(super) fn schema(&mut self) -> Option<()> {
        if self.peek()? == b'"' {
            return self.string().map(|written| self.read(written));
        }
        self.found.schema_bytes += self.skip()?;
        Some(())
    }

    /// A value made of text and media.
    fn content(&mut self, outer: Kind, depth: u32) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'"' => {
                let written = self.string()?;
                self.read(written);
            }
            b'[' => {
                self.at += 1;
                while self.peek()? != b']' {
                    self.content(outer, depth + 1)?;
                    if self.peek()? == b',' {
                        self.at += 1;
                    }
                }
                self.at += 1;
            }
            b'{' => {
                let mut part = Part { own: Kind::Unknown, outer, payload: 0, elsewhere: false, message: false };
                self.members(|scan, key| scan.member(key, &mut part, depth))?;
                self.close(&part);
            }
            // Texts of embeddings may come as the numbers of their tokens.
            b'0'..=b'9' => {
                self.found.token_ids += 1;
                self.skip()?;
            }
            _ => {
                self.skip()?;
            }
        }
        Some(())
    }

    /// The value of a member of an object inside a message.
    fn member(&mut self, key: &[u8], part: &mut Part, depth: u32) -> Option<()> {
        let is_string = self.peek()? == b'"';
        match key {
            b"role" => part.message = true,
            b"parts" => {
                part.message = true;
                return self.content(Kind::Unknown, depth + 1);
            }
            b"type" if is_string => {
                part.own = part.own.or(Kind::of_type(self.string()?));
                return Some(());
            }
            b"media_type" | b"mimeType" | b"mime_type" if is_string => {
                part.own = Kind::of_media_type(self.string()?);
                return Some(());
            }
            b"data" | b"file_data" | b"b64_json" | b"url" | b"image_url" | b"file_url" | b"fileUri" | b"file_uri"
                if is_string =>
            {
                let value = self.string()?;
                if let Some(tail) = value.strip_prefix(b"data:") {
                    part.own = Kind::of_media_type(tail);
                    part.payload += value.len() as u64;
                } else if matches!(key, b"data" | b"file_data" | b"b64_json") {
                    part.payload += value.len() as u64;
                } else {
                    part.elsewhere = true;
                }
                return Some(());
            }
            b"file_id" => part.elsewhere = true,
            b"signature" | b"thoughtSignature" | b"thought_signature" | b"encrypted_content" if is_string => {
                self.found.opaque_bytes += self.string()?.len() as u64;
                return Some(());
            }
            b"image_url" | b"image" => return self.content(Kind::Image, depth + 1),
            b"input_audio" => return self.content(Kind::Audio, depth + 1),
            b"file" | b"fileData" | b"file_data" => return self.content(Kind::File, depth + 1),
            b"source" => return self.content(part.own.or(part.outer), depth + 1),
            b"args" | b"arguments" | b"input" | b"response" | b"parameters" | b"input_schema" => return self.schema(),
            b"id" | b"call_id" | b"tool_call_id" | b"tool_use_id" | b"cache_control" | b"detail" | b"format"
            | b"filename" | b"status" | b"index" | b"is_error" => {}
            _ => return self.content(Kind::Unknown, depth + 1),
        }
        self.skip().map(drop)
    }

    /// Books what an object held.
    fn close(&mut self, part: &Part) {
        self.found.messages += u64::from(part.message);
        if part.payload == 0 && !part.elsewhere {
            return;
        }
        let kind = part.own.or(part.outer);
        let found = &mut self.found;
        match kind {
            // An address without a type is nearly always a picture's.
            Kind::Unknown | Kind::Image => found.images = (found.images + 1).min(MAX_PARTS),
            Kind::Audio => {
                found.audios = (found.audios + 1).min(MAX_PARTS);
                found.audio_bytes += part.payload;
            }
            Kind::File => {
                found.files = (found.files + 1).min(MAX_PARTS);
                found.file_bytes += part.payload;
            }
            Kind::Text => found.text_bytes += part.payload,
            Kind::Opaque => found.opaque_bytes += part.payload,
        }
        if part.elsewhere && !matches!(kind, Kind::Unknown | Kind::Image) {
            found.elsewhere += 1;
        }
    }

    /// Counts text as it is written in a JSON string.
    fn read(&mut self, written: &[u8]) {
        self.found.text_bytes += text_length(written);
        self.found.sample.take(written);
    }

    /// Calls `each` at the value of every member of the object here; it has to pass that value.
    pub(super) fn members(&mut self, mut each: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        if self.peek()? != b'{' {
            return None;
        }
        self.at += 1;
        while self.peek()? != b'}' {
            if self.peek()? != b'"' {
                return None;
            }
            let key = self.string()?;
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            each(self, key)?;
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Some(())
    }

    /// The next byte that is no white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Passes the string whose first quote is here and returns what is between its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at + 1;
        let mut at = start;
        // Most strings are short, and a search by words takes a while to begin.
        for byte in self.text.get(start..)?.iter().take(16) {
            match byte {
                b'"' => {
                    self.at = at + 1;
                    return self.text.get(start..at);
                }
                b'\\' => break,
                _ => at += 1,
            }
        }
        loop {
            at += memchr::memchr2(b'"', b'\\', self.text.get(at..)?)?;
            if self.text.get(at) == Some(&b'"') {
                self.at = at + 1;
                return self.text.get(start..at);
            }
            at += 2;
        }
    }

    /// Passes one value and returns how many bytes it has, white space between its parts left out.
    pub(super) fn skip(&mut self) -> Option<u64> {
        let (mut depth, mut bytes) = (0u32, 0);
        loop {
            match self.peek()? {
                b'"' => {
                    let start = self.at;
                    self.string()?;
                    bytes += (self.at - start) as u64;
                }
                b'{' | b'[' => {
                    depth += 1;
                    bytes += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    bytes += 1;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    bytes += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' | b',' | b':' => return None,
                _ => {
                    let rest = self.text.get(self.at..)?;
                    let scalar = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
                    let length = rest.iter().take_while(|b| scalar(b)).count();
                    if length == 0 {
                        return None;
                    }
                    bytes += length as u64;
                    self.at += length;
                }
            }
            if depth == 0 {
                return Some(bytes);
            }
        }
    }
}
