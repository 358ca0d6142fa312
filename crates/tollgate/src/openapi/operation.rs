//! One route as the document describes it: who may call it, what goes in, what comes out, how it fails.
//!
//! Owns how a description becomes an Operation Object of `OpenAPI` 3.1; what is described is the other files' work.

use super::errors::Envelope;
use super::schema::{Schema, string};
use serde_json::{Map, Value, json};

/// What its key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A key of the data plane.
    Key,
    /// An admin key.
    Admin,
    /// Nothing.
    Public,
}

/// Under which heading a route stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Chat,
    Responses,
    Messages,
    Gemini,
    Embeddings,
    Audio,
    Videos,
    Seedance,
    Kling,
    Veo,
    Models,
    Own,
    Service,
    Keys,
    Money,
    Running,
}

impl Tag {
    pub(super) const ALL: [Self; 16] = [
        Self::Chat,
        Self::Responses,
        Self::Messages,
        Self::Gemini,
        Self::Embeddings,
        Self::Audio,
        Self::Videos,
        Self::Seedance,
        Self::Kling,
        Self::Veo,
        Self::Models,
        Self::Own,
        Self::Service,
        Self::Keys,
        Self::Money,
        Self::Running,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Chat => "Chat completions",
            Self::Responses => "Responses",
            Self::Messages => "Messages",
            Self::Gemini => "Gemini",
            Self::Embeddings => "Embeddings",
            Self::Audio => "Audio",
            Self::Videos => "Videos",
            Self::Seedance => "Seedance",
            Self::Kling => "Kling",
            Self::Veo => "Veo",
            Self::Models => "Models",
            Self::Own => "Key and receipts",
            Self::Service => "Service",
            Self::Keys => "Admin: keys and projects",
            Self::Money => "Admin: usage and ledger",
            Self::Running => "Admin: running it",
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Chat => "OpenAI's Chat Completions, for OpenAI, Claude, DeepSeek and Gemini models alike.",
            Self::Responses => "OpenAI's Responses, with stored state.",
            Self::Messages => "Anthropic's Messages.",
            Self::Gemini => "Gemini's generateContent and its siblings.",
            Self::Embeddings => "Vectors of texts.",
            Self::Audio => "Speech to text.",
            Self::Videos => "OpenAI's Videos, in front of every video model.",
            Self::Seedance => "Volcengine Ark's video tasks.",
            Self::Kling => "Kling's video tasks.",
            Self::Veo => "Google's long-running video operations.",
            Self::Models => "Which models a key may use.",
            Self::Own => "What a key may know about itself and its requests.",
            Self::Service => "Health, metrics and this description.",
            Self::Keys => "Who may use the gateway, how much and until when.",
            Self::Money => "What was used and what it cost.",
            Self::Running => "Providers, models, tasks, webhooks, settings.",
        }
    }
}

/// A body of one content type.
#[derive(Debug, Clone)]
pub(super) struct Content {
    kind: &'static str,
    schema: Schema,
    /// Of each event of a stream.
    item: Option<Schema>,
    examples: Map<String, Value>,
}

impl Content {
    fn of(kind: &'static str, schema: Schema) -> Self {
        Self { kind, schema, item: None, examples: Map::new() }
    }

    /// A value that is good; `summary` is its heading.
    pub(super) fn example(mut self, name: &str, summary: &str, value: impl Into<Value>) -> Self {
        self.examples.insert(name.to_owned(), json!({ "summary": summary, "value": value.into() }));
        self
    }

    fn done(self) -> (String, Value) {
        let mut media = Map::new();
        media.insert("schema".into(), self.schema.done());
        if let Some(item) = self.item {
            media.insert("x-itemSchema".into(), item.done());
        }
        if !self.examples.is_empty() {
            media.insert("examples".into(), self.examples.into());
        }
        (self.kind.to_owned(), media.into())
    }
}

/// A JSON body.
pub(super) fn body(schema: Schema) -> Content {
    Content::of("application/json", schema)
}

