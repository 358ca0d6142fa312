//! Google's service accounts: signed assertions, tokens kept and renewed, and failures that are the operator's.

use crate::harness::{Answer, Gateway, Upstream, json_answer};
use crate::wire::Sim;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const ASK: &str = r#"{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}"#;

/// A service account and a gateway's directory with its file `sa.json`.
struct Account {
    dir: tempfile::TempDir,
    pem: String,
}

impl Account {
    fn new(token_uri: &str) -> (Self, Vec<u8>) {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = key.public_key().as_ref().to_vec();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        let account = Self { dir: tempfile::tempdir().unwrap(), pem };
        account.write(token_uri);
        (account, public)
    }

    fn write(&self, token_uri: &str) {
        let file = json!({
            "type": "service_account", "project_id": "p-1", "private_key_id": "kid-7", "private_key": self.pem,
            "client_email": "gate@p-1.iam.example", "token_uri": token_uri,
        });
        std::fs::write(self.dir.path().join("sa.json"), file.to_string()).unwrap();
    }
}

fn config(vertex: SocketAddr) -> String {
    format!(
        "[providers.vertex]\nbase_url = \"http://{vertex}\"\nproject = \"p-1\"\nlocation = \"europe-west4\"\n\
         credentials = [{{ service_account = \"sa.json\" }}]\n"
    )
}

/// A token server: each token is good for so many seconds and has a number. It takes so many milliseconds, in which
/// many callers meet.
fn tokens(life: u64, pause: u64) -> Upstream {
    let count = AtomicUsize::new(0);
    Upstream::start(move |_, stream| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let body = format!(r#"{{"access_token":"ya29.token-{number}","expires_in":{life},"token_type":"Bearer"}}"#);
        std::thread::sleep(Duration::from_millis(pause));
        stream.write_all(&json_answer("200 OK", &body)).is_ok()
    })
}

fn uri(server: &Upstream) -> String {
    format!("http://{}/token", server.address)
}

fn ask(gateway: &Gateway, key: &str) -> Answer {
    gateway.post("/v1beta/models/gemini-2.5-flash:generateContent", &[("x-goog-api-key", key)], ASK)
}

