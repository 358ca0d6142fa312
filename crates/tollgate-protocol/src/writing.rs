//! What every writer of requests works with.

use crate::canonical::{Field, Losses, OutputFormat, SchemaSupport};
use crate::codec::{Codec, Target};
use crate::fault::Fault;
use crate::write::Object;

/// Who is written to, whose names are used, and what was lost so far.
pub(crate) struct Writing<'a> {
    pub(crate) target: &'a Target<'a>,
    pub(crate) names: &'a dyn Codec,
    pub(crate) losses: &'a mut Losses,
}

impl Writing<'_> {
    pub(crate) fn dropped(&mut self, field: Field) {
        self.losses.dropped(self.names.name(field));
    }

    pub(crate) fn approximated(&mut self, field: Field) {
        self.losses.approximated(self.names.name(field));
    }

    /// What cannot be left out without asking for something else.
    pub(crate) fn refuse(&self, field: Field, what: &str) -> Fault {
        Fault::unsupported(self.names.name(field), format!("This model does not take {what}."))
    }

    /// Writes how words are chosen, by the names that all protocols with names of this kind share.
    pub(crate) fn warmth(&mut self, body: &mut Object<'_>, temperature: Option<f64>, top_p: Option<f64>) {
        let accepts = self.target.accepts;
        if let Some(warmth) = temperature {
            if accepts.sampling {
                if warmth > accepts.max_temperature {
                    self.approximated(Field::Temperature);
                }
                body.number("temperature", warmth.min(accepts.max_temperature));
            } else {
                self.dropped(Field::Temperature);
            }
        }
        if let Some(share) = top_p {
            if !accepts.sampling || (temperature.is_some() && !accepts.temperature_with_top_p) {
                self.dropped(Field::TopP);
            } else {
                body.number("top_p", share);
            }
        }
    }

    /// The words that ask for a form which the model has no field for.
    pub(crate) fn by_words(&mut self, output: &OutputFormat) -> Option<String> {
        let words = match (output, self.target.accepts.schema) {
            (OutputFormat::Text, _) | (_, SchemaSupport::Native) => return None,
            // DeepSeek refuses JSON mode unless the word stands somewhere (its documentation, 2026-11).
            (OutputFormat::JsonObject, _) => "Answer with a JSON object and nothing else.".to_owned(),
            (OutputFormat::Schema { schema, .. }, _) => {
                format!("Answer with JSON and nothing else. It must be valid by this JSON Schema:\n{}", schema.0)
            }
        };
        self.approximated(Field::OutputFormat);
        Some(words)
    }
}