/// A form with a file.
pub(super) fn form(schema: Schema) -> Content {
    Content::of("multipart/form-data", schema)
}

/// A stream of events, each of which carries a value of `item`.
pub(super) fn events(item: Schema) -> Content {
    let stream = string().about("Server-sent events; the schema of what each carries is in `x-itemSchema`.");
    Content { item: Some(item), ..Content::of("text/event-stream", stream) }
}

/// Text of some kind.
pub(super) fn text(kind: &'static str) -> Content {
    Content::of(kind, string())
}

/// Bytes of some kind.
pub(super) fn bytes(kind: &'static str) -> Content {
    Content::of(kind, super::schema::anything())
}

/// One route.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Upper-case.
    pub method: &'static str,
    /// With `{names}`.
    pub path: &'static str,
    /// Other paths that answer the same way.
    pub aliases: &'static [&'static str],
    /// Who may call it.
    pub access: Access,
    id: &'static str,
    tag: Tag,
    summary: &'static str,
    about: String,
    envelope: Envelope,
    errors: &'static [u16],
    parameters: Vec<Value>,
    body: Vec<Content>,
    replies: Vec<(u16, String, Vec<Content>, Vec<&'static str>)>,
}

/// What can go wrong where a vendor is asked.
pub(super) const GENERATES: &[u16] = &[400, 401, 402, 403, 404, 413, 422, 429, 500, 502, 503, 504];
/// What can go wrong where something of the gateway's own is read.
pub(super) const READS: &[u16] = &[401, 403, 404, 429, 500];
/// What can go wrong in the admin API.
pub(super) const ADMIN: &[u16] = &[400, 401, 404, 429, 500, 503];

/// Headers of every answer of the data plane.
const ALWAYS: &[&str] = &["x-request-id"];
/// Headers of answers that come from a vendor.
const FROM_VENDOR: &[&str] =
    &["x-request-id", "x-tollgate-provider", "x-tollgate-model", "x-tollgate-attempts", "x-tollgate-translation"];

