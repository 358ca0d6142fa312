//! What is refused, and that the message leads to the place without giving a secret away.

use tollgate::config::Place;

use super::{load, refused};

/// `(line, column, key, part of the message or of its help)` of each error in the file.
pub(super) fn told(text: &str) -> Vec<(usize, usize, String, String)> {
    let errors = load(text, &[]).map(drop).unwrap_err();
    let one = |error: &tollgate::config::ConfigError| match &error.place {
        Place::File { path, line, column } => {
            assert_eq!(path.to_str(), Some("tollgate.toml"));
            let help = error.help.clone().unwrap_or_default();
            (*line, *column, error.key.clone(), format!("{} {help}", error.message))
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
        ("[server]\nlisen = \"x\"", 2, 1, "server.lisen", "did you mean `listen`?"),
        ("[servers]\n", 1, 2, "servers", "did you mean `server`?"),
        ("[server]\nlisten = \"x\"", 2, 10, "server.listen", "`x` is not an address"),
        ("[server]\nlisten = 8080", 2, 10, "server.listen", "expected a string, found an integer"),
        ("server = 1", 1, 10, "server", "expected a table"),
        ("[server]\n  body_limit = \"32M\"", 2, 16, "server.body_limit", "MiB"),
        ("[server]\nbody_limit = -1", 2, 14, "server.body_limit", "more than nothing"),
        ("[server]\ndrain_seconds = 1.5", 2, 17, "server.drain_seconds", "an integer, found a fraction"),
        ("[server]\nworkers = 9999", 2, 11, "server.workers", "between 0 and 1024"),
        ("[server.tls]\ncert = \"c\"", 1, 1, "server.tls", "key is missing"),
        ("[timeouts]\nidle = 5", 2, 8, "timeouts.idle", "no unit"),
        ("[timeouts]\nidle = \"0s\"", 2, 8, "timeouts.idle", "longer than nothing"),
        ("[storage]\ndatabase = \"postgres://h/d\"", 2, 12, "storage.database", "not supported yet"),
        ("[storage]\nbodies = \"al\"", 2, 10, "storage.bodies", "did you mean `all`?"),
        ("[providers.x]\nkind = \"opnai\"", 2, 8, "providers.x.kind", "did you mean `openai`?"),
        ("[providers.\"a b\"]\n", 1, 12, "providers.\"a b\"", "letters"),
        ("[models.\"a..b\"]\ntargets = []", 1, 9, "models.\"a..b\"", "letters"),
        ("[models.m]\ntargets = []", 2, 11, "models.m.targets", "at least one target"),
        ("[models.m]\n", 1, 1, "models.m", "targets is missing"),
    ] {
        let got = told(text);
        let (l, c, k, message) = &got[0];
        assert_eq!((*l, *c, k.as_str()), (line, column, path), "{text}: {got:?}");
        assert!(message.contains(part), "{text}: {message}");
    }
    for (more, line, path, part) in [
        ("base_url = \"h\"", 3, "base_url", "must begin with https"),
        ("base_url = \"http://127.0.0.1:8080/v1\"", 3, "base_url", "this gateway itself"),
        ("protocols = [\"chat\", \"respones\"]", 3, "protocols[1]", "did you mean `responses`?"),
        ("http = \"http3\"", 3, "http", "is not one of auto, http1, http2"),
        ("stream_usage = \"yes\"", 3, "stream_usage", "expected true or false"),
        ("project = \"p\"", 3, "project", "only for providers of kind vertex"),
        ("forward_headers = [\"Authorization\"]", 3, "forward_headers[0]", "credential"),
        ("forward_headers = [\"x\", \"Cookie\"]", 3, "forward_headers[1]", "session"),
        ("forward_headers = [\"a b\"]", 3, "forward_headers[0]", "header's name"),
        ("timeouts = { idel = \"1s\" }", 3, "timeouts.idel", "did you mean `idle`?"),
    ] {
        let got = told(&format!("{openai}{more}"));
        let path = format!("providers.openai.{path}");
        assert_eq!((got[0].0, got[0].2.as_str()), (line, path.as_str()), "{more}: {got:?}");
        assert!(got[0].3.contains(part), "{more}: {got:?}");
        assert_eq!(got.len(), 1, "{got:?}");
    }
    for (target, path, part) in [
        ("model = \"m\"", "targets[0]", "provider is missing"),
        ("provider = \"openai\"", "targets[0]", "model is missing"),
        ("provider = \"opnai\", model = \"m\"", "targets[0].provider", "known are openai did you mean"),
        ("provider = \"openai\", model = \"a b\"", "targets[0].model", "not a model's name"),
        ("provider = \"openai\", model = \"m\", weight = 0", "targets[0].weight", "between 1"),
    ] {
        let got = told(&format!("{openai}[models.m]\ntargets = [{{ {target} }}]"));
        let path = format!("models.m.{path}");
        assert_eq!((got[0].0, got[0].2.as_str()), (4, path.as_str()), "{target}: {got:?}");
        assert!(got[0].3.contains(part), "{target}: {got:?}");
    }
}

#[test]
fn credentials_have_exactly_one_form_and_it_suits_the_kind() {
    for (kind, credentials, part) in [
        ("openai", "[]", "at least one credential"),
        ("openai", "[{}]", "exactly one form"),
        ("openai", "[{ api_key = \"a\", access_token = \"b\" }]", "exactly one form"),
        ("openai", "[{ access_token = \"b\" }]", "takes no credential of this form"),
        ("vertex", "[{ api_key = \"a\" }]", "takes no credential of this form"),
        ("kling", "[{ access_key = \"a\" }]", "exactly one form"),
        ("kling", "[{ api_key = \"a\", access_key = \"b\", secret_key = \"c\" }]", "exactly one form"),
        ("openai", "[{ api_key = \"\" }]", "is empty"),
        ("openai", "[{ api_key = \"two words\" }]", "characters that no key has"),
        ("openai", "[{ api_key = \"a\", weight = 0 }]", "between 1 and"),
        ("openai", "[{ api_kye = \"a\" }]", "did you mean `api_key`?"),
    ] {
        let project = if kind == "vertex" { "project = \"p\"\n" } else { "" };
        let text = format!("[providers.x]\nkind = \"{kind}\"\n{project}credentials = {credentials}");
        let shown = refused(&text, &[]);
        assert!(shown.contains(part), "{text}: {shown}");
    }
    let shown = refused("[providers.x]\nkind = \"openai\"", &[]);
    assert!(shown.contains("credentials are missing") && shown.contains("OPENAI_API_KEY"), "{shown}");
    let shown = refused("[providers.x]\nkind = \"openai-compatible\"\ncredentials = [{ api_key = \"k\" }]", &[]);
    assert!(shown.contains("base_url is missing"), "{shown}");
    let shown = refused("[providers.x]\nkind = \"vertex\"\ncredentials = [{ access_token = \"k\" }]", &[]);
    assert!(shown.contains("project is missing"), "{shown}");
}
