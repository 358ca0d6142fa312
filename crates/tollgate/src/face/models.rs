//! The page of models and prices, from the catalogue and the operator's own prices.

use super::html::escape;
use crate::catalogue;
use crate::money;
use crate::pricing::{Price, PriceBook, Row};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tollgate_protocol::usage::ServiceTier;

/// Every model that is priced or listed, with what it costs now.
pub(super) fn page(prices: &PriceBook, now_ms: i64) -> String {
    let mut rows: BTreeMap<(String, String), String> = BTreeMap::new();
    let none = || "<td class=\"num\">–</td>".repeat(3);
    for entry in catalogue::all().iter().filter(|entry| entry.is_served()) {
        let cells = format!("{}<td><span class=\"badge warn\">no price</span></td>", none());
        rows.insert((entry.kind.name().to_owned(), entry.model.to_owned()), cells);
    }
    for (kind, model, price) in prices.all() {
        if let Some(cells) = cells(price, now_ms) {
            rows.insert((kind.name().to_owned(), model.to_owned()), cells);
        }
    }
    let mut out = String::from(
        "<article class=\"prose\"><h1>Models and prices</h1><p>Every model of the catalogue with its price in force, in US dollars for a \
         million tokens. Which of them a key may use, <code>GET /v1/models</code> tells. How an amount comes about: \
         <a href=\"/docs/prices\">prices</a>.</p><div class=\"field\"><label for=\"filter\">Filter</label>\
         <input id=\"filter\" class=\"input\" type=\"search\" autocomplete=\"off\"></div>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Prices\"><table id=\"models\"><thead><tr><th>Model</th><th>Kind</th>\
         <th class=\"num\">Input</th><th class=\"num\">Cached input</th><th class=\"num\">Output</th><th>More</th></tr></thead><tbody>",
    );
    for ((kind, model), cells) in rows {
        let _ = write!(out, "<tr><td><code>{}</code></td><td>{}</td>{cells}</tr>", escape(&model), escape(&kind));
    }
    out.push_str("</tbody></table></div></article>");
    out
}

/// What stands behind a model's name and kind.
fn cells(price: &Price, now_ms: i64) -> Option<String> {
    let rows = price.rows(now_ms);
    let row = plain(rows)?;
    let mut more = Vec::new();
    for (resolution, nano) in &row.rates.video_second {
        more.push(format!("${} a second ({})", short(*nano), escape(resolution)));
    }
    if let Some(nano) = row.rates.audio_minute {
        more.push(format!("${} a minute of audio", short(nano)));
    }
    if rows.len() > 1 {
        more.push("steps or tiers".to_owned());
    }
    if let Some(later) = price.later().iter().find(|later| later.from_ms > now_ms) {
        more.push(format!("changes on {}", escape(&later.from)));
    }
    let rates = ["input", "cache_read", "output"].map(|name| rate(row, name)).concat();
    Some(format!("{rates}<td>{}</td>", more.join(", ")))
}

/// What an ordinary request pays.
fn plain(rows: &[Row]) -> Option<&Row> {
    let ordinary = |row: &&Row| row.tier == ServiceTier::Standard && row.hours.is_empty() && row.above == 0;
    rows.iter().find(ordinary).or(rows.first())
}

fn rate(row: &Row, name: &str) -> String {
    let shown = row.rates.get(name).map_or_else(|| "–".to_owned(), |nano| format!("${}", short(nano)));
    format!("<td class=\"num\">{shown}</td>")
}

/// Dollars without the noughts that say nothing.
fn short(nano: u64) -> String {
    let text = money::print(i64::try_from(nano).unwrap_or(i64::MAX));
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    format!("{whole}.{part:0<2}")
}
