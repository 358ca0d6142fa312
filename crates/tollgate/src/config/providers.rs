//! Reads `[providers.…]` and finds the providers that the environment alone describes.
//!
//! Owns a provider's keys, defaults and relations. A table wins over the usual variables of its kind: key by key
//! within the table, wholly for the question whether a provider appears by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::credentials;
use super::fields::{Context, Fields, Text};
use super::kinds::{HTTP, KINDS, ON_DISCONNECT, PROTOCOLS};
use super::process::{WrittenTimeouts, timeouts};
use super::written::{Node, Origin, Table};
use super::{BaseUrl, Credential, Found, HttpVersion, Kind, Protocol, Provider, base_url, headers, usual};

/// What was read: the sound providers, and every name that was written, sound or not.
pub(super) struct Providers {
    pub(super) sound: BTreeMap<String, Arc<Provider>>,
    pub(super) named: BTreeSet<String>,
}

pub(super) fn read(ctx: &Context<'_>, tables: Table, all: WrittenTimeouts, listen: SocketAddr) -> Providers {
    let mut providers = Providers { sound: BTreeMap::new(), named: BTreeSet::new() };
    let mut kinds = BTreeSet::new();
    for (name, entry) in tables {
        let path = super::fields::join("providers", &name);
        if !sound_name(&name) {
            let message = "a provider's name has letters, digits, `-` and `_`, 64 at most";
            ctx.report(&path, &entry.key, message);
            continue;
        }
        providers.named.insert(name.clone());
        let Some(mut fields) = Fields::open(ctx, path, entry.node) else {
            continue;
        };
        let kind = kind(&mut fields, &name);
        kinds.extend(kind);
        let provider = one(ctx, &mut fields, &name, kind, all, listen);
        fields.finish();
        if let Some(provider) = provider {
            providers.sound.insert(name, Arc::new(provider));
        }
    }
    for kind in Kind::ALL {
        if !kinds.contains(&kind)
            && !providers.named.contains(kind.name())
            && let Some(provider) = found(ctx, kind, all, listen)
        {
            providers.named.insert(kind.name().to_owned());
            providers.sound.insert(kind.name().to_owned(), Arc::new(provider));
        }
    }
    providers
}

fn sound_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// As written, or the table's own name where that is a kind.
fn kind(fields: &mut Fields<'_>, name: &str) -> Option<Kind> {
    let Some(node) = fields.take("kind") else {
        let kind = Kind::from_name(name);
        if kind.is_none() {
            let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
            let help = format!("one of {}", names.join(", "));
            fields.report("kind is missing", Some(&help));
        }
        return kind;
    };
    let text = fields.text_of("kind", node)?;
    fields.choose("kind", &text, KINDS)
}

fn one(
    ctx: &Context<'_>,
    fields: &mut Fields<'_>,
    name: &str,
    kind: Option<Kind>,
    all: WrittenTimeouts,
    listen: SocketAddr,
) -> Option<Provider> {
    let base = fields.text("base_url");
    let had_credentials = fields.take("credentials");
    let before = ctx.problems();
    let project = place(fields, "project", kind);
    let faulty = ctx.problems() != before;
    let location = place(fields, "location", kind);
    let own = timeouts(fields.sub("timeouts"));
    let more = fields.list("protocols").unwrap_or_default();
    let more = protocols(ctx, &fields.key("protocols"), more);
    let http = fields.choice("http", HTTP).unwrap_or(HttpVersion::Auto);
    let stream_usage = fields.boolean("stream_usage").unwrap_or(true);
    let on_disconnect = fields.choice("on_disconnect", ON_DISCONNECT);
    let concurrency = fields.integer("concurrency", 1..=1_000_000).and_then(|number| u32::try_from(number).ok());
    let forward = fields.list("forward_headers").unwrap_or_default();
    let forward_headers = headers::read(ctx, &fields.key("forward_headers"), forward);

    let kind = kind?;
    let (project, location) = vertex_place(fields, kind, project, location, faulty);
    let location_text = location.as_deref();
    let base = base_of(ctx, fields, kind, base, location_text, listen);
    let credentials = match had_credentials {
        Some(node) => credentials::read(ctx, &fields.key("credentials"), node, kind),
        None => usual_credentials(fields, ctx, kind),
    };
    let mut protocols = kind.protocols().to_vec();
    for protocol in more {
        if !protocols.contains(&protocol) {
            protocols.push(protocol);
        }
    }
    let credentials = credentials?;
    Some(Provider {
        name: name.into(),
        kind,
        base: base?,
        credentials,
        timeouts: all.in_force(own, kind),
        protocols,
        http,
        stream_usage,
        on_disconnect: on_disconnect.unwrap_or(kind.on_disconnect()),
        forward_headers,
        concurrency,
        project,
        location,
        found: Found::Table,
    })
}

