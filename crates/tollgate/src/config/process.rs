//! Reads `[server]`, `[storage]` and `[timeouts]`: what concerns the process and no vendor.
//!
//! Owns their keys, defaults and bounds. Opens nothing: whether an address is free and a file is there shows when
//! they are used.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::fields::{Fields, Text};
use super::{Bodies, Durability, Kind, Server, Storage, Timeouts, Tls};

const MIB: u64 = 1 << 20;
/// Bodies are held in memory, so the limit is one too.
const LARGEST_BODY: u64 = 1 << 30;
const LARGEST_UPLOAD: u64 = 64 << 30;

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_listen: None,
            body_limit: 32 * MIB,
            upload_limit: 512 * MIB,
            drain: Duration::from_mins(10),
            tls: None,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            send_timeout: Duration::from_mins(2),
            max_connections: 16_384,
            workers: 0,
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./tollgate-data"),
            bodies: Bodies::Off,
            durability: Durability::Group,
            log_days: 30,
            // As long as `OpenAI` keeps its own (its documentation, 2026-11).
            response_days: 30,
        }
    }
}

pub(super) fn server(fields: Option<Fields<'_>>) -> Server {
    let mut server = Server::default();
    let Some(mut fields) = fields else {
        return server;
    };
    let listen = fields.text("listen");
    if let Some(listen) = listen.and_then(|text| address(&fields, "listen", &text)) {
        server.listen = listen;
    }
    let admin = fields.text("admin_listen");
    let admin = admin.and_then(|text| address(&fields, "admin_listen", &text));
    server.admin_listen = admin_address(server.listen, admin);
    let keep = server.clone();
    server.body_limit = fields.size("body_limit", LARGEST_BODY).unwrap_or(keep.body_limit);
    server.upload_limit = fields.size("upload_limit", LARGEST_UPLOAD).unwrap_or(keep.upload_limit);
    server.drain = fields.integer("drain_seconds", 0..=86_400).map_or(keep.drain, Duration::from_secs);
    server.header_timeout = fields.duration("header_timeout").unwrap_or(keep.header_timeout);
    server.body_timeout = fields.duration("body_timeout").unwrap_or(keep.body_timeout);
    server.keep_alive = fields.duration("keep_alive").unwrap_or(keep.keep_alive);
    server.send_timeout = fields.duration("send_timeout").unwrap_or(keep.send_timeout);
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    server.max_connections = fields.integer("max_connections", 1..=1_000_000).map_or(keep.max_connections, count);
    server.workers = fields.integer("workers", 0..=1024).map_or(keep.workers, count);
    server.tls = fields.sub("tls").and_then(tls);
    fields.finish();
    server
}

/// The admin listener in force: as written; none beside a loopback listener; else loopback's own.
fn admin_address(listen: SocketAddr, written: Option<SocketAddr>) -> Option<SocketAddr> {
    match written {
        Some(same) if same == listen => None,
        Some(own) => Some(own),
        None if loopback(listen.ip()) => None,
        None => {
            let port = if listen.port() == 8081 { 8080 } else { 8081 };
            Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        }
    }
}

fn loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn address(fields: &Fields<'_>, name: &str, text: &Text) -> Option<SocketAddr> {
    let value = text.value.trim();
    let meant = value.strip_prefix("localhost:").map_or_else(|| value.to_owned(), |port| format!("127.0.0.1:{port}"));
    let parsed = meant.parse();
    if parsed.is_err() {
        let message = format!("{} is not an address; write IP:PORT, as in 127.0.0.1:8080 or [::]:8080", text.quoted());
        fields.report_at(name, &text.origin, message);
    }
    parsed.ok()
}

fn tls(mut fields: Fields<'_>) -> Option<Tls> {
    let cert = file(&mut fields, "cert");
    let key = file(&mut fields, "key");
    let pair = cert.zip(key).map(|(cert, key)| Tls { cert, key });
    fields.finish();
    pair
}

fn file(fields: &mut Fields<'_>, name: &'static str) -> Option<PathBuf> {
    let Some(node) = fields.take(name) else {
        fields.report(format!("{name} is missing"), Some("cert and key go together"));
        return None;
    };
    fields
        .text_of(name, node)
        .filter(|text| {
            let given = !text.value.is_empty();
            if !given {
                fields.report_at(name, &text.origin, "must name a file");
            }
            given
        })
        .map(|text| PathBuf::from(text.value))
}

pub(super) fn storage(fields: Option<Fields<'_>>) -> Storage {
    let mut storage = Storage::default();
    let Some(mut fields) = fields else {
        return storage;
    };
    if let Some(database) = fields.text("database") {
        let message = match database.value.as_str() {
            "sqlite" => None,
            url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Some("Postgres is not supported yet; write \"sqlite\"")
            }
            _ => Some("is not a database that is known; write \"sqlite\""),
        };
        if let Some(message) = message {
            fields.report_at("database", &database.origin, message);
        }
    }
    let bodies = [("off", Bodies::Off), ("errors", Bodies::Errors), ("all", Bodies::All)];
    if let Some(bodies) = fields.choice("bodies", &bodies) {
        storage.bodies = bodies;
    }
    let durability = [("group", Durability::Group), ("strict", Durability::Strict)];
    if let Some(durability) = fields.choice("durability", &durability) {
        storage.durability = durability;
    }
    if let Some(days) = fields.integer("log_days", 0..=36_500) {
        storage.log_days = u32::try_from(days).unwrap_or(u32::MAX);
    }
    if let Some(days) = fields.integer("response_days", 1..=3_650) {
        storage.response_days = u32::try_from(days).unwrap_or(u32::MAX);
    }
    if let Some(dir) = fields.text("data_dir") {
        if dir.value.is_empty() {
            fields.report_at("data_dir", &dir.origin, "must name a directory");
        } else {
            storage.data_dir = PathBuf::from(dir.value);
        }
    }
    fields.finish();
    storage
}

/// Time-outs as far as a table says them.
#[derive(Clone, Copy, Default)]
pub(super) struct WrittenTimeouts {
    connect: Option<Duration>,
    first_byte: Option<Duration>,
    idle: Option<Duration>,
    total: Option<Duration>,
}

pub(super) fn timeouts(fields: Option<Fields<'_>>) -> WrittenTimeouts {
    let Some(mut fields) = fields else {
        return WrittenTimeouts::default();
    };
    let written = WrittenTimeouts {
        connect: fields.duration("connect"),
        first_byte: fields.duration("first_byte"),
        idle: fields.duration("idle"),
        total: fields.duration("total"),
    };
    fields.finish();
    written
}

impl WrittenTimeouts {
    /// What is in force for a provider of this kind whose own table says `own`.
    pub(super) fn in_force(self, own: Self, kind: Kind) -> Timeouts {
        // DeepSeek may queue a request for ten minutes and send keep-alives meanwhile (its docs, 2026-11).
        let first_byte = if kind == Kind::DeepSeek { 600 } else { 120 };
        let choose = |own: Option<Duration>, all: Option<Duration>, seconds: u64| {
            own.or(all).unwrap_or(Duration::from_secs(seconds))
        };
        Timeouts {
            connect: choose(own.connect, self.connect, 5),
            first_byte: choose(own.first_byte, self.first_byte, first_byte),
            idle: choose(own.idle, self.idle, 60),
            total: choose(own.total, self.total, 1800),
        }
    }
}
