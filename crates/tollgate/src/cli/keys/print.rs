//! Keys as a table for people; scripts take `--json`.

use std::io::{self, Write};

use serde_json::{Map, Value};

const HEADS: [&str; 8] = ["ID", "NAME", "MODE", "STATUS", "PROJECT", "HINT", "EXPIRES", "BUDGET"];

/// Writes one line for each key, columns as wide as they need to be.
pub(super) fn table(keys: &[Map<String, Value>], out: &mut dyn Write) -> io::Result<()> {
    if keys.is_empty() {
        return writeln!(out, "There are no keys. Make one with: tollgate keys create --name NAME");
    }
    let rows: Vec<[String; 8]> = std::iter::once(HEADS.map(str::to_owned)).chain(keys.iter().map(row)).collect();
    let mut widths = [0; 8];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let gap = width - cell.chars().count() + 2;
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', gap));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn row(key: &Map<String, Value>) -> [String; 8] {
    let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    let budget = key.get("budget").and_then(|budget| {
        let usd = budget.get("limit_usd")?.as_str()?;
        let mode = match budget.get("mode")?.as_str()? {
            "strict" => String::new(),
            mode => format!(", {mode}"),
        };
        Some(format!("${} / {}{mode}", short(usd), budget.get("window")?.as_str()?))
    });
    [
        text("id"),
        text("name"),
        text("mode"),
        text("status"),
        text("project"),
        text("hint"),
        text("expires_at"),
        budget.unwrap_or_else(|| "-".to_owned()),
    ]
}

/// Nine decimals are for machines; at least two stay.
fn short(usd: &str) -> &str {
    let cut = usd.trim_end_matches('0').len();
    let cents = usd.find('.').map_or(usd.len(), |dot| dot + 3);
    usd.get(..cut.max(cents)).unwrap_or(usd)
}

#[cfg(test)]
mod tests {
    #[test]
    fn amounts_keep_their_cents() {
        assert_eq!(super::short("12.000000000"), "12.00");
        assert_eq!(super::short("12.500000000"), "12.50");
        assert_eq!(super::short("0.000012500"), "0.0000125");
    }
}