/// A provider that no table names, from its kind's usual variables; none if they are not all there.
fn found(ctx: &Context<'_>, kind: Kind, all: WrittenTimeouts, listen: SocketAddr) -> Option<Provider> {
    let (variable, auth) = usual::credential(kind, ctx.env)?;
    let (project, location) = usual_place(ctx, kind);
    if kind == Kind::Vertex && project.is_none() {
        return None;
    }
    let (base, origin) = usual_base(ctx, kind, location.as_deref())?;
    let base = match base_url::parse(&base, kind) {
        Ok(base) => base,
        Err(why) => {
            let key = format!("providers.{kind}.base_url");
            ctx.report(&key, &origin, format!("the base URL {why}"));
            return None;
        }
    };
    // A client of this gateway on the same machine has its base URL set to ours.
    if is_own(&base, listen) {
        return None;
    }
    if let Some(why) = credentials::fault(&auth) {
        let key = format!("providers.{kind}.credentials");
        ctx.report(&key, &Origin::Variable(variable.into()), why);
        return None;
    }
    Some(Provider {
        name: kind.name().into(),
        kind,
        base,
        credentials: vec![Credential { auth, weight: 1 }],
        timeouts: all.in_force(WrittenTimeouts::default(), kind),
        protocols: kind.protocols().to_vec(),
        http: HttpVersion::Auto,
        stream_usage: true,
        on_disconnect: kind.on_disconnect(),
        forward_headers: Vec::new(),
        concurrency: None,
        project,
        location,
        found: Found::Variables,
    })
}

fn usual_credentials(fields: &Fields<'_>, ctx: &Context<'_>, kind: Kind) -> Option<Vec<Credential>> {
    if let Some((variable, auth)) = usual::credential(kind, ctx.env) {
        if let Some(why) = credentials::fault(&auth) {
            ctx.report(&fields.key("credentials"), &Origin::Variable(variable.into()), why);
            return None;
        }
        return Some(vec![Credential { auth, weight: 1 }]);
    }
    let help = match kind {
        Kind::OpenAiCompatible => {
            "credentials = [{ api_key = \"…\" }]; any text will do for a server that wants none".to_owned()
        }
        kind => format!("write them, or set {}", usual::key_variables(kind)),
    };
    fields.report("credentials are missing", Some(&help));
    None
}

/// The usual variable's base URL or the vendor's own, and where it comes from.
fn usual_base(ctx: &Context<'_>, kind: Kind, location: Option<&str>) -> Option<(String, Origin)> {
    let variable = usual::base_variable(kind).and_then(|name| {
        let value = super::environment::filled(ctx.env, name)?;
        Some((value.to_owned(), Origin::Variable(name.into())))
    });
    variable.or_else(|| Some((usual::default_base(kind, location)?, Origin::Whole)))
}

