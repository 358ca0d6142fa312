//! What is refused, and that the message leads to the place without giving a secret away.

use tollgate::config::{Config, Place, Sources};

use super::{load, refused, sources};

/// `(line, column, key, part of the message or of its help)` of each error in the file.
fn told(text: &str) -> Vec<(usize, usize, String, String)> {
    let errors = load(text, &[]).map(drop).unwrap_err();
    let one = |error: &tollgate::config::ConfigError| match &error.place {
        Place::File { path, line, column } => {
            assert_eq!(path.to_str(), Some("tollgate.toml"));
            let help = error.help.clone().unwrap_or_default();
            (
                *line,
                *column,
                error.key.clone(),
                format!("{} {help}", error.message),
            )
        }
        place => panic!("{place:?} {error}"),
    };
    errors.all().iter().map(one).collect()
}

#[test]
fn each_error_names_line_column_and_key() {
    let key = "credentials = [{ api_key = \"k\" }]";
    let openai = format!("[providers.openai]\n{key}\n");
    for (text, line, column, path, part) in [
        ("[server]\nlisten = ", 2, 10, "", "value"),
        (
            "[server]\nlisen = \"x\"",
            2,
            1,
            "server.lisen",
            "did you mean `listen`?",
        ),
        ("[servers]\n", 1, 2, "servers", "did you mean `server`?"),
        (
            "[server]\nlisten = \"x\"",
            2,
            10,
            "server.listen",
            "`x` is not an address",
        ),
        (
            "[server]\nlisten = 8080",
            2,
            10,
            "server.listen",
            "expected a string, found an integer",
        ),
        ("server = 1", 1, 10, "server", "expected a table"),
        (
            "[server]\n  body_limit = \"32M\"",
            2,
            16,
            "server.body_limit",
            "MiB",
        ),
        (
            "[server]\nbody_limit = -1",
            2,
            14,
            "server.body_limit",
            "more than nothing",
        ),
        (
            "[server]\ndrain_seconds = 1.5",
            2,
            17,
            "server.drain_seconds",
            "an integer, found a fraction",
        ),
        (
            "[server]\nworkers = 9999",
            2,
            11,
            "server.workers",
            "between 0 and 1024",
        ),
        (
            "[server.tls]\ncert = \"c\"",
            1,
            1,
            "server.tls",
            "key is missing",
        ),
        ("[timeouts]\nidle = 5", 2, 8, "timeouts.idle", "no unit"),
        (
            "[timeouts]\nidle = \"0s\"",
            2,
            8,
            "timeouts.idle",
            "longer than nothing",
        ),
        (
            "[storage]\ndatabase = \"postgres://h/d\"",
            2,
            12,
            "storage.database",
            "not supported yet",
        ),
        (
            "[storage]\nbodies = \"al\"",
            2,
            10,
            "storage.bodies",
            "did you mean `all`?",
        ),
        (
            "[providers.x]\nkind = \"opnai\"",
            2,
            8,
            "providers.x.kind",
            "did you mean `openai`?",
        ),
        (
            "[providers.\"a b\"]\n",
            1,
            12,
            "providers.\"a b\"",
            "letters",
        ),
        (
            "[models.\"a..b\"]\ntargets = []",
            1,
            9,
            "models.\"a..b\"",
            "letters",
        ),
        (
            "[models.m]\ntargets = []",
            2,
            11,
            "models.m.targets",
            "at least one target",
        ),
        ("[models.m]\n", 1, 1, "models.m", "targets is missing"),
    ] {
        let got = told(text);
        let (l, c, k, message) = &got[0];
        assert_eq!(
            (*l, *c, k.as_str()),
            (line, column, path),
            "{text}: {got:?}"
        );
        assert!(message.contains(part), "{text}: {message}");
    }
    for (more, line, path, part) in [
        ("base_url = \"h\"", 3, "base_url", "must begin with https"),
        (
            "base_url = \"http://127.0.0.1:8080/v1\"",
            3,
            "base_url",
            "this gateway itself",
        ),
        (
            "protocols = [\"chat\", \"respones\"]",
            3,
            "protocols[1]",
            "did you mean `responses`?",
        ),
        (
            "http = \"http3\"",
            3,
            "http",
            "is not one of auto, http1, http2",
        ),
        (
            "stream_usage = \"yes\"",
            3,
            "stream_usage",
            "expected true or false",
        ),
        (
            "project = \"p\"",
            3,
            "project",
            "only for providers of kind vertex",
        ),
        (
            "forward_headers = [\"Authorization\"]",
            3,
            "forward_headers[0]",
            "credential",
        ),
        (
            "forward_headers = [\"x\", \"Cookie\"]",
            3,
            "forward_headers[1]",
            "session",
        ),
        (
            "forward_headers = [\"a b\"]",
            3,
            "forward_headers[0]",
            "header's name",
        ),
        (
            "timeouts = { idel = \"1s\" }",
            3,
            "timeouts.idel",
            "did you mean `idle`?",
        ),
    ] {
        let got = told(&format!("{openai}{more}"));
        let path = format!("providers.openai.{path}");
        assert_eq!(
            (got[0].0, got[0].2.as_str()),
            (line, path.as_str()),
            "{more}: {got:?}"
        );
        assert!(got[0].3.contains(part), "{more}: {got:?}");
        assert_eq!(got.len(), 1, "{got:?}");
    }
    for (target, path, part) in [
        ("model = \"m\"", "targets[0]", "provider is missing"),
        ("provider = \"openai\"", "targets[0]", "model is missing"),
        (
            "provider = \"opnai\", model = \"m\"",
            "targets[0].provider",
            "known are openai did you mean",
        ),
        (
            "provider = \"openai\", model = \"a b\"",
            "targets[0].model",
            "not a model's name",
        ),
        (
            "provider = \"openai\", model = \"m\", weight = 0",
            "targets[0].weight",
            "between 1",
        ),
    ] {
        let got = told(&format!("{openai}[models.m]\ntargets = [{{ {target} }}]"));
        let path = format!("models.m.{path}");
        assert_eq!(
            (got[0].0, got[0].2.as_str()),
            (4, path.as_str()),
            "{target}: {got:?}"
        );
        assert!(got[0].3.contains(part), "{target}: {got:?}");
    }
}

