//! Thinking: how it is asked for, what it does not go with, and that its blocks come back as they were given out.

use serde_json::Value;

use super::{
    super::{
        check::{Fields, betas, given, integer, missing, needed, object, only},
        error::Failure,
    },
    turns::{Block, Turn, loop_start},
};
use crate::{
    Request,
    call::Call,
    seal::{self, Kind},
    turn::Insists,
};

const GUIDE: &str = "https://docs.claude.com/en/docs/build-with-claude/extended-thinking";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The request says nothing; there is thinking only where steering asks for it.
    Unsaid,
    Off,
    Enabled,
    Adaptive,
}

#[derive(Debug, Clone, Copy)]
pub(in crate::anthropic) struct Thinking {
    mode: Mode,
    /// Between calls of tools as well.
    interleaved: bool,
    /// Only the signature is shown.
    pub omitted: bool,
}

impl Thinking {
    pub(super) fn read(fields: &Fields, cap: Option<u64>, request: &Request<'_>) -> Result<Self, Failure> {
        let interleaved = betas(request).any(|beta| beta.starts_with("interleaved-thinking"));
        let mut read = Self { mode: Mode::Unsaid, interleaved, omitted: false };
        let Some(thinking) = given(fields, "thinking") else {
            return Ok(read);
        };
        let thinking = object(thinking, "thinking")?;
        let kind = needed(thinking, "thinking", "type")?;
        let path = format!("thinking.{kind}");
        read.mode = match kind {
            "enabled" => {
                only(thinking, &path, &["type", "budget_tokens", "display"])?;
                let budget = integer(thinking, &path, "budget_tokens", 1_024)?;
                let budget = budget.ok_or_else(|| missing(&format!("{path}.budget_tokens")))?;
                // With thinking between calls the budget may span several answers.
                if cap.is_some_and(|cap| cap <= budget) && !interleaved {
                    return Err(Failure::invalid(format!(
                        "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation \
                         at {GUIDE}#max-tokens-and-context-window-size"
                    )));
                }
                Mode::Enabled
            }
            "adaptive" => {
                only(thinking, &path, &["type", "display"])?;
                Mode::Adaptive
            }
            "disabled" => {
                only(thinking, &path, &["type"])?;
                Mode::Off
            }
            other => {
                return Err(Failure::at(
                    "thinking",
                    &format!(
                        "Input tag '{other}' found using 'type' does not match any of the expected tags: 'adaptive', \
                         'disabled', 'enabled'"
                    ),
                ));
            }
        };
        read.omitted = match given(thinking, "display").map(Value::as_str) {
            None | Some(Some("summarized")) => false,
            Some(Some("omitted")) => true,
            Some(_) => {
                return Err(Failure::at(&format!("{path}.display"), "Input should be 'summarized' or 'omitted'"));
            }
        };
        Ok(read)
    }

    /// The request asks for thinking.
    fn on(self) -> bool {
        matches!(self.mode, Mode::Enabled | Mode::Adaptive)
    }

    /// Whether the answer holds thinking after so many rounds of results.
    pub(super) fn shows(self, rounds: u64, insists: &Insists, call: &Call<'_>) -> bool {
        match self.mode {
            Mode::Off => false,
            Mode::Unsaid => call.steer.reasoning_tokens.is_some(),
            Mode::Adaptive => *insists == Insists::No || call.steer.reasoning_tokens.is_some(),
            Mode::Enabled => rounds == 0 || self.interleaved || call.steer.strict_state,
        }
    }

