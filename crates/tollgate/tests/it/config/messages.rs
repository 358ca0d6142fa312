//! How errors are told: at once, with their source, by the right name; and what `tollgate check` makes of them.

use tollgate::config::{Config, Sources};

use super::errors::told;
use super::{refused, sources};

#[test]
fn all_errors_are_told_at_once_with_source_and_caret() {
    let shown = refused("[server]\nlisten = \"x\"\n\n[storag]\n\n[timeouts]\nidle = 5\n", &[]);
    let expected = "\
error: server.listen: `x` is not an address; write IP:PORT, as in 127.0.0.1:8080 or [::]:8080
 --> tollgate.toml:2:10
  |
2 | listen = \"x\"
  |          ^^^

error: storag: unknown key
 --> tollgate.toml:4:2
  |
4 | [storag]
  |  ^^^^^^ did you mean `storage`?

error: timeouts.idle: expected a duration with its unit, as in \"5s\"; an integer has no unit
 --> tollgate.toml:7:8
  |
7 | idle = 5
  |        ^";
    assert_eq!(shown, expected);
}

#[test]
fn variables_are_named_in_errors() {
    for (env, name, part) in [
        (("TOLLGATE_SERVER__LISTEN", "x"), "TOLLGATE_SERVER__LISTEN", "not an address"),
        (("TOLLGATE_SERVER__WORKERS", "many"), "TOLLGATE_SERVER__WORKERS", "expected an integer"),
        (("TOLLGATE_SERVER__LISEN", "x"), "TOLLGATE_SERVER__LISEN", "did you mean `listen`?"),
        (("TOLLGATE_SERVER_LISTEN", "x"), "TOLLGATE_SERVER_LISTEN", "did you mean TOLLGATE_SERVER__LISTEN?"),
        (("TOLLGATE_COLOUR__RED", "x"), "TOLLGATE_COLOUR__RED", "unknown key"),
        (("TOLLGATE_SERVER__LISTEN__X", "x"), "TOLLGATE_SERVER__LISTEN__X", "expected a string"),
        (("TOLLGATE_SERVER____X", "x"), "TOLLGATE_SERVER____X", "empty part"),
        (("TOLLGATE_PROVIDERS__OPENAI__CREDENTIALS__7__API_KEY", "x"), "CREDENTIALS__7", "at most 0"),
        (("TOLLGATE_SERVER__LISTEN", "${NOT_THERE}"), "TOLLGATE_SERVER__LISTEN", "NOT_THERE is not set"),
    ] {
        let shown = refused("", &[env]);
        assert!(shown.contains(name) && shown.contains(part), "{shown}");
    }
    let shown = refused("", &[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "nowhere")]);
    assert!(shown.contains("OPENAI_BASE_URL") && shown.contains("base URL"), "{shown}");
    let option = Sources { listen: Some("x".to_owned()), ..sources(&[]) };
    let shown = Config::from_text(&option, "").unwrap_err().to_string();
    assert!(shown.contains("--listen") && shown.contains("`x`"), "{shown}");
}

#[test]
fn an_unset_variable_is_named_where_it_stands() {
    let got = told("[providers.openai]\ncredentials = [{ api_key = \"${NOT_THERE}\" }]");
    assert_eq!((got[0].0, got[0].1), (2, 28));
    assert_eq!(got[0].2, "providers.openai.credentials[0].api_key");
    assert!(got[0].3.contains("NOT_THERE is not set"), "{got:?}");
    let shown = refused("[providers.openai]\ncredentials = [{ api_key = \"${NOT_THERE}\" }]", &[]);
    assert!(shown.contains("api_key = \"${NOT_THERE}\""), "{shown}");
}

#[test]
fn files_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| Sources { file: Some(dir.path().join(name)), ..Sources::default() };
    let shown = Config::load(&at("absent.toml")).unwrap_err().to_string();
    assert!(shown.contains("absent.toml"), "{shown}");
    std::fs::write(dir.path().join("latin.toml"), b"# caf\xe9").unwrap();
    let shown = Config::load(&at("latin.toml")).unwrap_err().to_string();
    assert!(shown.contains("latin.toml is not UTF-8"), "{shown}");
}

#[test]
fn check_exits_with_2_and_prints_json() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.toml");
    let run = |text: &str, json: bool| {
        std::fs::write(&file, text).unwrap();
        let sources = Sources { file: Some(file.clone()), ..Sources::default() };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (code, printed) = tollgate::cli::check::report(&sources, json, &mut out, &mut err);
        printed.unwrap();
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    };
    let good = "[providers.openai]\ncredentials = [{ api_key = \"hidden\" }]\n[models.m]\ntargets = [{ provider = \"openai\", model = \"x\" }]";
    let (code, out, err) = run(good, false);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("https://api.openai.com/v1  1 credential\n"), "{out}");
    let (code, out, _) = run(good, true);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 0);
    assert_eq!(json["providers"][0]["credentials"], 1);
    assert_eq!(json["models"][0]["targets"][0]["model"], "x");
    assert!(!out.contains("hidden"));
    let (code, out, err) = run("[server]\nworkers = true", false);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("t.toml:2:11"), "{err}");
    let (code, out, _) = run("[server]\nworkers = true", true);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 2);
    assert_eq!((&json["errors"][0]["line"], &json["errors"][0]["key"]), (&2.into(), &"server.workers".into()));
}