#[test]
fn credentials_have_exactly_one_form_and_it_suits_the_kind() {
    for (kind, credentials, part) in [
        ("openai", "[]", "at least one credential"),
        ("openai", "[{}]", "exactly one form"),
        (
            "openai",
            "[{ api_key = \"a\", access_token = \"b\" }]",
            "exactly one form",
        ),
        (
            "openai",
            "[{ access_token = \"b\" }]",
            "takes no credential of this form",
        ),
        (
            "vertex",
            "[{ api_key = \"a\" }]",
            "takes no credential of this form",
        ),
        ("kling", "[{ access_key = \"a\" }]", "exactly one form"),
        (
            "kling",
            "[{ api_key = \"a\", access_key = \"b\", secret_key = \"c\" }]",
            "exactly one form",
        ),
        ("openai", "[{ api_key = \"\" }]", "is empty"),
        (
            "openai",
            "[{ api_key = \"two words\" }]",
            "characters that no key has",
        ),
        (
            "openai",
            "[{ api_key = \"a\", weight = 0 }]",
            "between 1 and",
        ),
        ("openai", "[{ api_kye = \"a\" }]", "did you mean `api_key`?"),
    ] {
        let project = if kind == "vertex" {
            "project = \"p\"\n"
        } else {
            ""
        };
        let text =
            format!("[providers.x]\nkind = \"{kind}\"\n{project}credentials = {credentials}");
        let shown = refused(&text, &[]);
        assert!(shown.contains(part), "{text}: {shown}");
    }
    let shown = refused("[providers.x]\nkind = \"openai\"", &[]);
    assert!(
        shown.contains("credentials are missing") && shown.contains("OPENAI_API_KEY"),
        "{shown}"
    );
    let shown = refused(
        "[providers.x]\nkind = \"openai-compatible\"\ncredentials = [{ api_key = \"k\" }]",
        &[],
    );
    assert!(shown.contains("base_url is missing"), "{shown}");
    let shown = refused(
        "[providers.x]\nkind = \"vertex\"\ncredentials = [{ access_token = \"k\" }]",
        &[],
    );
    assert!(shown.contains("project is missing"), "{shown}");
}

