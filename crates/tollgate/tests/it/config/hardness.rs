//! What no configuration, however odd, may do: show a secret, panic, or exhaust the stack.

use proptest::prelude::*;
use tollgate::config::{Config, Sources};

use super::{load, sources};

#[test]
fn no_error_shows_a_secret() {
    let env = [
        ("S", "hidden-value"),
        ("TOLLGATE_SERVER__WORKERS", "hidden-value"),
        ("TOLLGATE_STORAGE__BODIES", "hidden-value"),
        ("TOLLGATE_PROVIDERS__P__KIND", "hidden-value"),
    ];
    for text in [
        "server.listen = \"${S}\"",
        "storage.bodies = \"${S}\"",
        "storage.database = \"postgres://u:hidden-value@h/d\"",
        "timeouts.idle = \"${S}\"",
        "server.body_limit = \"${S}\"",
        "server.listen = \"sk-hidden-value\"",
        "[providers.x]\nkind = \"${S}\"",
        "[providers.x]\nkind = \"openai\"\nbase_url = \"${S}\"\ncredentials = [{ api_key = \"hidden-value\" }]",
        "[providers.x]\nkind = \"openai\"\nbase_url = \"http://u:hidden-value@h\"\ncredentials = [{ api_key = \"k\" }]",
        "[providers.x]\nkind = \"openai\"\ncredentials = [{ api_key = \"hidden-value\", wieght = 1 }]",
        "[providers.x]\nkind = \"openai\"\ncredentials = [{ api_kye = \"hidden-value\" }]",
        "[providers.x]\nkind = \"openai\"\ncredentials = [\"hidden-value\"]",
        "[providers.x]\nkind = \"openai\"\ncredentials = \"hidden-value\"",
        "[providers.x]\nkind = \"openai\"\nbearer = \"hidden-value\"",
        "[providers.x]\nkind = \"openai\"\nextra = { a = [\"hidden-value\"] }",
        "[providers.x]\nkind = \"openai\"\napi_key = \"hidden-value\"",
        "[providers.x]\nkind = \"openai\"\ncredentials = [{ api_key = \"hidden-value two\" }]",
        "[providers.x]\nkind = \"openai\"\ncredentials = [{ api_key = hidden-value }]",
        "[providers.x]\nkind = \"openai\"\ncredentials = [{ api_key = \"hidden-value }]",
        "[providers.x]\ncredentials = [\n  { api_key = \"hidden-value\" } }\n]",
        "[models.m]\ntargets = [{ provider = \"${S}\", model = \"${S} x\" }]",
        "[providers.x]\nkind = \"openai\"\nforward_headers = [\"${S} x\"]",
    ] {
        let errors = load(text, &env).map(drop).unwrap_err();
        let shown = format!("{errors}\n{errors:?}");
        assert!(!shown.contains("hidden-value"), "{text}\n{shown}");
    }
}

#[test]
fn depth_is_no_way_to_break_it() {
    let mut headers = String::new();
    for depth in 0..2000 {
        headers.push('[');
        headers.push_str(&"a.".repeat(depth));
        headers.push_str("b]\n");
    }
    for text in [
        format!("a = {}", "[".repeat(200_000)),
        format!("a = {}", "{a=".repeat(200_000)),
        format!("{}b = 1", "a.".repeat(200_000)),
        format!("[{}b]", "a.".repeat(200_000)),
        headers,
    ] {
        assert!(load(&text, &[]).is_err());
    }
    let long = format!("TOLLGATE_{}", "A__".repeat(10_000));
    assert!(load("", &[(&long, "x")]).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        let _ = load(&text, &[]).map_err(|errors| errors.to_string());
    }

    #[test]
    fn no_pieces_of_a_configuration_make_it_panic(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "[server]", "[providers.x]", "[models.\"é\"]", "\n", " = ", "listen", "kind", "\"openai\"",
            "credentials", "[{ api_key = \"k\" }]", "targets", "\"${A}\"", "\"é\u{1F600}\"", "'''\n", "\"\"\"",
            "1", "-9999999999999999999", "1e9", "1979-05-27", "[", "]", "{", "}", ",", "#", "\t", "\r\n", "=",
            "base_url", "\"http://[::1\"", ".", "timeouts", "true",
        ]), 0..24),
        variables in proptest::collection::btree_map(
            "TOLLGATE_(SERVER|PROVIDERS|MODELS)__[A-Z_0-9]{0,12}(__[A-Z0-9]{1,4})?", "\\PC{0,20}", 0..3),
    ) {
        let sources = Sources { env: variables, ..sources(&[]) };
        let _ = Config::from_text(&sources, &pieces.concat()).map_err(|errors| errors.to_string());
    }
}