impl Operation {
    /// A route of the data plane.
    pub(super) fn new(
        (method, path): (&'static str, &'static str),
        id: &'static str,
        tag: Tag,
        envelope: Envelope,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            aliases: &[],
            access: Access::Key,
            id,
            tag,
            summary,
            about: String::new(),
            envelope,
            errors: READS,
            parameters: path_parameters(path),
            body: Vec::new(),
            replies: Vec::new(),
        }
    }

    /// A route of the admin API.
    pub(super) fn admin(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        tag: Tag,
        summary: &'static str,
    ) -> Self {
        Self { access: Access::Admin, errors: ADMIN, ..Self::new((method, path), id, tag, Envelope::Admin, summary) }
    }

    /// A route that anybody may call.
    pub(super) fn public(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let new = Self::new(("GET", path), id, Tag::Service, Envelope::OpenAi, summary);
        Self { access: Access::Public, errors: &[], ..new }
    }

    /// What is worth knowing, as Markdown.
    pub(super) fn about(mut self, text: &str) -> Self {
        text.clone_into(&mut self.about);
        self
    }

    /// Other paths that answer the same way.
    pub(super) fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// A request body.
    pub(super) fn takes(mut self, content: Content) -> Self {
        self.body.push(content);
        self
    }

    /// A parameter of the query.
    pub(super) fn query(self, name: &str, schema: Schema, about: &str) -> Self {
        self.parameter(json!({ "name": name, "in": "query", "description": about, "schema": schema.done() }))
    }

    /// A header that the route reads.
    pub(super) fn header(self, name: &str, schema: Schema, about: &str) -> Self {
        self.parameter(json!({ "name": name, "in": "header", "description": about, "schema": schema.done() }))
    }

    /// `?limit=&after=`, as lists of the admin API have them.
    pub(super) fn paged(self) -> Self {
        self.shared("limit").shared("after")
    }

    /// One of the document's named parameters.
    pub(super) fn shared(self, name: &str) -> Self {
        self.parameter(json!({ "$ref": format!("#/components/parameters/{name}") }))
    }

    fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// A good answer.
    pub(super) fn gives(mut self, status: u16, about: &str, contents: impl IntoIterator<Item = Content>) -> Self {
        let headers = match self.access {
            Access::Key => ALWAYS.to_vec(),
            Access::Admin | Access::Public => Vec::new(),
        };
        self.replies.push((status, about.to_owned(), contents.into_iter().collect(), headers));
        self
    }

    /// A good answer that comes from a vendor, with what the gateway says of it.
    pub(super) fn generates(mut self, about: &str, contents: impl IntoIterator<Item = Content>) -> Self {
        self.errors = GENERATES;
        let mut headers = FROM_VENDOR.to_vec();
        headers.push("x-tollgate-cost-usd");
        self.replies.push((200, about.to_owned(), contents.into_iter().collect(), headers));
        self.shared("Idempotency-Key").shared("x-tollgate-translation").shared("x-tollgate-sim")
    }

    /// How it may fail.
    pub(super) fn fails(mut self, statuses: &'static [u16]) -> Self {
        self.errors = statuses;
        self
    }

    /// As it stands in the document. `live` says whether this version of the gateway answers it.
    pub(super) fn done(self, live: bool) -> Value {
        let mut done = Map::new();
        done.insert("operationId".into(), self.id.into());
        done.insert("tags".into(), json!([self.tag.name()]));
        done.insert("summary".into(), self.summary.into());
        if !self.about.is_empty() {
            done.insert("description".into(), self.about.into());
        }
        done.insert("x-tollgate-live".into(), live.into());
        if !self.aliases.is_empty() {
            done.insert("x-tollgate-aliases".into(), json!(self.aliases));
        }
        done.insert("security".into(), security(self.access));
        if !self.parameters.is_empty() {
            done.insert("parameters".into(), self.parameters.into());
        }
        if !self.body.is_empty() {
            let contents: Map<String, Value> = self.body.into_iter().map(Content::done).collect();
            done.insert("requestBody".into(), json!({ "required": true, "content": contents }));
        }
        let mut responses = Map::new();
        for (status, about, contents, headers) in self.replies {
            responses.insert(status.to_string(), reply(about, contents, &headers));
        }
        for status in self.errors {
            let name = self.envelope.response(*status);
            responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
        }
        done.insert("responses".into(), responses.into());
        done.into()
    }

    /// The document's name for it.
    pub fn id(&self) -> &'static str {
        self.id
    }
}

fn reply(about: String, contents: Vec<Content>, headers: &[&str]) -> Value {
    let mut reply = Map::new();
    reply.insert("description".into(), about.into());
    if !headers.is_empty() {
        let header = |name: &&str| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
        reply.insert("headers".into(), headers.iter().map(header).collect::<Map<_, _>>().into());
    }
    if !contents.is_empty() {
        reply.insert("content".into(), contents.into_iter().map(Content::done).collect::<Map<_, _>>().into());
    }
    reply.into()
}

fn security(access: Access) -> Value {
    match access {
        Access::Key => json!([{ "bearer": [] }, { "x-api-key": [] }, { "x-goog-api-key": [] }, { "key": [] }]),
        Access::Admin => json!([{ "admin": [] }]),
        Access::Public => json!([]),
    }
}

/// The names in a path, each of which is a parameter. What they hold is told by their names.
fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    names
        .map(|name| {
            let about = match name {
                "model" => "The model's public name.",
                "request_id" => "From the answer's `x-request-id`.",
                "project" | "location" => "Read and ignored: the gateway's own project and location are used.",
                "operation" => "The last part of the operation's name.",
                "name" => "The provider's configured name.",
                _ => "An id that this gateway gave.",
            };
            json!({ "name": name, "in": "path", "required": true, "description": about, "schema": { "type": "string" } })
        })
        .collect()
}