#[test]
fn all_errors_are_told_at_once_with_source_and_caret() {
    let shown = refused(
        "[server]\nlisten = \"x\"\n\n[storag]\n\n[timeouts]\nidle = 5\n",
        &[],
    );
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
        (
            ("TOLLGATE_SERVER__LISTEN", "x"),
            "TOLLGATE_SERVER__LISTEN",
            "not an address",
        ),
        (
            ("TOLLGATE_SERVER__WORKERS", "many"),
            "TOLLGATE_SERVER__WORKERS",
            "expected an integer",
        ),
        (
            ("TOLLGATE_SERVER__LISEN", "x"),
            "TOLLGATE_SERVER__LISEN",
            "did you mean `listen`?",
        ),
        (
            ("TOLLGATE_SERVER_LISTEN", "x"),
            "TOLLGATE_SERVER_LISTEN",
            "did you mean TOLLGATE_SERVER__LISTEN?",
        ),
        (
            ("TOLLGATE_COLOUR__RED", "x"),
            "TOLLGATE_COLOUR__RED",
            "unknown key",
        ),
        (
            ("TOLLGATE_SERVER__LISTEN__X", "x"),
            "TOLLGATE_SERVER__LISTEN__X",
            "expected a string",
        ),
        (
            ("TOLLGATE_SERVER____X", "x"),
            "TOLLGATE_SERVER____X",
            "empty part",
        ),
        (
            ("TOLLGATE_PROVIDERS__OPENAI__CREDENTIALS__7__API_KEY", "x"),
            "CREDENTIALS__7",
            "at most 0",
        ),
        (
            ("TOLLGATE_SERVER__LISTEN", "${NOT_THERE}"),
            "TOLLGATE_SERVER__LISTEN",
            "NOT_THERE is not set",
        ),
    ] {
        let shown = refused("", &[env]);
        assert!(shown.contains(name) && shown.contains(part), "{shown}");
    }
    let shown = refused(
        "",
        &[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "nowhere")],
    );
    assert!(
        shown.contains("OPENAI_BASE_URL") && shown.contains("base URL"),
        "{shown}"
    );
    let option = Sources {
        listen: Some("x".to_owned()),
        ..sources(&[])
    };
    let shown = Config::from_text(&option, "").unwrap_err().to_string();
    assert!(
        shown.contains("--listen") && shown.contains("`x`"),
        "{shown}"
    );
}

#[test]
fn an_unset_variable_is_named_where_it_stands() {
    let got = told("[providers.openai]\ncredentials = [{ api_key = \"${NOT_THERE}\" }]");
    assert_eq!((got[0].0, got[0].1), (2, 28));
    assert_eq!(got[0].2, "providers.openai.credentials[0].api_key");
    assert!(got[0].3.contains("NOT_THERE is not set"), "{got:?}");
    let shown = refused(
        "[providers.openai]\ncredentials = [{ api_key = \"${NOT_THERE}\" }]",
        &[],
    );
    assert!(shown.contains("api_key = \"${NOT_THERE}\""), "{shown}");
}

#[test]
fn files_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| Sources {
        file: Some(dir.path().join(name)),
        ..Sources::default()
    };
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
        let sources = Sources {
            file: Some(file.clone()),
            ..Sources::default()
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (code, printed) = tollgate::cli::check::report(&sources, json, &mut out, &mut err);
        printed.unwrap();
        (
            code,
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    };
    let good = "[providers.openai]\ncredentials = [{ api_key = \"hidden\" }]\n[models.m]\ntargets = [{ provider = \"openai\", model = \"x\" }]";
    let (code, out, err) = run(good, false);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        out.contains("https://api.openai.com/v1  1 credential\n"),
        "{out}"
    );
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
    assert_eq!(
        (&json["errors"][0]["line"], &json["errors"][0]["key"]),
        (&2.into(), &"server.workers".into())
    );
}
