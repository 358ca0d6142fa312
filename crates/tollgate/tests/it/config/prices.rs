//! The operator's own prices: what is taken, what is refused, and where the message leads.

use super::errors::told;
use super::{load, refused, sound};
use tollgate::config::{Config, Kind, Sources};
use tollgate::money;
use tollgate_protocol::usage::Usage;

fn cost(config: &Config, kind: Kind, model: &str, usage: Usage) -> String {
    money::print(config.prices.find(kind, model).unwrap().amount(&usage, 0).nano)
}

#[test]
fn a_table_is_the_price() {
    let config = sound(
        r#"
        [prices."openai/gpt-5-mini"]
        input_per_million = "0.5"
        output_per_million = "4"
        [prices."openai-compatible/meta/llama-4"]
        input_per_million = "1"
        output_per_million = "2"
        steps = [
          { above_input_tokens = 2000, input_per_million = "3" },
          { above_input_tokens = 1000, input_per_million = "2", output_per_million = "5" },
        ]
        [prices."kling/kling-v2-6"]
        video_per_second = { "default" = "0.07", "1080p" = "0.14" }
        "#,
        &[],
    );
    let text = |input_tokens, output_tokens| Usage { input_tokens, output_tokens, ..Usage::default() };
    assert_eq!(cost(&config, Kind::OpenAi, "gpt-5-mini", text(1_000, 1_000)), "0.004500000");
    let llama = |input| cost(&config, Kind::OpenAiCompatible, "meta/llama-4", text(input, 1));
    assert_eq!((llama(1_000), llama(1_001)), ("0.001002000".to_owned(), "0.002007000".to_owned()));
    // A step that names no output has that of the row.
    assert_eq!(llama(2_001), "0.006005000");
    let video = Usage { video_milliseconds: 5_000, ..Usage::default() };
    assert_eq!(cost(&config, Kind::Kling, "kling-v2-6", video), "0.350000000");
    // Other models keep the catalogue's.
    assert_eq!(cost(&config, Kind::OpenAi, "gpt-5-nano", text(1_000_000, 0)), "0.050000000");
}

#[test]
fn variables_set_a_price_that_the_file_has() {
    let file = "[prices.\"openai/gpt-5-mini\"]\ninput_per_million = \"0.5\"\n";
    let config = sound(file, &[("TOLLGATE_PRICES__OPENAI_GPT_5_MINI__INPUT_PER_MILLION", "0.75")]);
    let usage = Usage { input_tokens: 1_000_000, ..Usage::default() };
    assert_eq!(cost(&config, Kind::OpenAi, "gpt-5-mini", usage), "0.750000000");
    let shown = refused(file, &[("TOLLGATE_PRICES__OPENAI_GPT_5_MINI__INPUT_PER_MILLION", "-1")]);
    assert!(shown.contains("TOLLGATE_PRICES__") && shown.contains("negative"), "{shown}");
}

