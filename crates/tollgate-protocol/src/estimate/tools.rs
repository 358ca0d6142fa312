//! What the tools of a request mean for the count of its input, beyond their own bytes.

use super::scan::Scan;

/// Tokens that Anthropic says before the tools of a request, and around each of them.
const ANTHROPIC_TOOLS: u64 = 480;

impl Scan<'_> {
    /// Passes the list of tools.
    pub(super) fn tools(&mut self) -> Option<()> {
        if self.peek()? != b'[' {
            return self.schema();
        }
        self.at += 1;
        while self.peek()? != b']' {
            if self.peek()? == b'{' {
                self.tool()?;
            } else {
                self.schema()?;
            }
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Some(())
    }

    /// Passes one tool. What the vendor runs itself brings input that the request does not show.
    fn tool(&mut self) -> Option<()> {
        let (mut ours, mut hosted) = (false, false);
        self.members(|scan, key| {
            let written = key.len() as u64 + 4;
            scan.peek()?;
            let start = scan.at;
            let bytes = scan.skip()?;
            let value = scan.text.get(start..scan.at)?;
            match key {
                b"type" if matches!(value, b"\"function\"" | b"\"custom\"") => ours = true,
                b"type" => hosted |= value != b"null",
                b"functionDeclarations" | b"function_declarations" => ours = true,
                b"input_schema" => scan.found.preamble = ANTHROPIC_TOOLS,
                b"googleSearch"
                | b"google_search"
                | b"googleSearchRetrieval"
                | b"urlContext"
                | b"url_context"
                | b"codeExecution"
                | b"code_execution"
                | b"fileSearch"
                | b"googleMaps"
                | b"retrieval" => hosted = true,
                _ => {}
            }
            scan.found.schema_bytes += written + bytes;
            Some(())
        })?;
        self.found.elsewhere += u64::from(hosted && !ours);
        Some(())
    }
}
