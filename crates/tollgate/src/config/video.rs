//! Reads `[video]`: how tasks are looked after, and where the gateway may tell of them.

use super::fields::{Context, Fields};
use super::{Video, base_url};
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

impl Default for Video {
    fn default() -> Self {
        Self {
            first_poll: Duration::from_secs(2),
            slowest_poll: Duration::from_secs(30),
            resolve: Duration::from_mins(15),
            patience: Duration::from_hours(24),
            keep_days: 7,
            public_url: None,
            internal_networks: Vec::new(),
        }
    }
}

pub(super) fn read(ctx: &Context<'_>, fields: Option<Fields<'_>>) -> Video {
    let mut video = Video::default();
    let Some(mut fields) = fields else { return video };
    for (name, slot) in [
        ("first_poll", &mut video.first_poll),
        ("slowest_poll", &mut video.slowest_poll),
        ("resolve", &mut video.resolve),
        ("patience", &mut video.patience),
    ] {
        if let Some(duration) = fields.duration(name) {
            *slot = duration;
        }
    }
    video.slowest_poll = video.slowest_poll.max(video.first_poll);
    if let Some(days) = fields.integer("keep_days", 1..=3_650) {
        video.keep_days = u32::try_from(days).unwrap_or(u32::MAX);
    }
    if let Some(text) = fields.text("public_url") {
        match base_url::plain(&text.value) {
            Ok(url) => video.public_url = Some(url.into()),
            Err(why) => fields.report_at("public_url", &text.origin, format!("{} {why}", text.quoted())),
        }
    }
    let key = fields.key("internal_networks");
    for (index, node) in fields.list("internal_networks").unwrap_or_default().into_iter().enumerate() {
        let key = format!("{key}[{index}]");
        let Some(text) = ctx.text(&key, node) else { continue };
        match text.value.parse::<IpNet>().or_else(|_| text.value.parse::<IpAddr>().map(IpNet::from)) {
            Ok(net) => video.internal_networks.push(net.trunc()),
            Err(_) => {
                let message = format!("{} is not an address or a range, as in \"10.0.0.0/8\"", text.quoted());
                ctx.report(&key, &text.origin, message);
            }
        }
    }
    fields.finish();
    video
}