fn base_of(
    ctx: &Context<'_>,
    fields: &Fields<'_>,
    kind: Kind,
    written: Option<Text>,
    location: Option<&str>,
    listen: SocketAddr,
) -> Option<BaseUrl> {
    let quoted = written.as_ref().map_or_else(|| "the base URL".to_owned(), Text::quoted);
    let written = written.map(|text| (text.value, text.origin));
    let Some((text, origin)) = written.or_else(|| usual_base(ctx, kind, location)) else {
        // For Vertex the location is missing, and that has been said.
        if kind == Kind::OpenAiCompatible {
            let help = "a provider of this kind has no usual place";
            fields.report("base_url is missing", Some(help));
        }
        return None;
    };
    match base_url::parse(&text, kind) {
        Ok(base) if is_own(&base, listen) => {
            let message = "points to this gateway itself; requests would go in a circle";
            fields.report_at("base_url", &origin, message);
            None
        }
        Ok(base) => Some(base),
        Err(why) => {
            fields.report_at("base_url", &origin, format!("{quoted} {why}"));
            None
        }
    }
}

/// Whether a base URL is the data listener of this very process.
fn is_own(base: &BaseUrl, listen: SocketAddr) -> bool {
    let ours = |ip: IpAddr| ip == listen.ip() || (listen.ip().is_unspecified() && ip.is_loopback());
    base.port == listen.port()
        && listen.port() != 0
        && match base.host.parse::<IpAddr>() {
            Ok(ip) => ours(ip),
            Err(_) => base.host == "localhost" && (listen.ip().is_loopback() || listen.ip().is_unspecified()),
        }
}

/// `project` or `location`, which only Vertex has.
fn place(fields: &mut Fields<'_>, name: &'static str, kind: Option<Kind>) -> Option<Arc<str>> {
    let text = fields.text(name)?;
    if kind.is_some_and(|kind| kind != Kind::Vertex) {
        fields.report_at(name, &text.origin, "is only for providers of kind vertex");
        return None;
    }
    let value = text.value.trim();
    if sound_place(value) {
        return Some(value.into());
    }
    let message = format!("{} is not a Google Cloud {name}", text.quoted());
    fields.report_at(name, &text.origin, message);
    None
}

/// Projects and locations stand in hosts and paths. `example.com:project` is an old form of project id.
fn sound_place(value: &str) -> bool {
    (1..=100).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte))
        && !value.contains("..")
}

fn usual_place(ctx: &Context<'_>, kind: Kind) -> (Option<Arc<str>>, Option<Arc<str>>) {
    if kind != Kind::Vertex {
        return (None, None);
    }
    let sound = |name| super::environment::filled(ctx.env, name).filter(|value| sound_place(value)).map(Arc::from);
    let location = sound("GOOGLE_CLOUD_LOCATION").unwrap_or_else(|| "us-central1".into());
    (sound("GOOGLE_CLOUD_PROJECT"), Some(location))
}

fn vertex_place(
    fields: &Fields<'_>,
    kind: Kind,
    project: Option<Arc<str>>,
    location: Option<Arc<str>>,
    faulty: bool,
) -> (Option<Arc<str>>, Option<Arc<str>>) {
    let (usual_project, usual_location) = usual_place(fields.context(), kind);
    let project = project.or(usual_project);
    if kind == Kind::Vertex && project.is_none() && !faulty {
        let help = "write it, or set GOOGLE_CLOUD_PROJECT";
        fields.report("project is missing", Some(help));
    }
    (project, location.or(usual_location))
}

fn protocols(ctx: &Context<'_>, key: &str, nodes: Vec<Node>) -> Vec<Protocol> {
    let mut protocols = Vec::new();
    for (index, node) in nodes.into_iter().enumerate() {
        let key = format!("{key}[{index}]");
        let Some(text) = ctx.text(&key, node) else {
            continue;
        };
        if let Some(protocol) = ctx.choose(&key, &text, PROTOCOLS) {
            protocols.push(protocol);
        }
    }
    protocols
}
