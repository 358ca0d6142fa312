//! What a sound configuration amounts to.

use std::time::Duration;

use tollgate::config::{Auth, Bodies, Config, Found, HttpVersion, Kind, Protocol, Sources};

use super::{sound, sources};

fn base(config: &Config, name: &str) -> String {
    config.providers[name].base.to_string()
}

#[test]
fn nothing_is_needed() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.admin_listen, None);
    assert_eq!(config.server.body_limit, 32 << 20);
    assert_eq!(config.server.upload_limit, 512 << 20);
    assert_eq!(config.server.drain, Duration::from_mins(10));
    assert_eq!(config.server.header_timeout, Duration::from_secs(10));
    assert_eq!(config.server.body_timeout, Duration::from_secs(30));
    assert_eq!(config.server.keep_alive, Duration::from_secs(75));
    assert_eq!(config.server.max_connections, 16_384);
    assert_eq!(config.server.workers, 0);
    assert_eq!(config.storage.bodies, Bodies::Off);
    assert_eq!(config.storage.data_dir.to_str(), Some("./tollgate-data"));
    assert!(config.providers.is_empty() && config.models.is_empty());
}

#[test]
fn the_admin_listener_follows_the_data_listener() {
    for (listen, admin) in [
        ("127.0.0.1:9000", None),
        ("[::1]:9000", None),
        ("localhost:9000", None),
        ("0.0.0.0:8080", Some("127.0.0.1:8081")),
        ("[::]:8080", Some("127.0.0.1:8081")),
        ("0.0.0.0:8081", Some("127.0.0.1:8080")),
    ] {
        let config = sound(&format!("server.listen = \"{listen}\""), &[]);
        let got = config.server.admin_listen.map(|address| address.to_string());
        assert_eq!(got.as_deref(), admin, "{listen}");
    }
    let same = "server = { listen = \"0.0.0.0:80\", admin_listen = \"0.0.0.0:80\" }";
    assert_eq!(sound(same, &[]).server.admin_listen, None);
}

#[test]
fn options_win_over_variables_and_these_over_the_file() {
    let file = "server.listen = \"127.0.0.1:1\"\nstorage.data_dir = \"a\"";
    let env = [("TOLLGATE_SERVER__LISTEN", "127.0.0.1:2"), ("TOLLGATE_STORAGE__DATA_DIR", "b")];
    assert_eq!(sound(file, &[]).server.listen.port(), 1);
    let config = sound(file, &env);
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.storage.data_dir.to_str(), Some("b"));
    let options = Sources { listen: Some("127.0.0.1:3".to_owned()), data_dir: Some("c".into()), ..sources(&env) };
    let config = Config::from_text(&options, file).unwrap();
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.storage.data_dir.to_str(), Some("c"));
}

