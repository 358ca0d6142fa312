//! What the tools of a request mean for the count of its input, beyond their own bytes.

use super::Prompt;
use crate::json;

/// Tokens that Anthropic says before the tools of a request, and around each of them.
const ANTHROPIC_TOOLS: u64 = 480;

/// Takes the list of tools as it stands in the request.
pub(super) fn take(list: &[u8], found: &mut Prompt) {
    let mut anthropic = false;
    // What is no list has no tools.
    let _ = json::elements(list, |tool| {
        let (mut ours, mut hosted) = (false, false);
        let _ = json::members(tool, |member| match member.key().as_ref() {
            b"type" => match member.value {
                b"\"function\"" | b"\"custom\"" => ours = true,
                b"null" => {}
                _ => hosted = true,
            },
            b"input_schema" => anthropic = true,
            b"functionDeclarations" | b"function_declarations" => ours = true,
            b"name" | b"description" | b"strict" | b"cache_control" | b"function" | b"parameters" => {}
            b"googleSearch"
            | b"google_search"
            | b"googleSearchRetrieval"
            | b"urlContext"
            | b"url_context"
            | b"codeExecution"
            | b"code_execution"
            | b"fileSearch"
            | b"googleMaps"
            | b"retrieval" => {
                found.elsewhere += 1;
            }
            _ => {}
        });
        // The vendor runs it and lets the model read what comes of it.
        found.elsewhere += u64::from(hosted && !ours);
    });
    if anthropic {
        found.preamble = ANTHROPIC_TOOLS;
    }
}