    /// What cannot be had together with thinking.
    pub(super) fn goes_with(self, fields: &Fields, insists: &Insists) -> Result<(), Failure> {
        if !self.on() {
            return Ok(());
        }
        let number = |name: &str| given(fields, name).and_then(Value::as_f64);
        if number("temperature").is_some_and(|temperature| temperature < 1.0) {
            return Err(Failure::invalid(format!(
                "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. Please consult our \
                 documentation at {GUIDE}#important-considerations-when-using-extended-thinking"
            )));
        }
        if number("top_p").is_some_and(|top_p| top_p < 0.95) {
            return Err(Failure::invalid(format!(
                "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode. \
                 Please consult our documentation at {GUIDE}#important-considerations-when-using-extended-thinking"
            )));
        }
        if number("top_k").is_some() {
            return Err(Failure::invalid(format!(
                "`top_k` must be unset when thinking is enabled or in adaptive mode. Please consult our documentation \
                 at {GUIDE}#important-considerations-when-using-extended-thinking"
            )));
        }
        // With adaptive thinking it may, as recorded; then there is no thinking.
        if self.mode == Mode::Enabled && *insists != Insists::No {
            return Err(Failure::invalid("Thinking may not be enabled when tool_choice forces tool use."));
        }
        Ok(())
    }

    /// Thinking blocks come back where they are needed, and as they were.
    pub(super) fn state(self, turns: &[Turn<'_>], call: &Call<'_>) -> Result<(), Failure> {
        let strict = call.steer.strict_state;
        for (at, turn) in turns.iter().enumerate() {
            let is_last = at + 1 == turns.len();
            if turn.blocks().last().is_some_and(is_thinking) && !is_last {
                return Err(Failure::invalid(format!(
                    "messages.{at}: The final block in an assistant message cannot be `thinking`."
                )));
            }
            let Some(place) = turn.blocks().iter().position(is_thinking) else {
                continue;
            };
            if !self.on() && !strict && is_last {
                return Err(Failure::invalid(format!(
                    "messages.{at}.content.{place}: When thinking is disabled, an `assistant` message in the final \
                     position cannot contain `thinking`. To use thinking blocks, enable `thinking` in your request."
                )));
            }
        }
        if !self.on() && !strict {
            return Ok(());
        }
        turns.iter().enumerate().try_for_each(|(at, turn)| seals(turn, at, call.stamp.world))?;
        let start = loop_start(turns);
        let looped = turns.get(start..).unwrap_or_default().iter().zip(start..);
        let mut assistants = looped.filter(|(turn, _)| turn.role == "assistant");
        let wanted: Vec<_> = match self.mode {
            _ if strict => assistants.filter(|(turn, _)| turn.has("tool_use")).collect(),
            // Only the first has to begin with one: what follows need not have been thought about.
            Mode::Enabled => assistants.next().into_iter().collect(),
            _ => Vec::new(),
        };
        wanted.into_iter().try_for_each(|(turn, at)| begins_with_thinking(turn, at))
    }
}

fn is_thinking(block: &Block<'_>) -> bool {
    matches!(block.kind, "thinking" | "redacted_thinking")
}

fn begins_with_thinking(turn: &Turn<'_>, at: usize) -> Result<(), Failure> {
    let found = match turn.blocks().first() {
        Some(first) if is_thinking(first) => return Ok(()),
        Some(first) => first.kind,
        None => "text",
    };
    Err(Failure::invalid(format!(
        "messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{found}`. When `thinking` is \
         enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of \
         `tool_use` and `tool_result` blocks). We recommend you include thinking blocks from previous turns. To avoid \
         this requirement, disable `thinking`. Please consult our documentation at {GUIDE}"
    )))
}

fn seals(turn: &Turn<'_>, at: usize, world: u64) -> Result<(), Failure> {
    for (place, block) in turn.blocks().iter().enumerate() {
        let (kind, words, seal, name) = match block.kind {
            "thinking" => (Kind::Signature, block.text("thinking"), block.text("signature"), "signature"),
            "redacted_thinking" => (Kind::Redacted, "", block.text("data"), "data"),
            _ => continue,
        };
        if !seal::fits(kind, world, &[words], seal) {
            let message = format!("Invalid `{name}` in `{}` block", block.kind);
            return Err(Failure::at(&format!("messages.{at}.content.{place}"), &message));
        }
    }
    Ok(())
}
