//! A configuration as operators see it: everything that is in force, and no credential.

use super::{
    Bodies, Config, Durability, Found, HttpVersion, OnDisconnect, Provider, Server, Storage, Target, Timeouts,
};
use serde_json::{Map, Value, json};

impl Config {
    /// Everything in force, as `tollgate check --json` and the admin API print it.
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        let server = &self.server;
        shown.insert("listen".into(), server.listen.to_string().into());
        shown.insert("admin_listen".into(), server.admin_listen.map(|address| address.to_string()).into());
        shown.insert("tls".into(), server.tls.is_some().into());
        shown.insert("data_dir".into(), json!(self.storage.data_dir));
        shown.insert("server".into(), of_server(server));
        shown.insert("storage".into(), of_storage(&self.storage));
        shown.insert("sandbox_timeouts_ms".into(), of_timeouts(self.sandbox_timeouts));
        shown.insert("providers".into(), self.providers.values().map(|one| of_provider(one)).collect());
        let models = self.models.iter().map(
            |(name, targets)| json!({ "name": name, "targets": targets.iter().map(of_target).collect::<Vec<_>>() }),
        );
        shown.insert("models".into(), models.collect());
        shown
    }
}

fn of_server(server: &Server) -> Value {
    json!({
        "body_limit": server.body_limit,
        "upload_limit": server.upload_limit,
        "drain_ms": server.drain.as_millis(),
        "header_timeout_ms": server.header_timeout.as_millis(),
        "body_timeout_ms": server.body_timeout.as_millis(),
        "keep_alive_ms": server.keep_alive.as_millis(),
        "send_timeout_ms": server.send_timeout.as_millis(),
        "max_connections": server.max_connections,
        "workers": server.workers,
    })
}

fn of_storage(storage: &Storage) -> Value {
    json!({
        "bodies": match storage.bodies { Bodies::Off => "off", Bodies::Errors => "errors", Bodies::All => "all" },
        "durability": match storage.durability { Durability::Group => "group", Durability::Strict => "strict" },
        "log_days": storage.log_days,
        "response_days": storage.response_days,
    })
}

fn of_timeouts(timeouts: Timeouts) -> Value {
    json!({
        "connect": timeouts.connect.as_millis(),
        "first_byte": timeouts.first_byte.as_millis(),
        "idle": timeouts.idle.as_millis(),
        "total": timeouts.total.as_millis(),
    })
}

fn of_provider(provider: &Provider) -> Value {
    json!({
        "name": &*provider.name,
        "kind": provider.kind.name(),
        "base_url": provider.base.to_string(),
        "credentials": provider.credentials.len(),
        "protocols": provider.protocols.iter().map(|one| one.name()).collect::<Vec<_>>(),
        "from_environment": provider.found == Found::Variables,
        "http": match provider.http { HttpVersion::Auto => "auto", HttpVersion::Http1 => "1.1", HttpVersion::Http2 => "2" },
        "stream_usage": provider.stream_usage,
        "on_disconnect": match provider.on_disconnect { OnDisconnect::Cancel => "cancel", OnDisconnect::Drain => "drain" },
        "forward_headers": provider.forward_headers.iter().map(http::HeaderName::as_str).collect::<Vec<_>>(),
        "timeouts_ms": of_timeouts(provider.timeouts),
    })
}

fn of_target(target: &Target) -> Value {
    json!({
        "provider": &*target.provider.name,
        "model": &*target.model,
        "priority": target.priority,
        "weight": target.weight,
    })
}