#[test]
fn every_type_can_be_set_by_a_variable() {
    let config = sound(
        "[providers.my-own]\nkind = \"openai-compatible\"\nbase_url = \"http://h\"\ncredentials = [{ api_key = \"old\" }]",
        &[
            ("TOLLGATE_SERVER__BODY_LIMIT", "1MiB"),
            ("TOLLGATE_SERVER__UPLOAD_LIMIT", "2097152"),
            ("TOLLGATE_SERVER__DRAIN_SECONDS", "5"),
            ("TOLLGATE_SERVER__TLS__CERT", "c.pem"),
            ("TOLLGATE_SERVER__TLS__KEY", "k.pem"),
            ("TOLLGATE_TIMEOUTS__IDLE", "500ms"),
            ("TOLLGATE_STORAGE__BODIES", "errors"),
            ("TOLLGATE_PROVIDERS__MY_OWN__BASE_URL", "http://other/v9"),
            ("TOLLGATE_PROVIDERS__MY_OWN__STREAM_USAGE", "false"),
            ("TOLLGATE_PROVIDERS__MY_OWN__PROTOCOLS", "[\"responses\"]"),
            ("TOLLGATE_PROVIDERS__MY_OWN__CREDENTIALS__0__API_KEY", "new"),
            ("TOLLGATE_PROVIDERS__MY_OWN__CREDENTIALS__1__API_KEY", "12"),
            ("TOLLGATE_PROVIDERS__MY_OWN__TIMEOUTS__TOTAL", "1h"),
            ("TOLLGATE_PROVIDERS__DEEPSEEK__CREDENTIALS", "[{api_key = '${K}', weight = 2}]"),
            ("TOLLGATE_MODELS__FAST__TARGETS__0__PROVIDER", "my-own"),
            ("TOLLGATE_MODELS__FAST__TARGETS__0__MODEL", "m"),
            ("K", "from-k"),
            ("TOLLGATE_ADMIN_KEY", "not a setting"),
            ("TOLLGATE_PORT", "tcp://10.0.0.1:80"),
        ],
    );
    assert_eq!(config.server.body_limit, 1 << 20);
    assert_eq!(config.server.upload_limit, 2 << 20);
    assert_eq!(config.server.drain, Duration::from_secs(5));
    assert!(config.server.tls.is_some());
    assert_eq!(config.storage.bodies, Bodies::Errors);
    let own = &config.providers["my-own"];
    assert_eq!(base(&config, "my-own"), "http://other/v9");
    assert_eq!(own.protocols, [Protocol::Chat, Protocol::Responses]);
    assert!(!own.stream_usage);
    assert_eq!(own.timeouts.idle, Duration::from_millis(500));
    assert_eq!(own.timeouts.total, Duration::from_hours(1));
    let keys: Vec<&str> = own
        .credentials
        .iter()
        .map(|one| match &one.auth {
            Auth::ApiKey(key) => key.expose(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(keys, ["new", "12"]);
    let deepseek = &config.providers["deepseek"];
    assert_eq!((deepseek.kind, deepseek.found), (Kind::DeepSeek, Found::Table));
    assert_eq!(deepseek.credentials[0].weight, 2);
    assert_eq!(config.models["fast"].len(), 1);
}

#[test]
fn timeouts_by_kind_table_and_provider() {
    let file = |all: &str| {
        format!(
            "{all}\n[providers.deepseek]\ncredentials = [{{ api_key = \"k\" }}]\n\
             [providers.openai]\ncredentials = [{{ api_key = \"k\" }}]\ntimeouts = {{ connect = \"1s\" }}"
        )
    };
    let first = |config: &Config, name: &str| config.providers[name].timeouts.first_byte;
    let config = sound(&file(""), &[]);
    assert_eq!(first(&config, "deepseek"), Duration::from_mins(10));
    assert_eq!(first(&config, "openai"), Duration::from_mins(2));
    let timeouts = config.providers["openai"].timeouts;
    assert_eq!(timeouts.connect, Duration::from_secs(1));
    assert_eq!(timeouts.idle, Duration::from_mins(1));
    assert_eq!(timeouts.total, Duration::from_mins(30));
    let config = sound(&file("timeouts.first_byte = \"7s\""), &[]);
    assert_eq!(first(&config, "deepseek"), Duration::from_secs(7));
    assert_eq!(first(&config, "openai"), Duration::from_secs(7));
}

#[test]
fn providers_appear_by_their_usual_variables() {
    let config = sound(
        "",
        &[
            ("OPENAI_API_KEY", "k"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:9001"),
            ("ANTHROPIC_API_KEY", "k\n"),
            ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9001/"),
            ("DEEPSEEK_API_KEY", "k"),
            ("GOOGLE_API_KEY", "k"),
            ("GEMINI_BASE_URL", "http://127.0.0.1:9001/v1beta"),
            ("VERTEX_ACCESS_TOKEN", "k"),
            ("GOOGLE_CLOUD_PROJECT", "p"),
            ("GOOGLE_CLOUD_LOCATION", "europe-west4"),
            ("ARK_API_KEY", "k"),
            ("KLING_ACCESS_KEY", "a"),
            ("KLING_SECRET_KEY", "s"),
        ],
    );
    for (name, url) in [
        ("openai", "http://127.0.0.1:9001/v1"),
        ("anthropic", "http://127.0.0.1:9001/v1"),
        ("deepseek", "https://api.deepseek.com"),
        ("gemini", "http://127.0.0.1:9001/v1beta"),
        ("vertex", "https://europe-west4-aiplatform.googleapis.com/v1"),
        ("ark", "https://ark.cn-beijing.volces.com/api/v3"),
        ("kling", "https://api-singapore.klingai.com"),
    ] {
        assert_eq!(base(&config, name), url);
        assert_eq!(config.providers[name].found, Found::Variables);
    }
    assert_eq!(config.providers.len(), 7);
    let vertex = &config.providers["vertex"];
    assert_eq!(vertex.project.as_deref(), Some("p"));
    assert!(matches!(vertex.credentials[0].auth, Auth::AccessToken(_)));
    let kling = &config.providers["kling"].credentials[0].auth;
    assert!(matches!(kling, Auth::KeyPair { .. }));
}

#[test]
fn what_is_not_all_there_does_not_appear() {
    for env in [
        &[("OPENAI_API_KEY", "")][..],
        &[("OPENAI_BASE_URL", "http://h")],
        &[("KLING_ACCESS_KEY", "a")],
        &[("GOOGLE_APPLICATION_CREDENTIALS", "/sa.json")],
        // A client of this gateway: its key and its base URL are ours.
        &[("OPENAI_API_KEY", "sk-tg-live-0")],
        &[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://localhost:8080/v1")],
    ] {
        assert!(sound("", env).providers.is_empty(), "{env:?}");
    }
}

#[test]
fn a_table_of_the_same_kind_wins() {
    let file = "[providers.mine]\nkind = \"openai\"\nbase_url = \"http://h/x\"\ncredentials = [{ api_key = \"k\" }]";
    let env = [("OPENAI_API_KEY", "k"), ("ARK_API_KEY", "k")];
    let config = sound(file, &env);
    let names: Vec<&String> = config.providers.keys().collect();
    assert_eq!(names, ["ark", "mine"]);
    // A table that names no credentials takes the usual ones.
    let config = sound("[providers.openai]\nhttp = \"http2\"", &env);
    assert_eq!(config.providers["openai"].http, HttpVersion::Http2);
    assert_eq!(config.providers["openai"].credentials.len(), 1);
}

#[test]
fn forwarded_headers_are_lower_case_and_distinct() {
    let file = "[providers.openai]\ncredentials = [{ api_key = \"k\" }]\nforward_headers = [\"X-Trace\", \"x-trace\"]";
    let config = sound(file, &[]);
    assert_eq!(config.providers["openai"].forward_headers, ["x-trace"]);
}

#[test]
fn no_debug_output_shows_a_secret() {
    let env = [
        ("OPENAI_API_KEY", "hidden-1"),
        ("KLING_ACCESS_KEY", "hidden-2"),
        ("KLING_SECRET_KEY", "hidden-3"),
        ("V", "hidden-4"),
    ];
    let file = "[providers.x]\nkind = \"vertex\"\nproject = \"p\"\ncredentials = [{ access_token = \"${V}\" }]";
    let shown = format!("{:?} {:?}", sound(file, &env), sources(&env));
    assert!(!shown.contains("hidden"), "{shown}");
}