fn part(text: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

#[test]
fn one_signed_assertion_gives_a_token_for_all_calls() {
    let (server, sim) = (tokens(3600, 100), Sim::start());
    let (account, public) = Account::new(&uri(&server));
    let pem = account.pem.clone();
    let gateway = Arc::new(Gateway::start_in(account.dir, &config(sim.address), &[]));
    let key = gateway.live_key();
    let callers: Vec<_> = (0..12)
        .map(|_| {
            let (gateway, key) = (Arc::clone(&gateway), key.clone());
            std::thread::spawn(move || ask(&gateway, &key))
        })
        .collect();
    for caller in callers {
        let answer = caller.join().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-tollgate-attempts"), Some("1"));
    }
    // Every protocol reaches it, streams too.
    let chat = r#"{"model":"gemini-2.5-flash","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
    let streamed = gateway.chat(&key, chat, &[]);
    assert_eq!(streamed.events().last().map(String::as_str), Some("[DONE]"), "{}", streamed.text());
    assert_eq!(server.count(), 1, "one fetch for everybody");

    let request = server.last();
    assert!(request.starts_with("POST /token HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: application/x-www-form-urlencoded\r\n"), "{request}");
    let form = request.split("\r\n\r\n").nth(1).unwrap();
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    let assertion = form.strip_prefix(grant).unwrap_or_else(|| panic!("{form}"));
    let parts: Vec<&str> = assertion.split('.').collect();
    assert_eq!(part(parts[0]), json!({"alg": "RS256", "typ": "JWT", "kid": "kid-7"}));
    let claims = part(parts[1]);
    assert_eq!(claims["iss"], "gate@p-1.iam.example");
    assert_eq!(claims["aud"], uri(&server));
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    let signed = format!("{}.{}", parts[0], parts[1]);
    let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(signed.as_bytes(), &signature).unwrap();

    let journal = sim.journal();
    let base = "/v1/projects/p-1/locations/europe-west4/publishers/google/models/gemini-2.5-flash";
    assert_eq!(journal[0]["path"], format!("{base}:generateContent"));
    assert_eq!(journal.last().unwrap()["path"], format!("{base}:streamGenerateContent"));
    for entry in &journal {
        let sent: Vec<_> = entry["headers"].as_array().unwrap().iter().filter(|h| h[0] == "authorization").collect();
        assert_eq!(sent.len(), 1, "{entry}");
    }
    let log = gateway.log();
    let body: String = pem.lines().nth(1).unwrap().chars().take(60).collect();
    for secret in ["ya29.token", &body, parts[2]] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn a_token_is_fetched_again_before_it_ends() {
    // Good for 8 s: fetched again from the sixth on, in the background.
    let (server, sim) = (tokens(8, 900), Sim::start());
    let (account, _) = Account::new(&uri(&server));
    let gateway = Gateway::start_in(account.dir, &config(sim.address), &[]);
    let key = gateway.live_key();
    assert_eq!(ask(&gateway, &key).status, 200);
    std::thread::sleep(Duration::from_millis(6_200));
    let started = std::time::Instant::now();
    assert_eq!(ask(&gateway, &key).status, 200);
    assert!(started.elapsed() < Duration::from_millis(850), "the call waited for the token server");
    crate::money::eventually("a second token", || server.count() == 2);
    std::thread::sleep(Duration::from_millis(2_000));
    assert_eq!(ask(&gateway, &key).status, 200);
    assert_eq!(server.count(), 2);
}

#[test]
fn a_refused_token_is_replaced_once() {
    let server = tokens(3600, 100);
    let (account, _) = Account::new(&uri(&server));
    // Takes only the second token, until it takes none.
    let vertex = Upstream::start(|request, stream| {
        let good = String::from_utf8_lossy(request).contains("authorization: Bearer ya29.token-2\r\n");
        let answer = if good {
            let answer = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":1,"totalTokenCount":3}}"#;
            json_answer("200 OK", answer)
        } else {
            let refusal = r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}"#;
            json_answer("401 Unauthorized", refusal)
        };
        stream.write_all(&answer).is_ok()
    });
    let gateway = Gateway::start_in(account.dir, &config(vertex.address), &[]);
    let key = gateway.live_key();
    let answer = ask(&gateway, &key);
    assert_eq!((answer.status, answer.header("x-tollgate-attempts")), (200, Some("2")), "{}", answer.text());
    assert_eq!((server.count(), vertex.count()), (2, 2));
    assert_eq!(ask(&gateway, &key).header("x-tollgate-attempts"), Some("1"));
    gateway.assert_books_add_up();

    // None is good: one renewal, then the operator's error; and no storm of renewals.
    let never = Upstream::start(|_, stream| {
        stream
            .write_all(&json_answer(
                "401 Unauthorized",
                r#"{"error":{"code":401,"message":"No ya29.token-9","status":"UNAUTHENTICATED"}}"#,
            ))
            .is_ok()
    });
    let server = tokens(3600, 100);
    let (account, _) = Account::new(&uri(&server));
    let gateway = Gateway::start_in(account.dir, &config(never.address), &[]);
    let key = gateway.live_key();
    for (attempts, fetched, calls) in [("2", 2, 2), ("1", 2, 3), ("1", 2, 4)] {
        let answer = ask(&gateway, &key);
        assert_eq!(
            (answer.status, answer.json()["error"]["details"][0]["reason"].as_str()),
            (502, Some("upstream_account_error"))
        );
        assert_eq!(answer.header("x-tollgate-attempts"), Some(attempts));
        assert_eq!((server.count(), never.count()), (fetched, calls));
    }
}

#[test]
fn what_is_wrong_with_the_account_is_the_operators_concern() {
    let refusing = Upstream::start(|_, stream| {
        let body = r#"{"error":"invalid_grant","error_description":"Invalid JWT: secret-detail"}"#;
        stream.write_all(&json_answer("400 Bad Request", body)).is_ok()
    });
    let senseless = Upstream::start(|_, stream| stream.write_all(&json_answer("200 OK", "<html>")).is_ok());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sim = Sim::start();
    for (uri, told) in [
        (uri(&refusing), "refused the service account: 400 invalid_grant"),
        (uri(&senseless), "gave no token"),
        (format!("http://{closed}/token"), "gave no token: cannot connect"),
        ("http://192.0.2.1/token".to_owned(), "its token_uri is not https"),
    ] {
        let (account, _) = Account::new(&uri);
        let gateway = Gateway::start_in(account.dir, &config(sim.address), &[]);
        let key = gateway.live_key();
        for _ in 0..3 {
            let answer =
                gateway.chat(&key, r#"{"model":"gemini-2.5-flash","messages":[{"role":"user","content":"Hi"}]}"#, &[]);
            assert_eq!((answer.status, &*answer.code()), (502, "upstream_account_error"), "{}", answer.text());
            assert_eq!(answer.header("x-tollgate-attempts"), Some("0"));
            assert!(!answer.text().contains("token_uri") && !answer.text().contains("invalid_grant"));
        }
        crate::money::eventually("a line in the log", || gateway.log().contains(told));
        let log = gateway.log();
        assert_eq!(log.matches(told).count(), 1, "told once: {log}");
        assert!(!log.contains("secret-detail"), "{log}");
    }
    assert_eq!(refusing.count(), 1, "a token server that says no is left alone for a while");
    assert!(sim.journal().is_empty());
    // Another account that works takes over.
    let (account, _) = Account::new("http://192.0.2.1/token");
    let both = config(sim.address)
        .replace("\"sa.json\" }", "\"sa.json\", weight = 1000000 }, { access_token = \"ya29.given\" }");
    let gateway = Gateway::start_in(account.dir, &both, &[]);
    assert_eq!(ask(&gateway, &gateway.live_key()).status, 200);
}

#[test]
fn the_usual_variables_name_the_file() {
    let (server, sim) = (tokens(3600, 100), Sim::start());
    let (account, _) = Account::new(&uri(&server));
    let file = account.dir.path().join("sa.json");
    let base = format!("http://{}", sim.address);
    let env = [
        ("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap()),
        ("GOOGLE_CLOUD_PROJECT", "p-2"),
        ("VERTEX_BASE_URL", &base),
    ];
    let gateway = Gateway::start_in(account.dir, "", &env);
    let answer = ask(&gateway, &gateway.live_key());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(sim.journal()[0]["path"].as_str().unwrap().starts_with("/v1/projects/p-2/locations/us-central1/"));
    assert_eq!(server.count(), 1);
}