#[test]
fn faults_are_told_with_their_place() {
    for (line, column, key, text, part) in [
        (2, 21, ".input_per_million", "input_per_million = 0.25", "expected a string, found a fraction"),
        (2, 21, ".input_per_million", "input_per_million = 1", "expected a string, found an integer"),
        (2, 21, ".input_per_million", "input_per_million = \"-1\"", "must not be negative"),
        (2, 21, ".input_per_million", "input_per_million = \"1e3\"", "decimal string"),
        (2, 21, ".input_per_million", "input_per_million = \"0.0000000001\"", "more than 9 decimals"),
        (2, 1, ".input_per_milion", "input_per_milion = \"1\"", "did you mean `input_per_million`?"),
        (1, 1, "", "", "names no rate"),
        (
            2,
            10,
            ".steps[0]",
            "steps = [{ input_per_million = \"1\" }]\ninput_per_million = \"1\"",
            "above_input_tokens is missing",
        ),
        (2, 10, ".steps[0]", "steps = [{ above_input_tokens = 1 }]\ninput_per_million = \"1\"", "names no rate"),
        (
            2,
            33,
            ".steps[0].above_input_tokens",
            "steps = [{ above_input_tokens = 0, input_per_million = \"1\" }]\ninput_per_million = \"1\"",
            "between 1",
        ),
        (2, 30, ".video_per_second.1080p", "video_per_second = { 1080p = 1 }", "expected a string"),
        (2, 16, ".confirm_jump", "confirm_jump = 1\ninput_per_million = \"1\"", "expected true or false"),
    ] {
        let got = told(&format!("[prices.\"openai/own-model\"]\n{text}"));
        let path = format!("prices.\"openai/own-model\"{key}");
        assert_eq!((got[0].0, got[0].1, got[0].2.as_str()), (line, column, path.as_str()), "{text}: {got:?}");
        assert!(got[0].3.contains(part), "{text}: {got:?}");
    }
    // A provider's table is no kind.
    let got = told("[prices.\"my-openai/gpt-5-mini\"]\ninput_per_million = \"1\"");
    assert!(got[0].3.contains("kinds are openai, anthropic"), "{got:?}");
    let got = told("[prices.gpt-5-mini]\ninput_per_million = \"1\"");
    assert!(got[0].3.contains("KIND/MODEL"), "{got:?}");
}

#[test]
fn a_slip_of_a_digit_is_refused_unless_confirmed() {
    let table =
        |rate: &str, more: &str| format!("[prices.\"openai/gpt-5-mini\"]\noutput_per_million = \"{rate}\"\n{more}");
    // The catalogue has 2.
    for (rate, taken) in [("19.999999999", true), ("20", false), ("0.2", false), ("0.200000001", true), ("0", false)] {
        assert_eq!(load(&table(rate, ""), &[]).is_ok(), taken, "{rate}");
        assert!(load(&table(rate, "confirm_jump = true"), &[]).is_ok(), "{rate}");
    }
    let got = told(&table("20", ""));
    assert_eq!((got[0].0, got[0].2.as_str()), (1, "prices.\"openai/gpt-5-mini\""));
    assert!(got[0].3.contains("output_per_million goes from 2.000000000 to 20.000000000"), "{got:?}");
    assert!(got[0].3.contains("confirm_jump = true"), "{got:?}");
    // A step is compared with the catalogue's step.
    let step = "[prices.\"gemini/gemini-2.5-pro\"]\ninput_per_million = \"1.25\"\n\
                steps = [{ above_input_tokens = 200000, input_per_million = \"25\" }]";
    assert!(refused(step, &[]).contains("from 2.500000000 to 25.000000000"));
    // A model without a price has nothing to jump from.
    assert!(load("[prices.\"openai/own-model\"]\ninput_per_million = \"1000\"", &[]).is_ok());
}

#[test]
fn a_reload_is_measured_by_what_is_in_force_too() {
    let dir = tempfile::tempdir().unwrap();
    let sources = Sources { file: Some(dir.path().join("tollgate.toml")), ..Sources::default() };
    let write = |text: &str| std::fs::write(dir.path().join("tollgate.toml"), text).unwrap();
    let own = |rate: &str, more: &str| format!("[prices.\"openai/own-model\"]\ninput_per_million = \"{rate}\"\n{more}");
    write(&own("1", ""));
    let first = Config::load(&sources).unwrap();
    // The catalogue does not know the model; the configuration in force does.
    write(&own("10", ""));
    assert!(Config::load(&sources).is_ok());
    let shown = Config::reload(&sources, &first).unwrap_err().to_string();
    assert!(shown.contains("tollgate.toml:1:9") && shown.contains("from 1.000000000 to 10.000000000"), "{shown}");
    write(&own("10", "confirm_jump = true"));
    let second = Config::reload(&sources, &first).unwrap();
    // Taken away, there is no price to compare, and the catalogue's own is no slip.
    write("");
    assert!(Config::reload(&sources, &second).unwrap().prices.find(Kind::OpenAi, "own-model").is_none());
}
